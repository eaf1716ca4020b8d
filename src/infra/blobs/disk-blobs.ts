import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../contract/errors.ts'
import type { Blob, Blobs, PutOptions } from './blobs.ts'
import { checkDigest, missingBlob, verified } from './digest.ts'

/** Files whose content was checked by this process, remembered so that `path` reads a model once, not each time. */
const REMEMBERED = 1_000
const READ_BYTES = 256 << 10

/**
 * Blobs as files `ab/cdef…` under `folder`. Content is written beside, flushed, and moved into place, so that a name
 * never stands for half a file. Uploads a crash left unfinished are removed.
 */
export async function createDiskBlobs(folder: string): Promise<Blobs> {
  const incoming = join(folder, 'incoming')
  await rm(incoming, { recursive: true, force: true })
  await mkdir(incoming, { recursive: true })
  const check = createCheck()
  const fileOf = (digest: string) => join(folder, digest.slice(0, 2), digest.slice(2))

  /** Size and time of a blob's file; nothing when there is none. */
  async function find(digest: string): Promise<Stats | undefined> {
    checkDigest(digest)
    try {
      return await stat(fileOf(digest))
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return undefined
      throw thrown
    }
  }

  async function need(digest: string): Promise<Stats> {
    const found = await find(digest)
    if (found === undefined) throw missingBlob(digest)
    return found
  }

  return {
    async put(stream, options = {}) {
      const temporary = join(incoming, randomBytes(16).toString('hex'))
      try {
        const blob = await writeAll(temporary, stream, options)
        await moveIntoPlace(temporary, folder, fileOf(blob.digest))
        return blob
      } catch (thrown) {
        await rm(temporary, { force: true })
        throw diskError(thrown, folder)
      }
    },
    async get(digest) {
      const { size } = await need(digest)
      return { sizeBytes: size, stream: contentOf(fileOf(digest), digest, size) }
    },
    has: async (digest) => (await find(digest)) !== undefined,
    async path(digest) {
      await check(fileOf(digest), digest, await need(digest))
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
          const found = await find(shelf + name)
          if (found !== undefined) yield { digest: shelf + name, sizeBytes: found.size }
        }
      }
    },
  }
}

const contentOf = (file: string, digest: string, sizeBytes: number) =>
  verified(createReadStream(file, { highWaterMark: READ_BYTES }), digest, sizeBytes)

/** Checks a file against its digest, once as long as it does not change. */
function createCheck(): (file: string, digest: string, found: Stats) => Promise<void> {
  const checked = new Map<string, string>()
  return async (file, digest, { size, mtimeMs, ino }) => {
    const identity = `${size} ${mtimeMs} ${ino}`
    if (checked.get(digest) === identity) return
    for await (const _ of contentOf(file, digest, size));
    if (checked.size >= REMEMBERED) checked.clear()
    checked.set(digest, identity)
  }
}

/** Also when the content is there already: what was just written is known to be whole. */
async function moveIntoPlace(temporary: string, folder: string, file: string): Promise<void> {
  const shelf = dirname(file)
  const made = await mkdir(shelf, { recursive: true })
  await rename(temporary, file)
  await syncFolder(shelf)
  if (made !== undefined) await syncFolder(folder)
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
