import fs from 'node:fs'
import path from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { AppError, messageFrom } from '../../../../contract/errors.ts'
import { changesAfter } from '../../../../lib/processing/after.ts'
import { changesBefore } from '../../../../lib/processing/before.ts'
import { countScores, emptyCounts, histogramFrom } from '../../../../lib/stats/score-histogram.ts'
import { writeDurably } from './durable-file.ts'
import { encodePart, type ScoredRows } from './encode.ts'
import { type Joined, openLookups } from './lookups.ts'
import type { Chunk, ChunkStats, Layout, ModelFile, PreviewRow, Tasks } from './messages.ts'
import { type OddCells, oddCellsFile } from './odd-cells.ts'
import { type Keys, openRows, type RowReader } from './row-reader.ts'

/** Rows of one call of the model: large enough to cost little, small enough for the processor’s cache. */
const BLOCK_ROWS = 8_192

const partName = (index: number) => String(index).padStart(6, '0')

/** Scores chunks of one file and leaves, of each, its part of the output, its dead letters and last, as the sign that it is done, its counts. */
export async function score(given: Tasks['score']['given'], note: (chunk: ChunkStats) => void): Promise<Tasks['score']['gives']> {
  const { chunks, layout, folder } = given
  const model = await openModel(given.model)
  const joined = await openLookups(layout)
  const reader = await openRows(chunks[0]!.file)
  const odd = readOddCells(chunks[0]!.file)
  const done: ChunkStats[] = []
  try {
    for (const [i, chunk] of chunks.entries()) {
      const rows = await scoreChunk(chunk, {
        reader,
        layout,
        joined,
        model,
        odd,
        dropped: given.dropped[i] ?? null,
        threshold: given.stamp.threshold,
      })
      const part = encodePart(rows.scored, given.stamp, given.form, given.keyName)
      const name = path.join(folder, partName(chunk.index))
      writeDurably(`${name}.dead`, rows.dead.map((letter) => `${JSON.stringify(letter)}\n`).join(''))
      writeDurably(`${name}.part`, part)
      writeDurably(`${name}.json`, JSON.stringify(rows.stats))
      note(rows.stats)
      done.push(rows.stats)
    }
  } finally {
    reader.close()
  }
  return { chunks: done }
}

/** Scores rows spread evenly over the file. */
export async function preview({ file, rows, layout, model: from }: Tasks['preview']['given']): Promise<Tasks['preview']['gives']> {
  const model = await openModel(from)
  const joined = await openLookups(layout)
  const reader = await openRows(file)
  const odd = readOddCells(file)
  try {
    const scanned = reader.rows
    const wanted = Math.min(rows, scanned)
    const found: PreviewRow[] = []
    for (let i = 0; i < wanted; i++) {
      const row = Math.floor((i * scanned) / wanted)
      const block = readBlock({ reader, layout, joined, odd }, row, row + 1)
      const problem = block.problems.get(0) ?? problemOf(block, 0, layout)
      const [score] = problem === undefined ? await model.score(block.values, 1) : [Number.NaN]
      found.push({
        key: keyText(block.keys, 0),
        features: Array.from(block.values, (value) => (Number.isNaN(value) ? null : value)),
        score: Number.isNaN(score) ? null : score!,
        problem: problem ?? (Number.isNaN(score) ? NO_NUMBER : null),
      })
    }
    return { scanned, rows: found }
  } finally {
    reader.close()
  }
}

const NO_NUMBER = 'the model gives no number for this row'

type Model = { score(values: Float32Array, rows: number): Promise<Float32Array> }
/** The model a thread has open; a run has one. */
const opened = new Map<string, Promise<Model>>()

function openModel(given: ModelFile): Promise<Model> {
  const known = opened.get(given.file)
  if (known) return known
  const model = loadModel(given)
  opened.set(given.file, model)
  return model
}

async function loadModel({ file, features, processing }: ModelFile): Promise<Model> {
  const session = await InferenceSession.create(file, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  }).catch((error: unknown) => {
    throw new AppError('unsafe', `ONNX Runtime cannot open the model: ${messageFrom(error)}`, {}, error)
  })
  const [input] = session.inputNames
  const output = session.outputNames.find((name) => /prob|score/i.test(name)) ?? session.outputNames[0]!
  const before = processing ? changesBefore(processing, features) : same
  const after = processing ? changesAfter(processing, features) : same
  return {
    async score(values, rows) {
      const results = await session.run({ [input!]: new Tensor('float32', before(values), [rows, features.length]) }, [output])
      const data = results[output]?.data
      if (!(data instanceof Float32Array) || (data.length !== rows && data.length !== 2 * rows))
        throw new AppError('invalid', `output ${output} of the model must be one score, or two class probabilities, a row`)
      const scores = data.length === rows ? data : Float32Array.from({ length: rows }, (_, row) => data[2 * row + 1]!)
      return after(scores, values)
    },
  }
}

const same = (values: Float32Array) => values

type Sources = { readonly reader: RowReader; readonly layout: Layout; readonly joined: Joined; readonly odd: OddCells }
type Block = {
  readonly values: Float32Array
  readonly keys: Keys
  /** Why a row cannot be scored, by its place in the block. */
  readonly problems: Map<number, string>
  readonly oddTexts: Map<number, Record<string, string>>
}

/** `room` may be given for the values, to be used again once they are scored. */
function readBlock({ reader, layout, joined, odd }: Sources, from: number, to: number, room?: Float32Array): Block {
  const stride = layout.features.length
  const values = room?.subarray(0, (to - from) * stride) ?? new Float32Array((to - from) * stride)
  const problems = new Map<number, string>()
  const oddTexts = new Map<number, Record<string, string>>()
  const blame = (row: number, feature: string, text: string) => {
    oddTexts.set(row, { ...oddTexts.get(row), [feature]: text })
    if (!problems.has(row)) problems.set(row, `${feature}: "${text.slice(0, 100)}" is no number`)
  }
  const lookedUp = layout.lookups.map(({ on }) => reader.texts(on, from, to))
  for (const [offset, source] of layout.features.entries()) {
    if ('lookup' in source) {
      const keys = lookedUp[source.lookup]!
      for (let i = 0; i < keys.length; i++) values[i * stride + offset] = joined.value(source.lookup, source.column, keys[i]!)
    } else
      reader.numbers(source.column, from, to, { into: values, offset, stride }, (row, text) => {
        blame(row, source.feature, text)
      })
  }
  for (const [row, cells] of Object.entries(odd)) {
    const at = Number(row) - from
    if (at < 0 || at >= to - from) continue
    for (const source of layout.features)
      if (!('lookup' in source)) {
        const text = cells[source.column.slice(2)]
        if (text !== undefined) blame(at, source.feature, text)
      }
  }
  return { values, keys: reader.keys(layout.key, from, to), problems, oddTexts }
}

/** What else than its cells keeps a row from being scored. */
function problemOf({ values, keys }: Block, row: number, { features, required, key }: Layout): string | undefined {
  if (isMissing(keys, row)) return `the key column ${key} is empty`
  for (let f = 0; f < features.length; f++)
    if (required[f] && Number.isNaN(values[row * features.length + f])) return `${features[f]!.feature} is missing and required`
  return undefined
}

function isMissing(keys: Keys, row: number): boolean {
  return 'texts' in keys ? keys.texts[row] === null : keys.present !== null && keys.present[row] === 0
}

function keyText(keys: Keys, row: number): string | null {
  if (isMissing(keys, row)) return null
  return 'texts' in keys ? keys.texts[row]! : String(keys.integers[row])
}

type DeadLetter = { row: number; key: string | null; reason: string; values: Record<string, number | string | null> }
type ChunkWork = Sources & { readonly model: Model; readonly dropped: Uint8Array | null; readonly threshold: number }

async function scoreChunk(chunk: Chunk, work: ChunkWork): Promise<{ scored: ScoredRows; dead: DeadLetter[]; stats: ChunkStats }> {
  const { layout, model } = work
  const stride = layout.features.length
  const most = chunk.to - chunk.from
  const scores = new Float32Array(most)
  const integers = new BigInt64Array(most)
  const texts: string[] = []
  const dead: DeadLetter[] = []
  const counts = emptyCounts()
  const room = new Float32Array(Math.min(BLOCK_ROWS, most) * stride)
  let [kept, duplicates, nullCells, isText] = [0, 0, 0, false]

  for (let from = chunk.from; from < chunk.to; from += BLOCK_ROWS) {
    const to = Math.min(chunk.to, from + BLOCK_ROWS)
    const block = readBlock(work, from, to, room)
    const bury = (row: number, reason: string) =>
      dead.push(deadLetter(block, row, { reason, layout, number: chunk.firstRow + from - chunk.from + row + 1 }))
    const { rows, good, dropped } = chooseRows(block, { ...work, count: to - from, firstBit: from - chunk.from }, bury)
    duplicates += dropped
    const values = good === to - from ? block.values : compacted(block.values, rows.subarray(0, good), stride)
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) nullCells += 1
    const found = good === 0 ? new Float32Array(0) : await model.score(values, good)
    for (let i = 0; i < good; i++) {
      const row = rows[i]!
      const one = found[i]!
      if (Number.isNaN(one)) {
        bury(row, NO_NUMBER)
        continue
      }
      if ('texts' in block.keys) {
        isText = true
        texts.push(block.keys.texts[row]!)
      } else integers[kept] = block.keys.integers[row]!
      scores[kept++] = one
    }
  }
  const scored: ScoredRows = { keys: isText ? texts : integers.subarray(0, kept), scores: scores.subarray(0, kept) }
  countScores(counts, scored.scores)
  const positives = scored.scores.reduce((sum, one) => sum + (one >= work.threshold ? 1 : 0), 0)
  const stats = {
    index: chunk.index,
    rowsIn: most,
    rowsOut: kept,
    dead: dead.length,
    duplicates,
    positives,
    nullCells,
    cells: (kept + dead.length) * stride,
  }
  return { scored, dead, stats: { ...stats, histogram: histogramFrom(counts) } }
}

type Choice = { readonly layout: Layout; readonly dropped: Uint8Array | null; readonly count: number; readonly firstBit: number }

/** The rows of a block that can be scored, after duplicates are left out and those with a problem are buried. */
function chooseRows(block: Block, { layout, dropped: bits, count, firstBit }: Choice, bury: (row: number, reason: string) => void) {
  const needsCheck = layout.required.some(Boolean)
  const rows = new Int32Array(count)
  let [good, dropped] = [0, 0]
  for (let row = 0; row < count; row++) {
    const bit = firstBit + row
    if (bits && (bits[bit >>> 3]! >>> (bit & 7)) & 1) {
      dropped += 1
      continue
    }
    const own = block.problems.size > 0 ? block.problems.get(row) : undefined
    const problem = own ?? (needsCheck || isMissing(block.keys, row) ? problemOf(block, row, layout) : undefined)
    if (problem === undefined) rows[good++] = row
    else bury(row, problem)
  }
  return { rows, good, dropped }
}

function compacted(values: Float32Array, rows: Int32Array, stride: number): Float32Array {
  const kept = new Float32Array(rows.length * stride)
  for (let i = 0; i < rows.length; i++) kept.set(values.subarray(rows[i]! * stride, (rows[i]! + 1) * stride), i * stride)
  return kept
}

function deadLetter(block: Block, row: number, { reason, layout, number }: { reason: string; layout: Layout; number: number }): DeadLetter {
  const odd = block.oddTexts.get(row)
  const values = layout.features.map(({ feature }, f) => {
    const value = block.values[row * layout.features.length + f]!
    return [feature, odd?.[feature] ?? (Number.isNaN(value) ? null : value)] as const
  })
  return { row: number, key: keyText(block.keys, row), reason, values: Object.fromEntries(values) }
}

function readOddCells(file: string): OddCells {
  const beside = oddCellsFile(file)
  return beside !== file && fs.existsSync(beside) ? (JSON.parse(fs.readFileSync(beside, 'utf8')) as OddCells) : {}
}
