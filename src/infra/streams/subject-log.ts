import fs from 'node:fs'
import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { createSpool, pathOf } from '../spool.ts'
import { MOST_EVENT_BYTES } from './port.ts'
import { createRecentIds } from './recent-ids.ts'

type LogEntry = { readonly position: number; readonly id: string; readonly atMs: number; readonly bytes: Uint8Array }
type NewEntry = { readonly id: string; readonly bytes: Uint8Array }

/** An append-only log of one subject on disk, its positions counted from 1 without gaps. */
export type SubjectLog = {
  /**
   * Takes entries in order; those whose id (unless empty) is among the last 100,000 are passed over and counted. What it
   * answers survives `kill -9`, and a loss of power after `sync`. Throws `too_large`, or `storage_full` when the log is at its
   * limit and its oldest segment is still needed, or the disk is full; then what came before the failure is kept.
   */
  append(entries: readonly NewEntry[]): { readonly duplicates: number }
  sync(): Promise<void>
  /** At most `most` entries after a position, or after the oldest that is kept. Nothing when there are none yet. */
  read(after: number, most: number): Promise<readonly LogEntry[]>
  /** The oldest position that is kept; one after the last when nothing is. */
  first(): number
  last(): number
  /** Resolves when there is something after the position, or `signal` aborts. */
  waitFor(after: number, signal: AbortSignal): Promise<void>
  /** Keeps what comes after `position` until the reader moves on or lets go. */
  hold(reader: string, position: number): void
  letGo(reader: string): void
  /** Never gives out a position up to this one: a reader has seen further than the log goes. */
  continueAfter(position: number): void
  close(): Promise<void>
}

type Options = { readonly folder: string; readonly name: string; readonly clock: Clock; readonly log: Log; readonly limitBytes: number }
type Segment = { readonly id: string; readonly first: number }

const LARGEST_SEGMENT_BYTES = 8 << 20
const FEWEST_SEGMENTS = 8
const FSYNC_EVERY_MS = 1_000
const HEADER_BYTES = 18
/** Below the spool’s buffer, so that a piece is written whole or not at all. */
const PIECE_BYTES = 2 << 20
/** Entries kept in memory for readers that keep up. */
const TAIL_ENTRIES = 8_192
const TAIL_BYTES = 8 << 20
const REMEMBERED_IDS = 100_000
const MOST_ID_BYTES = 1_024

/** Opens the log of a subject and finds its end and its newest ids. */
export async function openSubjectLog(options: Options): Promise<SubjectLog> {
  const { folder, clock } = options
  const segmentBytes = Math.min(LARGEST_SEGMENT_BYTES, Math.floor(options.limitBytes / FEWEST_SEGMENTS))
  const spool = createSpool({
    folder,
    node: 'log',
    log: options.log,
    clock,
    maxSegmentBytes: segmentBytes,
    maxTotalBytes: Number.MAX_SAFE_INTEGER,
    fsyncEveryMs: FSYNC_EVERY_MS,
  })
  const ids = createRecentIds(REMEMBERED_IDS)
  const tail = createTail()
  const holds = new Map<string, number>()
  const waiting = new Set<() => void>()
  const segments: Segment[] = []
  let cached: { readonly first: number; readonly frames: readonly Uint8Array[] } | undefined
  let next = 1

  for (const id of spool.sealed()) segments.push({ id, first: firstPositionIn(pathOf(folder, id)) })
  for (let i = segments.length - 1; i >= 0 && !ids.isFull(); i--) {
    const entries = (await spool.read(segments[i]!.id)).frames.map(entryFrom)
    if (i === segments.length - 1) next = Math.max(next, (entries.at(-1)?.position ?? segments[i]!.first - 1) + 1)
    ids.addOlder(entries.map(({ id }) => id))
  }

  /** Makes room for `bytes`, oldest first, as far as no reader needs it. */
  function makeRoom(bytes: number): void {
    while (segments.length > 1 && spool.stats().bytes + bytes > options.limitBytes) {
      const [oldest, following] = segments as [Segment, Segment]
      for (const [reader, position] of holds)
        if (position < following.first - 1)
          throw new AppError(
            'storage_full',
            `subject ${options.name} is at its limit of ${options.limitBytes} bytes and ${reader} has still to read ${next - 1 - position} of its events; let it catch up, or raise the setting streamLimitBytes`,
            { subject: options.name, reader },
          )
      if (!spool.sealed().includes(oldest.id)) return
      spool.release(oldest.id)
      segments.shift()
    }
  }

  function write(piece: readonly LogEntry[], bytes: number): void {
    makeRoom(bytes)
    for (const entry of piece) spool.append(frameFrom(entry))
    spool.flush()
    const written = spool.current() ?? spool.sealed().at(-1)!
    if (segments.at(-1)?.id !== written) segments.push({ id: written, first: piece[0]!.position })
    next = piece.at(-1)!.position + 1
    for (const entry of piece) {
      if (entry.id !== '') ids.add(entry.id)
      tail.add(entry)
    }
    for (const wake of waiting) wake()
  }

  async function fromDisk(after: number, most: number): Promise<readonly LogEntry[]> {
    const wanted = after + 1
    if (!cached || wanted < cached.first || wanted >= cached.first + cached.frames.length) {
      const segment = segments.findLast(({ first }) => first <= wanted)
      if (!segment) return []
      cached = { first: segment.first, frames: (await spool.read(segment.id)).frames }
    }
    const from = wanted - cached.first
    const found = cached.frames.slice(from, from + most).map(entryFrom)
    // Positions may have been passed over between two segments.
    const following = found.length === 0 ? segments.find(({ first }) => first > wanted) : undefined
    return following ? await fromDisk(following.first - 1, most) : found
  }

  return {
    append(entries) {
      let duplicates = 0
      let piece: LogEntry[] = []
      let pieceBytes = 0
      const inPiece = new Set<string>()
      for (const { id, bytes } of entries) {
        checkSize(options.name, id, bytes, segmentBytes)
        if (id !== '' && (ids.has(id) || inPiece.has(id))) {
          duplicates += 1
          continue
        }
        const size = HEADER_BYTES + 8 + bytes.length + id.length
        if (piece.length > 0 && pieceBytes + size > Math.min(PIECE_BYTES, segmentBytes)) {
          write(piece, pieceBytes)
          piece = []
          pieceBytes = 0
          inPiece.clear()
        }
        piece.push({ position: next + piece.length, id, atMs: clock.now(), bytes })
        pieceBytes += size
        inPiece.add(id)
      }
      if (piece.length > 0) write(piece, pieceBytes)
      return { duplicates }
    },
    sync: spool.sync,
    async read(after, most) {
      const from = Math.max(after, (segments[0]?.first ?? next) - 1)
      if (from >= next - 1) return []
      return tail.after(from, most) ?? (await fromDisk(from, most))
    },
    first: () => segments[0]?.first ?? next,
    last: () => next - 1,
    waitFor(after, signal) {
      if (after < next - 1 || signal.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal.addEventListener('abort', wake)
      })
    },
    hold: (reader, position) => void holds.set(reader, position),
    letGo: (reader) => void holds.delete(reader),
    continueAfter(position) {
      if (position < next) return
      spool.rotate()
      next = position + 1
      tail.clear()
    },
    close: spool.close,
  }
}

function checkSize(name: string, id: string, bytes: Uint8Array, segmentBytes: number): void {
  const most = Math.min(MOST_EVENT_BYTES, segmentBytes - HEADER_BYTES - MOST_ID_BYTES)
  if (bytes.length > most)
    throw new AppError('too_large', `an event of ${bytes.length} bytes is too large for subject ${name}; the limit is ${most}`)
  if (Buffer.byteLength(id) > MOST_ID_BYTES)
    throw new AppError('too_large', `an event id of subject ${name} has at most ${MOST_ID_BYTES} bytes`)
}

/** Position and time as doubles, the length of the id, the id, the event. */
function frameFrom({ position, atMs, id, bytes }: LogEntry): Uint8Array {
  const name = Buffer.from(id)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + name.length + bytes.length)
  frame.writeDoubleLE(position, 0)
  frame.writeDoubleLE(atMs, 8)
  frame.writeUInt16LE(name.length, 16)
  frame.set(name, HEADER_BYTES)
  frame.set(bytes, HEADER_BYTES + name.length)
  return frame
}

function entryFrom(frame: Uint8Array): LogEntry {
  const view = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
  const end = HEADER_BYTES + view.readUInt16LE(16)
  return {
    position: view.readDoubleLE(0),
    atMs: view.readDoubleLE(8),
    id: view.toString('utf8', HEADER_BYTES, end),
    bytes: view.subarray(end),
  }
}

/** The position at the start of a segment, without reading the rest of it. */
function firstPositionIn(file: string): number {
  const handle = fs.openSync(file, 'r')
  try {
    const start = Buffer.alloc(16)
    fs.readSync(handle, start, 0, start.length, 0)
    return start.readDoubleLE(8)
  } finally {
    fs.closeSync(handle)
  }
}

/** The newest entries, in memory. */
function createTail() {
  let entries: LogEntry[] = []
  let bytes = 0
  let gone = 0
  return {
    add(entry: LogEntry) {
      // A copy of its own: what the caller holds may be a piece of something much larger.
      entries.push({ ...entry, bytes: Buffer.from(entry.bytes) })
      bytes += entry.bytes.length
      while (entries.length - gone > TAIL_ENTRIES || bytes > TAIL_BYTES) bytes -= entries[gone++]!.bytes.length
      if (gone < TAIL_ENTRIES) return
      entries = entries.slice(gone)
      gone = 0
    },
    after(position: number, most: number): readonly LogEntry[] | undefined {
      const first = entries[gone]?.position
      if (first === undefined || position + 1 < first) return undefined
      const from = gone + position + 1 - first
      return entries.slice(from, from + most)
    },
    clear() {
      entries = []
      bytes = 0
      gone = 0
    },
  }
}
