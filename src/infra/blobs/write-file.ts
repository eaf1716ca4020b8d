import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { AppError } from '../../contract/errors.ts'
import type { Blob, PutOptions } from './blobs.ts'

/** Chunks of the network are gathered to writes of about this size. */
const WRITE_BYTES = 1 << 20
/** The disk is told to begin after each stretch of this size, so that the last flush has little left to wait for. */
const FLUSH_BYTES = 64 << 20

/**
 * Writes a stream to a new file and answers its digest and size once it survives power loss. While one piece is being
 * written the next is read and hashed; no more than two are held. Throws `too_large`, `invalid` for another digest than
 * expected, and what the stream throws; the file is then the caller's to remove.
 */
export async function writeAll(file: string, stream: AsyncIterable<Uint8Array>, options: PutOptions): Promise<Blob> {
  const { expectedDigest, maxBytes = Number.POSITIVE_INFINITY, frees = false } = options
  const hash = createHash('sha256')
  let sizeBytes = 0
  const handle = await open(file, 'wx')
  const writer = createWriter(handle, frees)
  try {
    for await (const chunk of stream) {
      sizeBytes += chunk.length
      if (sizeBytes > maxBytes) throw new AppError('too_large', `the content is larger than the limit of ${maxBytes} bytes`, { maxBytes })
      hash.update(chunk)
      await writer.add(chunk)
    }
    const digest = hash.digest('hex')
    if (expectedDigest !== undefined && digest !== expectedDigest) {
      throw new AppError('invalid', `the content has the digest ${digest}, not ${expectedDigest}; it was changed or cut short on the way`, {
        digest,
        expectedDigest,
      })
    }
    await writer.end()
    return { digest, sizeBytes }
  } finally {
    await writer.settle()
    await handle.close()
  }
}

function createWriter(handle: FileHandle, frees: boolean) {
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  let unflushedBytes = 0
  let writing: Promise<void> = Promise.resolve()
  let flushing: Promise<void> | undefined
  let failure: { readonly thrown: unknown } | undefined

  async function writeOut(): Promise<void> {
    await writing
    const pieces = gathered
    unflushedBytes += gatheredBytes
    gathered = []
    gatheredBytes = 0
    writing = frees ? writePieces(handle, pieces).then(() => pieces.forEach(free)) : writePieces(handle, pieces)
    // Awaited with the next piece; until then a failure must not count as unhandled.
    writing.catch(ignored)
    if (unflushedBytes >= FLUSH_BYTES && !flushing) flush()
  }
  /** One at a time, and nobody waits for it before the end: the disk works while more arrives. */
  function flush(): void {
    unflushedBytes = 0
    flushing = writing
      .then(() => handle.datasync())
      .catch((thrown: unknown) => {
        failure ??= { thrown }
      })
      .finally(() => {
        flushing = undefined
      })
  }
  return {
    async add(chunk: Uint8Array): Promise<void> {
      gathered.push(chunk)
      gatheredBytes += chunk.length
      if (gatheredBytes >= WRITE_BYTES) await writeOut()
    },
    async end(): Promise<void> {
      await writeOut()
      await writing
      await flushing
      // The system tells of a write that failed to reach the disk once, and it may have told the flush before.
      if (failure) throw failure.thrown
      await handle.sync()
    },
    /** Resolves when nothing is under way, failed or not, so that the file can be closed. */
    async settle(): Promise<void> {
      await Promise.allSettled([writing, flushing])
    },
  }
}

/** Gives memory back at once, unless it is part of something larger. */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

function ignored(): void {}

async function writePieces(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const { bytesWritten } = pieces.length === 0 ? { bytesWritten: 0 } : await handle.writev([...pieces])
  if (bytesWritten === total) return
  const rest = Buffer.concat(pieces).subarray(bytesWritten)
  for (let at = 0; at < rest.length; ) at += (await handle.write(rest, at)).bytesWritten
}
