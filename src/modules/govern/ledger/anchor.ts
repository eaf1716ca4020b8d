import fs from 'node:fs/promises'

type Link = { readonly n: number; readonly hash: string }

/**
 * The newest link, noted outside the database, so that cutting entries off the end of the chain is found too.
 * Whoever needs more than this machine’s word keeps a copy of the head elsewhere and passes it to `ledger verify --head`.
 */
export type Anchor = { note(link: Link): void; read(): Promise<Link | null>; settle(): Promise<void> }

/** A file for each process: the link it wrote last must be in the chain, whoever else writes. Notes are written one at a time, the newest wins; a crash may leave the file a few links behind, never ahead. */
export function createFileAnchor(file: string, onError: (error: unknown) => void): Anchor {
  let pending: Link | null = null
  let writing: Promise<void> | null = null
  async function write() {
    while (pending) {
      const link = pending
      pending = null
      await fs.writeFile(`${file}.new`, JSON.stringify(link))
      await fs.rename(`${file}.new`, file)
    }
  }
  return {
    note(link) {
      pending = link
      writing ??= write()
        .catch(onError)
        .finally(() => {
          writing = null
        })
    },
    async read() {
      await writing
      const text = await fs.readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw error
      })
      return text === null ? null : (JSON.parse(text) as Link)
    },
    async settle() {
      await writing
    },
  }
}
