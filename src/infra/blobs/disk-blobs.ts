import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../contract/errors.ts'
import type { Blob, Blobs, PutOptions } from './blobs.ts'
import { checkDigest, missingBlob, verified } from './digest.ts'

/** Files whose content was checked by this process, remembered so that `path` reads a model once, not each time. */
const REMEMBERED = 1_000

/**
 * Blobs as files `ab/cdef…` under `folder`. Content is written beside, flushed, and moved into place, so that a name
 * never stands for half a file. Uploads a crash left unfinished are removed.
 */
export async function createDiskBlobs(folder: string): Promise<Blobs> {
  const incoming = join(folder, 'incoming')
  await rm(incoming, { recursive: true, force: true })
  await mkdir(incoming, { recursive: true })
  const checked = new Map<string, string>()
  const fileOf = (digest: string) => join(folder, digest.slice(0, 2), digest.slice(2))

  async function sizeOf(digest: string): Promise<number> {
    checkDigest(digest)
    return (await statOf(digest)).size
  }

  async function statOf(digest: string) {
    try {
      return await stat(fileOf(digest))
    } catch (thrown) {
      throw codeOf(thrown) === 'ENOENT' ? missingBlob(digest) : diskError(thrown, folder)
    }
  }

  async function moveIntoPlace(temporary: string, digest: string): Promise<void> {
    const shelf = join(folder, digest.slice(0, 2))
    const made = await mkdir(shelf, { recursive: true })
    // Also when the content is there already: what was just written is known to be whole.
    await rename(temporary, fileOf(digest))
    await syncFolder(shelf)
    if (made !== undefined) await syncFolder(folder)
  }

  return {
    async put(stream, options = {}) {
      const temporary = join(incoming, randomBytes(16).toString('hex'))
      try {
        const blob = await writeAll(temporary, stream, options)
        await moveIntoPlace(temporary, blob.digest)
        return blob
      } catch (thrown) {
        await rm(temporary, { force: true })
        throw diskError(thrown, folder)
      }
    },
    async get(digest) {
      const sizeBytes = await sizeOf(digest)
      return { sizeBytes, stream: verified(createReadStream(fileOf(digest), { highWaterMark: 256 << 10 }), digest, sizeBytes) }
    },
    async has(digest) {
      checkDigest(digest)
      try {
        await statOf(digest)
        return true
      } catch (thrown) {
        if (thrown instanceof AppError && thrown.code === 'not_found') return false
        throw thrown
      }
    },
    async path(digest) {
      checkDigest(digest)
      const { size, mtimeMs, ino } = await statOf(digest)
      const identity = `${size} ${mtimeMs} ${ino}`
      if (checked.get(digest) === identity) return fileOf(digest)
      for await (const _ of verified(createReadStream(fileOf(digest)), digest, size));
      if (checked.size >= REMEMBERED) checked.clear()
      checked.set(digest, identity)
      return fileOf(digest)
    },
    async delete(digest) {
      checkDigest(digest)
      await rm(fileOf(digest), { force: true })
    },
    async *list() {
      for (const shelf of await readdir(folder)) {
        if (!/^[0-9a-f]{2}$/.test(shelf)) continue
        for (const name of await readdir(join(folder, shelf))) {
          const digest = shelf + name
          yield { digest, sizeBytes: await sizeOf(digest) }
        }
      }
    },
  }
}

async function writeAll(
  file: string,
  stream: AsyncIterable<Uint8Array>,
  { expectedDigest, maxBytes = Number.POSITIVE_INFINITY }: PutOptions,
): Promise<Blob> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const handle = await open(file, 'wx')
  try {
    for await (const chunk of stream) {
      sizeBytes += chunk.length
      if (sizeBytes > maxBytes) throw new AppError('too_large', `the content is larger than the limit of ${maxBytes} bytes`, { maxBytes })
      hash.update(chunk)
      await writeChunk(handle, chunk)
    }
    const digest = hash.digest('hex')
    if (expectedDigest !== undefined && digest !== expectedDigest) {
      throw new AppError('invalid', `the content has the digest ${digest}, not ${expectedDigest}; it was changed or cut short on the way`, {
        digest,
        expectedDigest,
      })
    }
    await handle.sync()
    return { digest, sizeBytes }
  } finally {
    await handle.close()
  }
}

async function writeChunk(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const codeOf = (thrown: unknown) => (thrown as { code?: unknown } | null)?.code

function diskError(thrown: unknown, folder: string): unknown {
  if (codeOf(thrown) !== 'ENOSPC' && codeOf(thrown) !== 'EDQUOT') return thrown
  return new AppError('storage_full', `the disk of the blob store in ${folder} is full; free some space and try again`, { folder }, thrown)
}
