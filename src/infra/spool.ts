import nodeFs from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { AppError, messageFrom } from '../contract/errors.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import { segmentIdFrom } from './segment-id.ts'

export type SpoolFs = Pick<
  typeof nodeFs,
  'mkdirSync' | 'readdirSync' | 'statSync' | 'openSync' | 'closeSync' | 'writeSync' | 'ftruncateSync' | 'fsync' | 'unlinkSync'
> & { readonly promises: Pick<typeof nodeFs.promises, 'readFile'> }

export type SpoolOptions = {
  readonly folder: string
  /** The stable name of this process; the first part of every segment id. */
  readonly node: string
  readonly log: Log
  readonly clock: Clock
  /** A segment is sealed when it has reached this size. */
  readonly maxSegmentBytes: number
  /** All segments together; beyond it `append` refuses. */
  readonly maxTotalBytes: number
  /** How long written bytes may wait for the disk itself: what a power loss can take. */
  readonly fsyncEveryMs: number
  readonly fs?: SpoolFs
}

export type Frames = {
  readonly frames: readonly Uint8Array[]
  /** Bytes at the end that are not a whole frame: what a crash cut off. */
  readonly tornBytes: number
}

/** An ordered queue of byte frames on disk, in append-only segment files. */
export type Spool = {
  /** Takes a copy of one frame, in order. Throws `storage_full` at `maxTotalBytes` and `too_large` for an oversize frame. */
  append(bytes: Uint8Array): void
  /**
   * Writes what was appended in one call to the operating system, so that it survives `kill -9`. Throws `storage_full`
   * when the disk is full; then nothing appended since the last flush is kept, and the segment ends with a whole frame.
   */
  flush(): void
  /** Resolves when everything flushed before the call is on the disk itself. */
  sync(): Promise<void>
  /** Seals the segment being written, if it holds anything, and returns its id. */
  rotate(): string | undefined
  /** The id of the segment being written; nothing right after it was sealed, by hand or because it was full. */
  current(): string | undefined
  /** The ids of the sealed segments, oldest first. */
  sealed(): readonly string[]
  /** The frames of a sealed segment. */
  read(id: string): Promise<Frames>
  /** Forgets a sealed segment once its content is safe elsewhere. */
  release(id: string): void
  stats(): SpoolStats
  close(): Promise<void>
}

export type SpoolStats = { readonly bytes: number; readonly segments: number; readonly refused: number; readonly syncFailures: number }

type Segment = { readonly id: string; readonly sequence: number; readonly bytes: number }

const HEADER_BYTES = 8
const FIRST_BUFFER_BYTES = 64 << 10
/** The buffer is written out when it has grown to this size, even before `flush`. */
const BUFFER_BYTES = 4 << 20
const NAME = /^(.+-(\d{16}))\.segment$/

/** Opens the spool; segments a crash left behind are sealed and keep their place in the order. */
export function createSpool(options: SpoolOptions): Spool {
  const { folder, log, maxSegmentBytes, maxTotalBytes, fs = nodeFs } = options
  fs.mkdirSync(folder, { recursive: true })
  const shelf = createShelf(fs, folder)
  const writer = createWriter(options, fs, shelf)
  const buffer = createFrameBuffer()
  let refused = 0
  let closing: Promise<void> | undefined

  function flush() {
    const bytes = buffer.take()
    if (bytes.length > 0) writer.write(bytes)
  }

  const total = () => shelf.bytes() + writer.bytes() + buffer.length()

  return {
    append(bytes) {
      const needed = bytes.length + HEADER_BYTES
      if (needed > maxSegmentBytes)
        throw new AppError('too_large', `a frame of ${bytes.length} bytes does not fit a segment of ${maxSegmentBytes}`)
      if (total() + needed > maxTotalBytes) {
        refused++
        throw fullError(folder, maxTotalBytes, shelf.ids().length)
      }
      if (buffer.length() + needed > BUFFER_BYTES) flush()
      buffer.add(bytes)
    },
    flush,
    sync: writer.sync,
    rotate() {
      flush()
      return writer.seal()
    },
    current: writer.current,
    sealed: shelf.ids,
    async read(id) {
      const read = framesFrom(await fs.promises.readFile(pathOf(folder, id)))
      if (read.tornBytes > 0) log.warn('spool.torn', { segment: id, tornBytes: read.tornBytes, frames: read.frames.length })
      return read
    },
    release: shelf.remove,
    stats: () => ({
      bytes: total(),
      segments: shelf.ids().length + (writer.bytes() > 0 ? 1 : 0),
      refused,
      syncFailures: writer.syncFailures(),
    }),
    close() {
      closing ??= Promise.resolve().then(flush).finally(writer.close)
      return closing
    },
  }
}

/** Frames laid end to end as they will stand in the file. */
function createFrameBuffer() {
  let buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES)
  let used = 0
  return {
    length: () => used,
    add(bytes: Uint8Array) {
      const needed = used + HEADER_BYTES + bytes.length
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, needed))
        buffer.copy(larger, 0, 0, used)
        buffer = larger
      }
      buffer.writeUInt32LE(bytes.length, used)
      buffer.writeUInt32LE(crc32(bytes), used + 4)
      buffer.set(bytes, used + HEADER_BYTES)
      used = needed
    },
    /** Everything added so far; valid until the next `add`. */
    take(): Uint8Array {
      const taken = buffer.subarray(0, used)
      used = 0
      return taken
    },
  }
}

type Shelf = ReturnType<typeof createShelf>

/** The sealed segments of the folder, oldest first. */
function createShelf(fs: SpoolFs, folder: string) {
  const found: Segment[] = []
  for (const file of fs.readdirSync(folder)) {
    const match = NAME.exec(file)
    if (match !== null) found.push({ id: match[1]!, sequence: Number(match[2]), bytes: fs.statSync(join(folder, file)).size })
  }
  found.sort((a, b) => a.sequence - b.sequence || (a.id < b.id ? -1 : 1))
  const lastSequence = found.at(-1)?.sequence ?? 0
  for (const empty of found.filter((segment) => segment.bytes === 0)) fs.unlinkSync(pathOf(folder, empty.id))
  const kept = found.filter((segment) => segment.bytes > 0)
  let total = kept.reduce((sum, segment) => sum + segment.bytes, 0)
  return {
    lastSequence,
    bytes: () => total,
    ids: () => kept.map((segment) => segment.id),
    add(segment: Segment) {
      kept.push(segment)
      total += segment.bytes
    },
    remove(id: string) {
      const at = kept.findIndex((segment) => segment.id === id)
      if (at < 0) throw new AppError('not_found', `the spool has no sealed segment ${id}`)
      fs.unlinkSync(pathOf(folder, id))
      total -= kept[at]!.bytes
      kept.splice(at, 1)
    },
  }
}

/** Writes to one open segment at a time and puts it on the shelf when it is full or sealed. */
function createWriter(options: SpoolOptions, fs: SpoolFs, shelf: Shelf) {
  const { folder, node, clock, maxSegmentBytes } = options
  // Never an id twice, even after the folder was emptied: a store that saw an id takes a second one for a repetition.
  let nextSequence = Math.max(clock.now(), shelf.lastSequence + 1)
  let current: SegmentFile | undefined
  const finishing = new Set<Promise<void>>()
  const folderDescriptor = fs.openSync(folder, 'r')
  const background = createBackground(options, () => current?.sync())

  /** Puts the open segment on the shelf; its last bytes reach the disk in the background. */
  function seal(): string | undefined {
    const segment = current
    if (segment === undefined || segment.bytes() === 0) return undefined
    current = undefined
    shelf.add({ id: segment.id, sequence: segment.sequence, bytes: segment.bytes() })
    const finished = segment.finish()
    finishing.add(finished)
    background.watch(finished.finally(() => finishing.delete(finished)))
    return segment.id
  }

  async function sync() {
    await Promise.all([...finishing, current?.sync()])
  }

  return {
    bytes: () => current?.bytes() ?? 0,
    current: () => current?.id,
    syncFailures: background.failures,
    seal,
    sync,
    write(bytes: Uint8Array) {
      try {
        if (current === undefined) {
          current = openSegment(fs, folder, folderDescriptor, node, nextSequence)
          nextSequence++
        }
        current.write(bytes)
      } catch (thrown) {
        if (current?.isTorn() === true) seal()
        throw writeError(thrown, folder)
      }
      background.soon()
      if (current.bytes() >= maxSegmentBytes) seal()
    },
    async close() {
      background.stop()
      await sync()
      const last = current
      seal()
      if (last !== undefined && last.bytes() === 0) await last.finish()
      await Promise.all(finishing)
      fs.closeSync(folderDescriptor)
    },
  }
}

/** Brings written bytes to the disk some time later, and counts what fails there where nobody waits for it. */
function createBackground({ folder, log, clock, fsyncEveryMs }: SpoolOptions, sync: () => Promise<void> | undefined) {
  let failures = 0
  let cancel: (() => void) | undefined

  function watch(run: Promise<void> | undefined) {
    run?.catch((thrown) => {
      failures++
      log.error('spool.sync_failed', { folder, error: thrown })
    })
  }

  return {
    watch,
    failures: () => failures,
    soon() {
      cancel ??= clock.after(fsyncEveryMs, () => {
        cancel = undefined
        watch(sync())
      })
    },
    stop: () => cancel?.(),
  }
}

type SegmentFile = ReturnType<typeof openSegment>

function openSegment(fs: SpoolFs, folder: string, folderDescriptor: number, node: string, sequence: number) {
  const id = segmentIdFrom(node, sequence)
  const descriptor = fs.openSync(pathOf(folder, id), 'wx')
  let length = 0
  let isTorn = false
  let isNamed = false
  const fsync = (target: number) =>
    new Promise<void>((resolve, reject) => fs.fsync(target, (error) => (error === null ? resolve() : reject(writeError(error, folder)))))
  const disk = createSync(async () => {
    await fsync(descriptor)
    // The name of a new file is content of its folder and needs the folder flushed as well.
    if (!isNamed) await fsync(folderDescriptor)
    isNamed = true
  })
  return {
    id,
    sequence,
    sync: disk.sync,
    bytes: () => length,
    /** Whether a failed write left bytes that could not be taken back; reading cuts them, nothing may follow them. */
    isTorn: () => isTorn,
    write(bytes: Uint8Array) {
      try {
        for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at, bytes.length - at, length + at)
      } catch (thrown) {
        isTorn = true
        fs.ftruncateSync(descriptor, length)
        isTorn = false
        throw thrown
      }
      length += bytes.length
      disk.markDirty()
    },
    async finish() {
      try {
        await disk.sync()
      } finally {
        fs.closeSync(descriptor)
      }
    },
  }
}

/** Runs `toDisk` once at a time; whoever asks meanwhile shares the next run, and nobody runs it for nothing. */
function createSync(toDisk: () => Promise<void>) {
  let isDirty = false
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  async function once() {
    isDirty = false
    try {
      await toDisk()
    } catch (thrown) {
      isDirty = true
      throw thrown
    } finally {
      running = undefined
    }
  }

  function start(): Promise<void> {
    running = once()
    return running
  }

  return {
    markDirty() {
      isDirty = true
    },
    sync(): Promise<void> {
      if (next !== undefined) return next
      if (running === undefined) return isDirty ? start() : Promise.resolve()
      if (!isDirty) return running
      next = running
        .catch(() => undefined)
        .then(() => {
          next = undefined
          return start()
        })
      return next
    },
  }
}

/** The file of a segment. */
export const pathOf = (folder: string, id: string) => join(folder, `${id}.segment`)

/** Splits a segment into its frames, up to the first that is not whole or not what was written. */
export function framesFrom(segment: Uint8Array): Frames {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  const frames: Uint8Array[] = []
  let at = 0
  while (at + HEADER_BYTES <= segment.length) {
    const end = at + HEADER_BYTES + view.getUint32(at, true)
    if (end > segment.length) break
    const frame = segment.subarray(at + HEADER_BYTES, end)
    if (crc32(frame) !== view.getUint32(at + 4, true)) break
    frames.push(frame)
    at = end
  }
  return { frames, tornBytes: segment.length - at }
}

function fullError(folder: string, maxTotalBytes: number, segments: number): AppError {
  const message = `the spool in ${folder} has reached its limit of ${maxTotalBytes} bytes; see why the telemetry store does not take its segments`
  return new AppError('storage_full', message, { maxTotalBytes, segments })
}

function writeError(thrown: unknown, folder: string): AppError {
  const code = (thrown as { code?: string } | null)?.code
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('storage_full', `the disk of the spool in ${folder} is full; free some space and it goes on`, { folder }, thrown)
  return new AppError('internal', `the spool in ${folder} cannot be written: ${messageFrom(thrown)}`, { folder }, thrown)
}
