import type { Random } from '../../random.ts'
import type { SampledValue, TableChunk } from './table.ts'

/**
 * A uniform sample of whole rows, so that columns stay together: each row draws a priority and the lowest `capacity` stay
 * (bottom-k sampling, Cohen & Kaplan 2007). The samples of two tables merge into a sample of both. Plain data. Mutable.
 */
export type RowSample = {
  readonly capacity: number
  /** Rows seen. */
  rows: number
  /** The priority of each row kept, between 0 and 1. */
  priorities: number[]
  /** As many columns as the table has, each as long as `priorities`. */
  columns: SampledValue[][]
}

/** An empty sample for tables of `width` columns; a capacity of 0 keeps nothing. Throws RangeError for another than a whole number. */
export function createRowSample(width: number, capacity: number): RowSample {
  if (!Number.isInteger(capacity) || capacity < 0) throw new RangeError(`a sample has a whole number of rows, not ${capacity}`)
  return { capacity, rows: 0, priorities: [], columns: Array.from({ length: width }, () => []) }
}

/** Offers every row of a chunk. Throws RangeError for a chunk of another width. */
export function addToSample(sample: RowSample, chunk: TableChunk, random: Random): void {
  if (chunk.columns.length !== sample.columns.length)
    throw new RangeError(`a chunk of ${chunk.columns.length} columns does not fit a sample of ${sample.columns.length}`)
  let highest = highestKept(sample)
  for (let row = 0; row < chunk.rows; row++) {
    const priority = random.next()
    if (priority >= highest) continue
    sample.priorities.push(priority)
    for (let c = 0; c < sample.columns.length; c++) sample.columns[c]!.push(sampled(chunk.columns[c]![row]!))
    // Trimmed at twice the capacity, so that a kept row costs O(1).
    if (sample.priorities.length >= 2 * sample.capacity) {
      trim(sample)
      highest = highestKept(sample)
    }
  }
  sample.rows += chunk.rows
  trim(sample)
}

/** Takes the rows of `other` in. Throws RangeError when capacity or width differ. */
export function mergeSamples(sample: RowSample, other: RowSample): void {
  if (sample.capacity !== other.capacity || sample.columns.length !== other.columns.length)
    throw new RangeError('samples merge only when they have the same capacity and columns')
  sample.rows += other.rows
  sample.priorities.push(...other.priorities)
  sample.columns.forEach((column, c) => void column.push(...other.columns[c]!))
  trim(sample)
}

/** The numbers of one column of the sample; what is missing or no number is NaN. */
export function sampledNumbers(sample: RowSample, column: number): Float64Array {
  return Float64Array.from(sample.columns[column]!, (value) => (typeof value === 'number' ? value : Number.NaN))
}

function sampled(value: number | string | null): SampledValue {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}

function highestKept({ capacity, priorities }: RowSample): number {
  return capacity === 0 ? 0 : priorities.length < capacity ? 1 : Math.max(...priorities)
}

function trim(sample: RowSample): void {
  if (sample.priorities.length <= sample.capacity) return
  const kept = Array.from(sample.priorities.keys())
    .sort((a, b) => sample.priorities[a]! - sample.priorities[b]!)
    .slice(0, sample.capacity)
  sample.priorities = kept.map((row) => sample.priorities[row]!)
  sample.columns = sample.columns.map((column) => kept.map((row) => column[row]!))
}
