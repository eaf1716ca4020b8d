import { AppError } from '../../../contract/errors.ts'
import type { LabelRecord, PredictionRecord } from './segment.ts'

/**
 * A frame of the spool, little-endian: its kind, the time it was flushed, then entries. An entry of a prediction frame
 * is either a definition (a number for a string or for a group) or a record that uses the numbers. A number is defined
 * before it is used and may be defined anew; whoever reads frames in order needs nothing else.
 */
export const frameKind = { predictions: 1, labels: 2 } as const
export const entryKind = { text: 1, group: 2, record: 3 } as const
export const roles = ['champion', 'challenger'] as const

const FRAME_HEADER_BYTES = 9
const RECORD_FIXED_BYTES = 1 + 2 + 2 + 2 + 8 + 8 + 8 + 4 + 8 + 4 + 2 + 2
/** Numbers given out before the dictionary starts afresh; it must not grow with history. */
const MAX_NUMBERS = 8_192
const MAX_TEXT_LENGTH = 1_024
const MAX_FEATURES = 16_384
const FIRST_BYTES = 256 << 10
/** A batch this large is written out without waiting for the end of the turn. */
export const FULL_BATCH_BYTES = 256 << 10
/** Labels per frame, so that no frame outgrows a segment. */
const LABELS_PER_FRAME = 500

type GroupNumber = { readonly model: string; readonly version: number; readonly role: string; readonly number: number }

/** Encodes predictions one by one into a buffer. */
export type Recorder = {
  /** Adds one prediction and returns the bytes held so far. Throws `too_large` when a text or the features exceed their limit. */
  add(record: PredictionRecord): number
  /** The frame of everything added since, stamped with `nowMs`; valid until the next `add`. Nothing when nothing was added. */
  take(nowMs: number): Uint8Array | undefined
  /** Forgets all numbers, so that what follows can be read without what went before. */
  restart(): void
  /** Predictions in the buffer. */
  rows(): number
}

export function createRecorder(): Recorder {
  const out = createFrameBytes()
  const numbers = createNumbers(out)
  let rows = 0
  return {
    add(record) {
      checkSizes(record)
      numbers.startAfreshWhenFull()
      const group = numbers.ofGroup(record)
      const actor = numbers.ofText(record.actor)
      const source = numbers.ofText(record.source)
      writeRecord(out, record, group, actor, source)
      rows++
      return out.length()
    },
    take(nowMs) {
      if (rows === 0) return undefined
      rows = 0
      return out.take(frameKind.predictions, nowMs)
    },
    restart: numbers.restart,
    rows: () => rows,
  }
}

function writeRecord(out: FrameBytes, record: PredictionRecord, group: number, actor: number, source: number): void {
  const { features, recordId } = record
  out.reserve(RECORD_FIXED_BYTES + recordId.length * 3 + features.length * 4)
  out.u8(entryKind.record)
  out.u16(group)
  out.u16(actor)
  out.u16(source)
  out.f64(record.atMs)
  out.f64(record.score)
  out.f64(record.prediction)
  out.u32(record.otherVersion)
  out.f64(record.otherScore)
  out.u32(record.latencyUs)
  out.u16(features.length)
  out.text(recordId)
  out.floats(features)
}

type FrameBytes = ReturnType<typeof createFrameBytes>

/** A frame in the making. Room must be reserved before anything is written. */
function createFrameBytes() {
  let bytes = Buffer.allocUnsafe(FIRST_BYTES)
  let view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = FRAME_HEADER_BYTES
  return {
    length: () => at,
    reserve(count: number) {
      if (at + count <= bytes.length) return
      const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + count))
      bytes.copy(larger, 0, 0, at)
      bytes = larger
      view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    },
    u8(value: number) {
      view.setUint8(at, value)
      at += 1
    },
    u16(value: number) {
      view.setUint16(at, value, true)
      at += 2
    },
    u32(value: number) {
      view.setUint32(at, value, true)
      at += 4
    },
    f64(value: number) {
      view.setFloat64(at, value, true)
      at += 8
    },
    text(value: string) {
      const length = bytes.write(value, at + 2)
      view.setUint16(at, length, true)
      at += 2 + length
    },
    floats(values: Float32Array) {
      for (let i = 0; i < values.length; i++, at += 4) view.setFloat32(at, values[i]!, true)
    },
    /** The frame so far, with its header; a new one begins. */
    take(kind: number, nowMs: number): Uint8Array {
      bytes[0] = kind
      view.setFloat64(1, nowMs, true)
      const frame = bytes.subarray(0, at)
      at = FRAME_HEADER_BYTES
      return frame
    },
  }
}

/** Gives texts and groups their numbers and writes the definition of each new one. */
function createNumbers(out: FrameBytes) {
  let count = 0
  let texts = new Map<string, number>()
  let groups = new Map<string, Map<string, GroupNumber[]>>()

  function restart() {
    count = 0
    texts = new Map()
    groups = new Map()
  }

  function ofText(text: string): number {
    const known = texts.get(text)
    if (known !== undefined) return known
    const number = count++
    texts.set(text, number)
    out.reserve(5 + text.length * 3)
    out.u8(entryKind.text)
    out.u16(number)
    out.text(text)
    return number
  }

  function groupsOf(project: string, deployment: string): GroupNumber[] {
    const known = groups.get(project)?.get(deployment)
    if (known !== undefined) return known
    const first: GroupNumber[] = []
    groups.set(project, (groups.get(project) ?? new Map<string, GroupNumber[]>()).set(deployment, first))
    return first
  }

  function defineGroup({ project, deployment, model, version, role }: PredictionRecord): GroupNumber {
    const parts = [ofText(project), ofText(deployment), ofText(model)]
    const number = count++
    out.reserve(14)
    out.u8(entryKind.group)
    out.u16(number)
    for (const part of parts) out.u16(part)
    out.u32(version)
    out.u8(roles.indexOf(role))
    return { model, version, role, number }
  }

  return {
    restart,
    startAfreshWhenFull() {
      if (count > MAX_NUMBERS) restart()
    },
    ofText,
    ofGroup(record: PredictionRecord): number {
      const known = groupsOf(record.project, record.deployment)
      for (const group of known) {
        if (group.version === record.version && group.role === record.role && group.model === record.model) return group.number
      }
      const group = defineGroup(record)
      known.push(group)
      return group.number
    },
  }
}

function checkSizes(record: PredictionRecord): void {
  if (record.features.length > MAX_FEATURES)
    throw new AppError(
      'too_large',
      `a prediction of ${record.deployment} has ${record.features.length} features; the limit is ${MAX_FEATURES}`,
    )
  const texts = [record.recordId, record.actor, record.source]
  for (const text of texts)
    if (text.length > MAX_TEXT_LENGTH)
      throw new AppError('too_large', `the id, actor and source of a prediction hold at most ${MAX_TEXT_LENGTH} characters`)
}

/** The frames of labels of one deployment. */
export function labelFramesFrom(project: string, deployment: string, labels: readonly LabelRecord[], nowMs: number): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let from = 0; from < labels.length; from += LABELS_PER_FRAME) {
    frames.push(labelFrameFrom(project, deployment, labels.slice(from, from + LABELS_PER_FRAME), nowMs))
  }
  return frames
}

function labelFrameFrom(project: string, deployment: string, labels: readonly LabelRecord[], nowMs: number): Uint8Array {
  let room = FRAME_HEADER_BYTES + 8 + (project.length + deployment.length) * 3
  for (const label of labels) room += 28 + (label.recordId.length + label.source.length) * 3
  const bytes = Buffer.allocUnsafe(room)
  let at = FRAME_HEADER_BYTES
  const text = (value: string) => {
    const length = bytes.write(value, at + 2)
    at = bytes.writeUInt16LE(length, at) + length
  }
  bytes[0] = frameKind.labels
  bytes.writeDoubleLE(nowMs, 1)
  text(project)
  text(deployment)
  at = bytes.writeUInt32LE(labels.length, at)
  for (const label of labels) {
    text(label.recordId)
    text(label.source)
    at = bytes.writeDoubleLE(label.label, at)
    at = bytes.writeDoubleLE(label.observedAtMs, at)
    at = bytes.writeDoubleLE(label.receivedAtMs, at)
  }
  return bytes.subarray(0, at)
}
