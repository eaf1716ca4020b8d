import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { AppError, messageFrom } from '../../contract/errors.ts'
import { usageError } from '../failures.ts'
import { createProgress } from '../output/progress.ts'
import { sizeText } from '../output/text.ts'
import type { Shell } from '../shell.ts'

/** The bytes of `@file` or, for `-`, of standard input, counted for a person while they are sent. */
export function bodyFrom(typed: string, shell: Shell): AsyncIterable<Uint8Array> {
  if (typed === '-') return counted(shell.input, undefined, shell)
  if (!typed.startsWith('@')) throw usageError(`--body: give @file, or - for standard input; not "${typed}"`)
  const file = path.resolve(shell.folder, typed.slice(1))
  try {
    const { size } = fs.statSync(file)
    fs.accessSync(file, fs.constants.R_OK)
    return counted(fs.createReadStream(file, { highWaterMark: 1 << 18 }), size, shell)
  } catch (error) {
    throw usageError(`--body: cannot read ${file}: ${messageFrom(error)}`, error)
  }
}

/** A stream that can be iterated and sent; reading it moves a progress bar. */
function counted(source: AsyncIterable<Uint8Array>, total: number | undefined, shell: Shell): ReadableStream<Uint8Array> {
  const progress = createProgress(shell)
  async function* pass() {
    let sent = 0
    try {
      for await (const chunk of source) {
        sent += chunk.length
        progress.update(total && sent / total, `${sizeText(sent)}${total ? ` of ${sizeText(total)}` : ''}`)
        yield chunk
      }
    } finally {
      progress.end()
    }
  }
  return Readable.toWeb(Readable.from(pass(), { objectMode: false })) as ReadableStream<Uint8Array>
}

/** Writes a reply of bytes to standard output or, complete and verified or not at all, to a file. */
export async function saveBytes(response: Response, output: string | undefined, shell: Shell): Promise<void> {
  if (output === undefined && shell.terminal.columns !== undefined && !/json|text/.test(response.headers.get('content-type') ?? '')) {
    await response.body?.cancel()
    throw usageError('the reply is bytes, which a terminal cannot show: add --output FILE, or send it on with > or |')
  }
  const total = Number(response.headers.get('content-length') ?? 0) || undefined
  const body = counted(response.body as unknown as AsyncIterable<Uint8Array>, output === undefined ? undefined : total, shell)
  if (output === undefined) {
    for await (const chunk of body) await shell.terminal.out(chunk)
    return
  }
  const file = path.resolve(shell.folder, output)
  await writeVerified(body, file, /^"([0-9a-f]{64})"$/.exec(response.headers.get('etag') ?? '')?.[1])
  shell.terminal.note(`wrote ${file}\n`)
}

async function writeVerified(body: AsyncIterable<Uint8Array>, file: string, digest: string | undefined): Promise<void> {
  const hash = createHash('sha256')
  const unfinished = `${file}.part`
  const handle = await fs.promises.open(unfinished, 'w').catch((error: unknown) => {
    throw usageError(`--output: cannot write ${file}: ${messageFrom(error)}`, error)
  })
  try {
    for await (const chunk of body) {
      hash.update(chunk)
      await handle.writeFile(chunk)
    }
    await handle.close()
    const found = hash.digest('hex')
    if (digest !== undefined && found !== digest)
      throw new AppError('unsafe', `the download has digest ${found}, the server announced ${digest}; nothing was kept, try again`)
    fs.renameSync(unfinished, file)
  } catch (error) {
    await handle.close()
    fs.rmSync(unfinished, { force: true })
    throw error
  }
}
