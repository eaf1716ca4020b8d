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
export const LABELS_PER_FRAME = 500

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
  let bytes = Buffer.allocUnsafe(FIRST_BYTES)
  let view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = FRAME_HEADER_BYTES
  let rows = 0
  let numbers = 0
  let texts = new Map<string, number>()
  let groups = new Map<string, Map<string, GroupNumber[]>>()

  function restart() {
    numbers = 0
    texts = new Map()
    groups = new Map()
  }

  function reserve(count: number) {
    if (at + count <= bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + count))
    bytes.copy(larger, 0, 0, at)
    bytes = larger
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  function writeText(text: string) {
    const length = bytes.write(text, at + 2)
    view.setUint16(at, length, true)
    at += 2 + length
  }

  function numberOf(text: string): number {
    const known = texts.get(text)
    if (known !== undefined) return known
    const number = numbers++
    texts.set(text, number)
    reserve(5 + text.length * 3)
    bytes[at] = entryKind.text
    view.setUint16(at + 1, number, true)
    at += 3
    writeText(text)
    return number
  }

  function groupsOf(project: string, deployment: string): GroupNumber[] {
    const known = groups.get(project)?.get(deployment)
    if (known !== undefined) return known
    const first: GroupNumber[] = []
    groups.set(project, (groups.get(project) ?? new Map<string, GroupNumber[]>()).set(deployment, first))
    return first
  }

  function groupOf(record: PredictionRecord): number {
    const known = groupsOf(record.project, record.deployment)
    for (const group of known) {
      if (group.version === record.version && group.role === record.role && group.model === record.model) return group.number
    }
    return defineGroup(record, known)
  }

  function defineGroup(record: PredictionRecord, known: GroupNumber[]): number {
    const project = numberOf(record.project)
    const deployment = numberOf(record.deployment)
    const model = numberOf(record.model)
    const number = numbers++
    reserve(14)
    bytes[at] = entryKind.group
    view.setUint16(at + 1, number, true)
    view.setUint16(at + 3, project, true)
    view.setUint16(at + 5, deployment, true)
    view.setUint16(at + 7, model, true)
    view.setUint32(at + 9, record.version, true)
    bytes[at + 13] = roles.indexOf(record.role)
    at += 14
    known.push({ model: record.model, version: record.version, role: record.role, number })
    return number
  }

  return {
    add(record) {
      const { features } = record
      checkSizes(record)
      if (numbers > MAX_NUMBERS) restart()
      const group = groupOf(record)
      const actor = numberOf(record.actor)
      const source = numberOf(record.source)
      reserve(RECORD_FIXED_BYTES + record.recordId.length * 3 + features.length * 4)
      bytes[at] = entryKind.record
      view.setUint16(at + 1, group, true)
      view.setUint16(at + 3, actor, true)
      view.setUint16(at + 5, source, true)
      view.setFloat64(at + 7, record.atMs, true)
      view.setFloat64(at + 15, record.score, true)
      view.setFloat64(at + 23, record.prediction, true)
      view.setUint32(at + 31, record.otherVersion, true)
      view.setFloat64(at + 35, record.otherScore, true)
      view.setUint32(at + 43, record.latencyUs, true)
      view.setUint16(at + 47, features.length, true)
      at += 49
      writeText(record.recordId)
      for (let i = 0; i < features.length; i++, at += 4) view.setFloat32(at, features[i]!, true)
      rows++
      return at
    },
    take(nowMs) {
      if (rows === 0) return undefined
      bytes[0] = frameKind.predictions
      view.setFloat64(1, nowMs, true)
      const frame = bytes.subarray(0, at)
      at = FRAME_HEADER_BYTES
      rows = 0
      return frame
    },
    restart,
    rows: () => rows,
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

/** The frame of labels of one deployment. */
export function labelFrameFrom(project: string, deployment: string, labels: readonly LabelRecord[], nowMs: number): Uint8Array {
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
