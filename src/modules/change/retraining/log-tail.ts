import fs from 'node:fs/promises'

const LOG_TAIL_BYTES = 1_048_576

/** The last MiB of a log, and whether there was more before it; empty while there is no such file. */
export async function logTail(file: string): Promise<{ text: string; truncated: boolean }> {
  const handle = await fs.open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (!handle) return { text: '', truncated: false }
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, LOG_TAIL_BYTES)
    const buffer = Buffer.alloc(length)
    await handle.read(buffer, 0, length, size - length)
    return { text: buffer.toString('utf8'), truncated: size > length }
  } finally {
    await handle.close()
  }
}
