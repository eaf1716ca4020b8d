import type { Random } from '../../random.ts'
import { addHeavyHitter, commonest, createHeavyHitters, type HeavyHitters, mergeHeavyHitters } from './heavy-hitters.ts'
import { type FeatureProfile, type Profile, profileFrom } from './profile.ts'
import { addToQuantiles, createQuantiles, mergeQuantiles, type QuantileSketch } from './quantiles.ts'
import { addToSample, createRowSample, mergeSamples, type RowSample, sampledNumbers } from './row-sample.ts'
import { countsOf, createSketch, mergeSketches, momentsOf, observeColumns, type Sketch } from './sketch.ts'
import type { ColumnHead, ColumnKind, TableChunk } from './table.ts'

export const PROFILE_FORMAT = 'setpoint.profile/1'

/** What all rows of a column of numbers come to. `counts` are over the frame’s frozen bins; `quantiles` is null where none was asked for. */
export type NumericColumn = {
  readonly name: string
  readonly kind: 'numeric'
  readonly missing: number
  /** Where the bins are cut, and what the moments are measured from: that of the reference, for whatever is held against it. */
  readonly frame: FeatureProfile
  readonly counts: readonly number[]
  /** Rows outside the range of the frame: below its least value and above its greatest. */
  readonly outside: { readonly below: number; readonly above: number }
  readonly min: number | null
  readonly max: number | null
  readonly mean: number | null
  readonly variance: number | null
  readonly wholeNumbers: boolean
  /** Cells that were there but were no numbers, counted as missing too. */
  readonly unreadable: number
  readonly quantiles: QuantileSketch | null
}
export type CategoryColumn = {
  readonly name: string
  readonly kind: 'category'
  readonly missing: number
  /** By falling count; the rows of all other values are in `other`. */
  readonly values: readonly (readonly [value: string, rows: number])[]
  readonly other: number
}
/** Prose is kept in the sample only; of identifiers nothing but their number is kept. */
type PlainColumn = { readonly name: string; readonly kind: 'text' | 'identifier' | 'empty'; readonly missing: number }
export type ColumnProfile = NumericColumn | CategoryColumn | PlainColumn

/** A table in little: exact counts of all rows over frozen bins, and a uniform sample of whole rows. Plain data. */
export type TableProfile = {
  readonly format: typeof PROFILE_FORMAT
  readonly rows: number
  readonly columns: readonly ColumnProfile[]
  readonly sample: RowSample
}

/** The columns a profiler counts, and the bins of the numeric ones, in the order of the columns. */
export type ProfileFrame = { readonly columns: readonly ColumnHead[]; readonly numeric: Profile }

/**
 * Cuts the bins of every numeric column at the quantiles of a sample of rows, as `profileFrom` does. Frozen bins need not hold equal
 * shares of all rows, so a sample of some thousand rows is as good as the table.
 */
export function frameFrom(columns: readonly ColumnHead[], sample: RowSample, bins?: number): ProfileFrame {
  const numeric = columns.flatMap((column, c) =>
    column.kind === 'numeric' ? [{ name: column.name, values: sampledNumbers(sample, c) }] : [],
  )
  if (numeric.length === 0) return { columns, numeric: { sampleSize: 0, features: [] } }
  const frozen = profileFrom(
    numeric.map(({ name }) => name),
    numeric.map(({ values }) => values),
    bins === undefined ? {} : { bins },
  )
  return { columns, numeric: frozen }
}

/** The bins of a profile, with its range, so that another table can be counted over them. */
export function frameOf({ columns, rows }: TableProfile): ProfileFrame {
  const features = columns.flatMap((column) =>
    column.kind === 'numeric' ? [{ ...column.frame, min: column.min ?? column.frame.min, max: column.max ?? column.frame.max }] : [],
  )
  return { columns: columns.map(({ name, kind }) => ({ name, kind })), numeric: { sampleSize: rows, features } }
}

/** Counts a table chunk by chunk; mutable, made by `createProfiler`. */
export type Profiler = {
  readonly frame: ProfileFrame
  readonly sketch: Sketch
  readonly sample: RowSample
  readonly random: Random
  /** One for each column, in their order; null where the kind has none. */
  readonly tallies: readonly (NumericTally | HeavyHitters | null)[]
  readonly missing: Float64Array
}
type NumericTally = { min: number; max: number; wholeNumbers: boolean; unreadable: number; readonly quantiles: QuantileSketch | null }

export type ProfilerOptions = {
  readonly random: Random
  /** Whole rows that are kept; 0 keeps no value of any row. */
  readonly sampleRows?: number
  /** Whether quantiles are sketched too, at about 40 ns a value. */
  readonly quantiles?: boolean
}

const SAMPLE_ROWS = 2_000

export function createProfiler(frame: ProfileFrame, { random, sampleRows = SAMPLE_ROWS, quantiles = true }: ProfilerOptions): Profiler {
  const tallyOf = (kind: ColumnKind): NumericTally | HeavyHitters | null => {
    if (kind === 'category') return createHeavyHitters()
    if (kind !== 'numeric') return null
    const sketched = quantiles ? createQuantiles() : null
    return { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, wholeNumbers: true, unreadable: 0, quantiles: sketched }
  }
  return {
    frame,
    sketch: createSketch(frame.numeric),
    sample: createRowSample(frame.columns.length, sampleRows),
    random,
    tallies: frame.columns.map(({ kind }) => tallyOf(kind)),
    missing: new Float64Array(frame.columns.length),
  }
}

/**
 * Adds a chunk whose columns are those of the frame, in its order: numbers for numeric columns, texts for all others. `unreadable`
 * says for each column how many of its cells were there but were no numbers (NaN in the chunk). Throws RangeError for another shape.
 */
export function profileChunk(profiler: Profiler, chunk: TableChunk, unreadable: readonly number[] = []): void {
  const { frame, sketch, tallies } = profiler
  if (chunk.columns.length !== frame.columns.length)
    throw new RangeError(`a chunk of ${chunk.columns.length} columns does not fit a frame of ${frame.columns.length}`)
  const numeric: Float64Array[] = []
  frame.columns.forEach(({ name, kind }, c) => {
    const values = chunk.columns[c]!
    if ((kind === 'numeric') !== values instanceof Float64Array)
      throw new RangeError(`column ${name} is ${kind}, but the chunk holds ${values instanceof Float64Array ? 'numbers' : 'texts'}`)
    if (values instanceof Float64Array) {
      numeric.push(values)
      tallyNumbers(tallies[c] as NumericTally, values, unreadable[c] ?? 0)
      return
    }
    for (const value of values) {
      if (value === null) profiler.missing[c]!++
      else if (kind === 'category') addHeavyHitter(tallies[c] as HeavyHitters, value)
    }
  })
  if (numeric.length > 0) observeColumns(sketch, numeric)
  addToSample(profiler.sample, chunk, profiler.random)
}

function tallyNumbers(tally: NumericTally, values: Float64Array, unreadable: number): void {
  let { min, max } = tally
  let whole = true
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value < min && value !== Number.NEGATIVE_INFINITY) min = value
    if (value > max && value !== Number.POSITIVE_INFINITY) max = value
    if (value !== Math.floor(value) && value - value === 0) whole = false
  }
  tally.min = min
  tally.max = max
  tally.wholeNumbers &&= whole
  tally.unreadable += unreadable
  if (tally.quantiles) for (const value of values) if (value - value === 0) addToQuantiles(tally.quantiles, value)
}

/** Adds all that another profiler of the same frame and options has seen. Throws RangeError where they differ. */
export function mergeProfilers(profiler: Profiler, other: Profiler): void {
  mergeSketches(profiler.sketch, other.sketch)
  mergeSamples(profiler.sample, other.sample)
  profiler.tallies.forEach((tally, c) => {
    const more = other.tallies[c]!
    profiler.missing[c]! += other.missing[c]!
    if (tally === null) return
    if ('capacity' in tally) mergeHeavyHitters(tally, more as HeavyHitters)
    else mergeTallies(tally, more as NumericTally)
  })
}

function mergeTallies(tally: NumericTally, other: NumericTally): void {
  tally.min = Math.min(tally.min, other.min)
  tally.max = Math.max(tally.max, other.max)
  tally.wholeNumbers &&= other.wholeNumbers
  tally.unreadable += other.unreadable
  if (tally.quantiles && other.quantiles) mergeQuantiles(tally.quantiles, other.quantiles)
}

/** What was counted so far, as plain data that goes to JSON and back. */
export function profileOf(profiler: Profiler): TableProfile {
  const { frame, sketch, sample, missing } = profiler
  // Columns without numbers are counted by the sample only.
  const rows = sample.rows
  let feature = 0
  const columns = frame.columns.map(({ name, kind }, c): ColumnProfile => {
    if (kind === 'numeric') return numericColumn(sketch, feature++, profiler.tallies[c] as NumericTally)
    if (kind !== 'category') return { name, kind, missing: missing[c]! }
    return { name, kind, missing: missing[c]!, ...commonest(profiler.tallies[c] as HeavyHitters) }
  })
  return { format: PROFILE_FORMAT, rows, columns, sample }
}

function numericColumn(sketch: Sketch, feature: number, tally: NumericTally): NumericColumn {
  const frame = sketch.profile.features[feature]!
  const { bins, missing, belowMin, aboveMax } = countsOf(sketch, feature)
  const { count, mean, variance } = momentsOf(sketch, feature)
  const known = (value: number) => (Number.isFinite(value) ? value : null)
  return {
    name: frame.name,
    kind: 'numeric',
    missing,
    frame,
    counts: bins,
    outside: { below: belowMin, above: aboveMax },
    min: known(tally.min),
    max: known(tally.max),
    mean: count === 0 ? null : known(mean),
    variance: known(variance),
    wholeNumbers: tally.wholeNumbers && count > 0,
    unreadable: tally.unreadable,
    quantiles: tally.quantiles,
  }
}

/** The numeric columns of a profile as a reference that monitors can watch against: shares over its bins. */
export function watchedProfile({ columns, rows }: TableProfile): Profile {
  const features = columns.flatMap((column): FeatureProfile[] =>
    column.kind !== 'numeric'
      ? []
      : [
          {
            name: column.name,
            edges: column.frame.edges,
            expected: column.counts.map((count) => count / Math.max(1, rows)),
            missing: column.missing / Math.max(1, rows),
            min: column.min ?? 0,
            max: column.max ?? 0,
            mean: column.mean ?? 0,
            variance: column.variance ?? 0,
          },
        ],
  )
  return { sampleSize: rows, features }
}
