import { AppError } from '../../../contract/errors.ts'
import { entryKind, frameKind, roles } from './recorder.ts'
import type { PredictionBatch, PredictionGroup, Segment, SegmentLabel } from './segment.ts'

/** Bytes read before others get their turn. */
const READ_AT_ONCE_BYTES = 128 << 10

/** Reads the frames of a segment into batches, bit by bit. Throws `internal` when a frame is not what the recorder writes. */
export async function segmentFrom(id: string, frames: readonly Uint8Array[]): Promise<Segment> {
  const batches = new Map<string, BatchBuilder>()
  const labels: SegmentLabel[] = []
  const numbers: Numbers = { texts: new Map(), groups: new Map() }
  let startedMs: number | undefined
  let sinceTurn = 0
  for (const frame of frames) {
    sinceTurn += frame.length
    if (sinceTurn > READ_AT_ONCE_BYTES) {
      sinceTurn = frame.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    const reader = createReader(frame)
    const kind = reader.u8()
    const flushedMs = reader.f64()
    startedMs ??= flushedMs
    if (kind === frameKind.predictions) readPredictions(id, reader, numbers, batches)
    else if (kind === frameKind.labels) readLabels(reader, labels)
    else throw unreadable(id, `frame kind ${kind}`)
  }
  return { id, startedMs: startedMs ?? 0, predictions: [...batches.values()].map((builder) => builder.finish()), labels }
}

type Numbers = { readonly texts: Map<number, string>; readonly groups: Map<number, BatchBuilder> }

function readPredictions(id: string, reader: Reader, numbers: Numbers, batches: Map<string, BatchBuilder>): void {
  const text = (number: number) => {
    const found = numbers.texts.get(number)
    if (found === undefined) throw unreadable(id, `no text has the number ${number}`)
    return found
  }
  while (reader.left() > 0) {
    const kind = reader.u8()
    const number = reader.u16()
    if (kind === entryKind.text) numbers.texts.set(number, reader.text())
    else if (kind === entryKind.group) {
      const [project, deployment, model] = [text(reader.u16()), text(reader.u16()), text(reader.u16())]
      const version = reader.u32()
      const role = roles[reader.u8()]!
      const key = JSON.stringify([project, deployment, model, version, role])
      const batch = batches.get(key) ?? createBatch({ project, deployment, model, version, role })
      batches.set(key, batch)
      numbers.groups.set(number, batch)
    } else if (kind === entryKind.record) {
      const batch = numbers.groups.get(number)
      if (batch === undefined) throw unreadable(id, `no group has the number ${number}`)
      batch.add(reader, text(reader.u16()), text(reader.u16()))
    } else throw unreadable(id, `entry kind ${kind}`)
  }
}

function readLabels(reader: Reader, labels: SegmentLabel[]): void {
  const project = reader.text()
  const deployment = reader.text()
  for (let left = reader.u32(); left > 0; left--) {
    const recordId = reader.text()
    const source = reader.text()
    labels.push({ project, deployment, recordId, source, label: reader.f64(), observedAtMs: reader.f64(), receivedAtMs: reader.f64() })
  }
}

type BatchBuilder = ReturnType<typeof createBatch>

function createBatch(group: PredictionGroup) {
  const recordIds: string[] = []
  const actors: string[] = []
  const sources: string[] = []
  const atMs: number[] = []
  const scores: number[] = []
  const predictions: number[] = []
  const otherVersions: number[] = []
  const otherScores: number[] = []
  const latencyUs: number[] = []
  const ends: number[] = []
  let features = new Float32Array(1_024)
  let used = 0
  return {
    add(reader: Reader, actor: string, source: string) {
      actors.push(actor)
      sources.push(source)
      atMs.push(reader.f64())
      scores.push(reader.f64())
      predictions.push(reader.f64())
      otherVersions.push(reader.u32())
      otherScores.push(reader.f64())
      latencyUs.push(reader.u32())
      const width = reader.u16()
      recordIds.push(reader.text())
      if (used + width > features.length) {
        const larger = new Float32Array(Math.max(features.length * 2, used + width))
        larger.set(features.subarray(0, used))
        features = larger
      }
      reader.floats(features, used, width)
      used += width
      ends.push(used)
    },
    finish(): PredictionBatch {
      return {
        ...group,
        rows: recordIds.length,
        recordIds,
        actors,
        sources,
        atMs: Float64Array.from(atMs),
        scores: Float64Array.from(scores),
        predictions: Float64Array.from(predictions),
        otherVersions: Uint32Array.from(otherVersions),
        otherScores: Float64Array.from(otherScores),
        latencyUs: Uint32Array.from(latencyUs),
        features: features.subarray(0, used),
        ends: Uint32Array.from(ends),
      }
    },
  }
}

type Reader = ReturnType<typeof createReader>

function createReader(frame: Uint8Array) {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  let at = 0
  const step = (count: number) => {
    at += count
    return at - count
  }
  return {
    left: () => bytes.length - at,
    u8: () => view.getUint8(step(1)),
    u16: () => view.getUint16(step(2), true),
    u32: () => view.getUint32(step(4), true),
    f64: () => view.getFloat64(step(8), true),
    text() {
      const length = view.getUint16(step(2), true)
      return bytes.toString('utf8', step(length), at)
    },
    floats(into: Float32Array, from: number, count: number) {
      for (let i = 0; i < count; i++) into[from + i] = view.getFloat32(step(4), true)
    },
  }
}

function unreadable(id: string, what: string): AppError {
  return new AppError('internal', `the telemetry segment ${id} cannot be read: ${what}`, { segment: id })
}
