import { randomBytes } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../contract/errors.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { Blobs } from './blobs.ts'
import { checkDigest, missingBlob, verified } from './digest.ts'
import { sendFile } from './send-file.ts'
import { writeAll } from './write-file.ts'

/** Files whose content was checked by this process, remembered so that `path` reads a model once, not each time. */
const REMEMBERED = 1_000
const READ_BYTES = 1 << 20
/** A blob used since then counts as young already. */
const YOUNG_MS = 3_600_000

/**
 * Blobs as files `ab/cdef…` under `folder`. Content is written beside, flushed, and moved into place, so that a name
 * never stands for half a file. Uploads a crash left unfinished are removed.
 */
export async function createDiskBlobs(folder: string, clock: Clock = systemClock): Promise<Blobs> {
  const incoming = join(folder, 'incoming')
  await rm(incoming, { recursive: true, force: true })
  await mkdir(incoming, { recursive: true })
  const check = createCheck()
  const fileOf = (digest: string) => join(folder, digest.slice(0, 2), digest.slice(2))

  /** Size and time of a blob's file; nothing when there is none. */
  async function find(digest: string): Promise<Stats | undefined> {
    checkDigest(digest)
    return await unlessMissing(stat(fileOf(digest)))
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
        await markUsed(temporary, clock)
        await moveIntoPlace(temporary, folder, fileOf(blob.digest))
        return blob
      } catch (thrown) {
        await rm(temporary, { force: true })
        throw diskError(thrown, folder)
      }
    },
    async get(digest, range) {
      const { size } = await need(digest)
      const file = fileOf(digest)
      if (range === undefined) return { sizeBytes: size, stream: contentOf(file, digest, size) }
      return { sizeBytes: size, stream: readPart(file, range.first, range.last) }
    },
    async send(digest, write, range) {
      const { size } = await need(digest)
      await sendFile(fileOf(digest), range ?? { first: 0, last: size - 1 }, write, range ? undefined : digest)
    },
    async has(digest) {
      const found = await find(digest)
      if (found === undefined) return false
      return clock.now() - found.mtimeMs < YOUNG_MS || (await unlessMissing(markUsed(fileOf(digest), clock).then(() => true))) !== undefined
    },
    async path(digest) {
      await check(fileOf(digest), digest, await need(digest))
      return fileOf(digest)
    },
    async delete(digest) {
      checkDigest(digest)
      await rm(fileOf(digest), { force: true })
    },
    async deleteOlder(digest, beforeMs) {
      const found = await find(digest)
      if (found === undefined || found.mtimeMs >= beforeMs) return false
      // Taken out of its place first, so that what is judged is what is removed: it may have been used this moment.
      const aside = join(incoming, randomBytes(16).toString('hex'))
      if ((await unlessMissing(rename(fileOf(digest), aside).then(() => true))) === undefined) return false
      if ((await stat(aside)).mtimeMs >= beforeMs) {
        await rename(aside, fileOf(digest))
        return false
      }
      await rm(aside)
      return true
    },
    async *list() {
      for (const shelf of await readdir(folder)) {
        if (!/^[0-9a-f]{2}$/.test(shelf)) continue
        for (const name of await readdir(join(folder, shelf))) {
          const found = await find(shelf + name)
          if (found !== undefined) yield { digest: shelf + name, sizeBytes: found.size, usedAtMs: found.mtimeMs }
        }
      }
    },
  }
}

const contentOf = (file: string, digest: string, sizeBytes: number) =>
  verified(sizeBytes === 0 ? [] : readPart(file, 0, sizeBytes - 1), digest, sizeBytes)

/** Buffers are as large as what is read: memory that a small file asks for and does not need is collected at its cost. */
function readPart(file: string, first: number, last: number): AsyncIterable<Uint8Array> {
  return createReadStream(file, { start: first, end: last, highWaterMark: Math.min(READ_BYTES, last - first + 1) })
}

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

function markUsed(file: string, clock: Clock): Promise<void> {
  const seconds = clock.now() / 1_000
  return utimes(file, seconds, seconds)
}

/** Nothing where the file is not there. */
async function unlessMissing<T>(pending: Promise<T>): Promise<T | undefined> {
  try {
    return await pending
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined
    throw thrown
  }
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
