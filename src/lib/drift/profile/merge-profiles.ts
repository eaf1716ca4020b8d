import { commonest, createHeavyHitters, type HeavyHitters, mergeHeavyHitters } from './heavy-hitters.ts'
import { mergeQuantiles } from './quantiles.ts'
import { mergeSamples } from './row-sample.ts'
import type { CategoryColumn, ColumnProfile, NumericColumn, TableProfile } from './table-profile.ts'

/**
 * The profile of the rows of both, as though one profiler had seen them: counts, extremes and missing values exactly, means and
 * variances to rounding (Chan, Golub & LeVeque 1983), quantiles, commonest values and the sample within their own guarantees. Neither
 * argument is changed. Throws RangeError when the columns, their bins, or the sizes of samples and sketches differ.
 */
export function mergeProfiles(first: TableProfile, second: TableProfile): TableProfile {
  const heads = ({ columns }: TableProfile) => columns.map(({ name, kind }) => `${name} (${kind})`).join(', ')
  if (heads(first) !== heads(second))
    throw new RangeError(`profiles merge only when they have the same columns: ${heads(first)} against ${heads(second)}`)
  const sample = { ...structuredClone(first.sample) }
  mergeSamples(sample, structuredClone(second.sample))
  return {
    format: first.format,
    rows: first.rows + second.rows,
    columns: first.columns.map((column, c) => mergedColumn(column, second.columns[c]!)),
    sample,
  }
}

function mergedColumn(first: ColumnProfile, second: ColumnProfile): ColumnProfile {
  const missing = first.missing + second.missing
  if (first.kind === 'numeric') return mergedNumbers(first, second as NumericColumn)
  if (first.kind !== 'category') return { ...first, missing }
  const all = hittersOf(first)
  mergeHeavyHitters(all, hittersOf(second as CategoryColumn))
  return { ...first, missing, ...commonest(all) }
}

function hittersOf({ values, other }: CategoryColumn): HeavyHitters {
  const named = values.reduce((sum, [, rows]) => sum + rows, 0)
  return { ...createHeavyHitters(), rows: named + other, other, counts: new Map(values) }
}

function mergedNumbers(first: NumericColumn, second: NumericColumn): NumericColumn {
  const { edges } = first.frame
  if (edges.length !== second.frame.edges.length || edges.some((edge, i) => edge !== second.frame.edges[i]))
    throw new RangeError(`profiles merge only over the same bins; those of column ${first.name} differ`)
  const counts = first.counts.map((count, bin) => count + second.counts[bin]!)
  const extreme = (pick: (...values: number[]) => number, a: number | null, b: number | null) =>
    a === null ? b : b === null ? a : pick(a, b)
  const quantiles = first.quantiles && second.quantiles ? structuredClone(first.quantiles) : null
  if (quantiles) mergeQuantiles(quantiles, second.quantiles!)
  const rows = ({ counts: own }: NumericColumn) => own.reduce((sum, count) => sum + count, 0)
  const [n, m] = [rows(first), rows(second)]
  return {
    ...first,
    missing: first.missing + second.missing,
    counts,
    outside: { below: first.outside.below + second.outside.below, above: first.outside.above + second.outside.above },
    min: extreme(Math.min, first.min, second.min),
    max: extreme(Math.max, first.max, second.max),
    ...mergedMoments({ ...first, rows: n }, { ...second, rows: m }),
    wholeNumbers: (n === 0 || first.wholeNumbers) && (m === 0 || second.wholeNumbers) && n + m > 0,
    unreadable: first.unreadable + second.unreadable,
    quantiles,
  }
}

type Moments = { readonly rows: number; readonly mean: number | null; readonly variance: number | null }

function mergedMoments(a: Moments, b: Moments): Pick<NumericColumn, 'mean' | 'variance'> {
  if (a.rows === 0 || a.mean === null) return { mean: b.mean, variance: b.variance }
  if (b.rows === 0 || b.mean === null) return { mean: a.mean, variance: a.variance }
  const rows = a.rows + b.rows
  const gap = b.mean - a.mean
  const squares = (a.variance ?? 0) * (a.rows - 1) + (b.variance ?? 0) * (b.rows - 1) + (gap * gap * a.rows * b.rows) / rows
  return { mean: a.mean + (gap * b.rows) / rows, variance: squares / (rows - 1) }
}
