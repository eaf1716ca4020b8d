import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../../../contract/errors.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'

type FolderFile = { readonly path: string; readonly digest: string; readonly sizeBytes: number }
type Deps = {
  readonly blobs: Blobs
  /** Where each folder lies under the id of its tree. */
  readonly folder: string
  /** The files of a frozen tree; none when there is no such tree. */
  readonly filesOf: (tree: string) => Promise<readonly FolderFile[]>
}
export type ModelFolders = {
  /** Whether a tree has a file at this path. */
  has(tree: string, path: string): Promise<boolean>
  /** The folder of a tree with all its files, each as its digest says. Call `release` once. Throws `not_found`, `too_large`. */
  take(tree: string): Promise<{ readonly folder: string; release(): Promise<void> }>
}

const MOST_BYTES = 32 * 1024 ** 3

/**
 * Frozen folders of models as files on this machine’s disk, for what can only read files. One folder is made once for all who
 * use it, and removed with its last user; one that a server left behind is checked file by file before it is used again.
 */
export function createModelFolders({ blobs, folder: root, filesOf }: Deps): ModelFolders {
  const used = new Map<string, { users: number; made: Promise<void> }>()
  let partial = 0

  async function make(tree: string): Promise<void> {
    const files = await filesOf(tree)
    if (files.length === 0) throw new AppError('not_found', `the files of the version, frozen as ${tree}, are not in this store`)
    const sizeBytes = files.reduce((total, file) => total + file.sizeBytes, 0)
    if (sizeBytes > MOST_BYTES)
      throw new AppError('too_large', `the folder of the version has ${sizeBytes} bytes; at most ${MOST_BYTES} are put on this disk`)
    const target = path.join(root, tree)
    if (await holds(target, files)) return
    await rm(target, { recursive: true, force: true })
    partial += 1
    const unfinished = path.join(root, `${tree}.${process.pid}.${partial}`)
    try {
      for (const file of files) {
        const at = within(unfinished, file.path)
        await mkdir(path.dirname(at), { recursive: true })
        // What has another digest ends the stream before its end.
        await pipeline((await blobs.get(file.digest)).stream, fs.createWriteStream(at, { mode: 0o444 }))
      }
      await rename(unfinished, target)
    } finally {
      await rm(unfinished, { recursive: true, force: true })
    }
  }

  return {
    has: async (tree, file) => (await filesOf(tree)).some((one) => one.path === file),
    async take(tree) {
      if (!/^[0-9a-f]{64}$/.test(tree)) throw new AppError('invalid', `${tree} is no id of a frozen folder`)
      const entry = used.get(tree) ?? { users: 0, made: make(tree) }
      used.set(tree, entry)
      entry.users += 1
      let isReleased = false
      const release = async () => {
        if (isReleased) return
        isReleased = true
        entry.users -= 1
        if (entry.users > 0) return
        used.delete(tree)
        await rm(path.join(root, tree), { recursive: true, force: true })
      }
      try {
        await entry.made
        return { folder: path.join(root, tree), release }
      } catch (error) {
        await release()
        throw error
      }
    },
  }
}

function within(folder: string, file: string): string {
  const at = path.resolve(folder, file)
  if (!at.startsWith(`${path.resolve(folder)}${path.sep}`))
    throw new AppError('invalid', `the file ${file} of the version lies outside its folder`)
  return at
}

/** Whether a folder has every file with the right content. */
async function holds(folder: string, files: readonly FolderFile[]): Promise<boolean> {
  for (const file of files) {
    const at = within(folder, file.path)
    const found = await stat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
      throw error
    })
    if (found?.size !== file.sizeBytes) return false
    const hash = createHash('sha256')
    await pipeline(fs.createReadStream(at), hash)
    if (hash.digest('hex') !== file.digest) return false
  }
  return true
}
