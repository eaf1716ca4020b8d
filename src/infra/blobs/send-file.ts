import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { ByteRange } from './blobs.ts'
import { corruptBlob } from './digest.ts'

/** Fewer, larger pieces: at 64 KiB the event loop, not the disk, decides how fast a file leaves. */
const PIECE_BYTES = 1 << 20

/** One being read, one being hashed, one on its way out. */
const BUFFERS = 3

/**
 * Gives a range of a file to `write`, in a few buffers by turns: a fresh one for every piece would have the garbage collector
 * walk the heap again and again for memory outside of it. While one piece goes out, the next is hashed and the one after it
 * read. Where `digest` is given, the last piece is held back until the whole is known to be right; throws `internal` when it
 * is not.
 */
export async function sendFile(
  file: string,
  { first, last }: ByteRange,
  write: (piece: Uint8Array) => Promise<void>,
  digest: string | undefined,
): Promise<void> {
  const hash = createHash('sha256')
  const handle = await open(file, 'r')
  const reader = createReader(handle, first, last)
  let held: Uint8Array | undefined
  let sentBytes = 0
  try {
    for (let piece = await reader.next(); piece; piece = await reader.next()) {
      sentBytes += piece.length
      const writing = held && write(held)
      // Awaited below; until then a failure must not count as unhandled.
      writing?.catch(ignored)
      if (digest !== undefined) hash.update(piece)
      await writing
      held = piece
    }
    if (digest !== undefined && (sentBytes < last - first + 1 || hash.digest('hex') !== digest)) throw corruptBlob(digest, sentBytes)
    if (held) await write(held)
  } finally {
    await reader.settle()
    await handle.close()
  }
}

/** Reads ahead by one piece. A piece is overwritten when two more have been asked for. */
function createReader(handle: FileHandle, first: number, last: number) {
  const buffers: Buffer[] = []
  let position = first
  let count = 0
  let reading = begin()

  async function begin(): Promise<Uint8Array | undefined> {
    const wanted = Math.min(PIECE_BYTES, last - position + 1)
    if (wanted <= 0) return undefined
    const turn = count++ % BUFFERS
    buffers[turn] ??= Buffer.allocUnsafeSlow(wanted)
    const { bytesRead } = await handle.read(buffers[turn]!, 0, wanted, position)
    position += bytesRead
    return bytesRead === 0 ? undefined : buffers[turn]!.subarray(0, bytesRead)
  }
  return {
    async next(): Promise<Uint8Array | undefined> {
      const piece = await reading
      if (piece) {
        reading = begin()
        reading.catch(ignored)
      }
      return piece
    },
    /** Resolves when nothing is being read, so that the file can be closed. */
    async settle(): Promise<void> {
      await reading.catch(ignored)
    },
  }
}

function ignored(): void {}
