import { addToSample, createRowSample, type RowSample } from '../../lib/drift/profile/row-sample.ts'
import type { ColumnHead, ColumnKind, ColumnValues } from '../../lib/drift/profile/table.ts'
import {
  createProfiler,
  frameFrom,
  frameOf,
  type ProfileFrame,
  profileChunk,
  profileOf,
  type TableProfile,
} from '../../lib/drift/profile/table-profile.ts'
import { createRandom } from '../../lib/random.ts'
import { usageError } from '../failures.ts'
import { columnKindOf, numberOf } from './cells.ts'
import type { Cell, RowChunk, RowSource } from './row-chunks.ts'

export type ProfilePlan = {
  /** Whole rows that the profile keeps; 0 keeps no value of any row. */
  readonly sampleRows: number
  /** Columns looked at; all when absent. */
  readonly columns?: readonly string[]
  readonly ignore: readonly string[]
  /** Kinds that a person gives, whatever the values look like. */
  readonly kinds: ReadonlyMap<string, ColumnKind>
  moved(share: number, text: string): void
}

/** Rows from which kinds are told and bins are cut. */
const FRAME_ROWS = 5_000

/** Counts a whole file in two passes: a sample of rows from which kinds and bins come, then exact counts of all rows. */
export async function profileRows(source: RowSource, plan: ProfilePlan): Promise<TableProfile> {
  const wanted = wantedColumns(source, plan)
  const { sample, counters } = await sampled(source, wanted, plan)
  if (sample.rows === 0) throw usageError(`${source.name} has no rows`)
  const heads = wanted.map((name, c): ColumnHead => {
    const told = columnKindOf(sample.columns[c] as Cell[])
    return { name, kind: plan.kinds.get(name) ?? (counters[c] ? 'identifier' : told) }
  })
  return await counted(source, frameFrom(heads, typed(sample, heads)), plan, 0.5)
}

/**
 * Counts a file over the bins of a reference in one pass. Kinds are those of the reference; a column it does not have gets its kind
 * and bins from the first rows, and one that is gone is left out.
 */
export async function profileAgainst(source: RowSource, reference: TableProfile, plan: ProfilePlan): Promise<TableProfile> {
  const known = frameOf(reference)
  const bins = new Map(known.numeric.features.map((feature) => [feature.name, feature]))
  const wanted = wantedColumns(source, plan)
  const fresh = wanted.filter((name) => !known.columns.some((column) => column.name === name))
  const first = await headSample(source, fresh)
  const freshHeads = fresh.map((name, c): ColumnHead => ({ name, kind: columnKindOf(first.columns[c] as Cell[]) }))
  const own = frameFrom(freshHeads, typed(first, freshHeads))
  const columns = [...known.columns.filter(({ name }) => wanted.includes(name)), ...freshHeads]
  for (const feature of own.numeric.features) bins.set(feature.name, feature)
  const features = columns.flatMap(({ name, kind }) => (kind === 'numeric' ? [bins.get(name)!] : []))
  return await counted(source, { columns, numeric: { ...known.numeric, features } }, plan, 0)
}

function wantedColumns(source: RowSource, { columns, ignore }: ProfilePlan): string[] {
  return source.columns.filter((name) => (columns === undefined || columns.includes(name)) && !ignore.includes(name))
}

type Sampled = {
  readonly sample: RowSample
  /** Whether whole numbers only ever grow from row to row: a number of the row, or a time. */
  readonly counters: readonly boolean[]
}

async function sampled(source: RowSource, wanted: readonly string[], plan: ProfilePlan): Promise<Sampled> {
  const sample = createRowSample(wanted.length, FRAME_ROWS)
  const random = createRandom(`frame of ${source.name}`)
  const last = wanted.map(() => Number.NEGATIVE_INFINITY)
  const counters = wanted.map(() => true)
  const places = wanted.map((name) => source.columns.indexOf(name))
  for await (const chunk of source.read()) {
    const columns = textColumns(chunk, places)
    addToSample(sample, { rows: chunk.rows.length, columns }, random)
    columns.forEach((cells, c) => {
      for (let row = 0; row < cells.length && counters[c]; row++) {
        const value = numberOf(cells[row]!)
        counters[c] = value !== undefined && Number.isInteger(value) && value > last[c]!
        last[c] = value ?? 0
      }
    })
    plan.moved(chunk.share / 2, `${source.name}: ${sample.rows} rows sampled`)
  }
  return { sample, counters: counters.map((counter) => counter && sample.rows >= LEAST_COUNTED) }
}

/** Shorter columns may grow from row to row by chance. */
const LEAST_COUNTED = 20

/** The first rows of a file, of some columns. */
async function headSample(source: RowSource, names: readonly string[]): Promise<RowSample> {
  const sample = createRowSample(names.length, FRAME_ROWS)
  if (names.length === 0) return sample
  const places = names.map((name) => source.columns.indexOf(name))
  for await (const chunk of source.read()) {
    addToSample(sample, { rows: chunk.rows.length, columns: textColumns(chunk, places) }, createRandom('first rows'))
    break
  }
  return sample
}

/** The sample with numbers in its numeric columns. */
function typed(sample: RowSample, heads: readonly ColumnHead[]): RowSample {
  const columns = sample.columns.map((cells, c) =>
    heads[c]!.kind === 'numeric' ? (cells as Cell[]).map((cell) => numberOf(cell) ?? Number.NaN) : cells,
  )
  return { ...sample, columns }
}

async function counted(source: RowSource, frame: ProfileFrame, plan: ProfilePlan, from: number): Promise<TableProfile> {
  // A seed of the file’s own, so that the samples of two files are independent and the same file gives the same profile.
  const profiler = createProfiler(frame, { random: createRandom(`rows of ${source.name}`), sampleRows: plan.sampleRows })
  const places = frame.columns.map(({ name }) => source.columns.indexOf(name))
  let rows = 0
  for await (const chunk of source.read()) {
    const unreadable = frame.columns.map(() => 0)
    const columns = textColumns(chunk, places).map((cells, c): ColumnValues => {
      if (frame.columns[c]!.kind !== 'numeric') return cells
      return Float64Array.from(cells, (cell) => {
        const value = numberOf(cell)
        if (value === undefined) unreadable[c]!++
        return value ?? Number.NaN
      })
    })
    profileChunk(profiler, { rows: chunk.rows.length, columns }, unreadable)
    rows += chunk.rows.length
    plan.moved(from + chunk.share * (1 - from), `${source.name}: ${rows} rows counted`)
  }
  if (rows === 0) throw usageError(`${source.name} has no rows`)
  return profileOf(profiler)
}

function textColumns({ rows }: RowChunk, places: readonly number[]): Cell[][] {
  return places.map((place) => rows.map((cells) => cells[place] ?? null))
}
