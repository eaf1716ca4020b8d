import type { Block } from '../../../infra/columns/native.ts'
import type { PredictionBatch, Segment } from './segment.ts'

const DAY_MS = 86_400_000
/** The store takes a block of this size as one; a larger one might be split differently the second time. */
const MAX_ROWS = 65_536

type Piece = { readonly batch: PredictionBatch; readonly from: number; readonly to: number }

/** The predictions of a segment as blocks of `inference_records`; the same segment gives the same blocks every time. */
export function recordBlocksFrom(segment: Segment): Block[] {
  const blocks: Block[] = []
  let pieces: Piece[] = []
  let rows = 0
  for (const batch of segment.predictions) {
    for (let from = 0; from < batch.rows; ) {
      const to = Math.min(batch.rows, from + MAX_ROWS - rows)
      pieces.push({ batch, from, to })
      rows += to - from
      from = to
      if (rows < MAX_ROWS) continue
      blocks.push(blockFrom(segment, pieces, rows))
      pieces = []
      rows = 0
    }
  }
  if (rows > 0) blocks.push(blockFrom(segment, pieces, rows))
  return blocks
}

function blockFrom(segment: Segment, pieces: readonly Piece[], rows: number): Block {
  const texts = (pick: (batch: PredictionBatch, row: number) => string) =>
    pieces.flatMap((piece) => spread(piece, (row) => pick(piece.batch, row)))
  const numbers = <A extends Float64Array | Uint32Array>(into: A, pick: (batch: PredictionBatch) => A): A => {
    let at = 0
    for (const { batch, from, to } of pieces) {
      into.set(pick(batch).subarray(from, to), at)
      at += to - from
    }
    return into
  }
  const floats = () => new Float64Array(rows)
  const counts = () => new Uint32Array(rows)
  return {
    rows,
    columns: [
      { name: 'project', type: 'String', values: texts((batch) => batch.project) },
      { name: 'deployment', type: 'String', values: texts((batch) => batch.deployment) },
      { name: 'model', type: 'String', values: texts((batch) => batch.model) },
      { name: 'version', type: 'UInt32', values: numbers(counts(), (batch) => new Uint32Array(batch.rows).fill(batch.version)) },
      { name: 'role', type: 'String', values: texts((batch) => batch.role) },
      { name: 'record_id', type: 'String', values: texts((batch, row) => batch.recordIds[row]!) },
      { name: 'at', type: 'Instant', values: numbers(floats(), (batch) => batch.atMs) },
      { name: 'actor', type: 'String', values: texts((batch, row) => batch.actors[row]!) },
      { name: 'source', type: 'String', values: texts((batch, row) => batch.sources[row]!) },
      { name: 'features', type: 'Floats', ...featuresOf(pieces, rows) },
      { name: 'score', type: 'Float64', values: numbers(floats(), (batch) => batch.scores) },
      { name: 'prediction', type: 'Float64', values: numbers(floats(), (batch) => batch.predictions) },
      { name: 'other_version', type: 'UInt32', values: numbers(counts(), (batch) => batch.otherVersions) },
      { name: 'other_score', type: 'Float64', values: numbers(floats(), (batch) => batch.otherScores) },
      { name: 'latency_us', type: 'UInt32', values: numbers(counts(), (batch) => batch.latencyUs) },
      { name: 'segment', type: 'String', values: texts(() => segment.id) },
      { name: 'stored_on', type: 'Date', values: new Uint16Array(rows).fill(Math.floor(segment.startedMs / DAY_MS)) },
    ],
  }
}

function spread<T>({ from, to }: Piece, pick: (row: number) => T): T[] {
  return Array.from({ length: to - from }, (_, i) => pick(from + i))
}

function featuresOf(pieces: readonly Piece[], rows: number): { values: Float32Array; ends: Uint32Array } {
  const slices = pieces.map(({ batch, from, to }) => batch.features.subarray(from === 0 ? 0 : batch.ends[from - 1]!, batch.ends[to - 1]!))
  const values = new Float32Array(slices.reduce((sum, slice) => sum + slice.length, 0))
  const ends = new Uint32Array(rows)
  let row = 0
  let at = 0
  for (const [i, { batch, from, to }] of pieces.entries()) {
    values.set(slices[i]!, at)
    const shift = at - (from === 0 ? 0 : batch.ends[from - 1]!)
    for (let r = from; r < to; r++) ends[row++] = batch.ends[r]! + shift
    at += slices[i]!.length
  }
  return { values, ends }
}
