import type { FeatureProfile } from '../profile/profile.ts'
import type { ColumnProfile, NumericColumn, TableProfile } from '../profile/table-profile.ts'
import { PROFILE_FORMAT } from '../profile/table-profile.ts'

/** What could be read of another tool’s file. */
export type Imported = {
  readonly profile: TableProfile
  /** Feature by feature what could not be read, or is not as exact as our own profiles. */
  readonly problems: readonly string[]
  /** Columns that the file names and that could not be read: they are not gone. */
  readonly unread: readonly string[]
}

/** A profile of columns that were counted elsewhere: it keeps no rows. */
export function profileWithoutRows(rows: number, columns: readonly ColumnProfile[]): TableProfile {
  return { format: PROFILE_FORMAT, rows, columns, sample: { capacity: 0, rows, priorities: [], columns: columns.map(() => []) } }
}

/**
 * A numeric column from what is known of it. `edges` are inner edges of bins (a, b], `counts` rows by bin; what is not known is left
 * out. Means and variances of the frame come from the middles of the bins where they are not given.
 */
export function numericColumnFrom(
  column: Pick<NumericColumn, 'name' | 'missing' | 'counts'> & {
    readonly edges: readonly number[]
    readonly min: number
    readonly max: number
  } & Partial<Pick<NumericColumn, 'mean' | 'variance' | 'quantiles' | 'wholeNumbers'>>,
): NumericColumn {
  const { name, missing, counts, edges, min, max } = column
  const present = counts.reduce((sum, count) => sum + count, 0)
  const ends = [min, ...edges, max]
  const middles = counts.map((_, bin) => (ends[bin]! + ends[bin + 1]!) / 2)
  const over = (value: (middle: number) => number) =>
    present === 0 ? 0 : middles.reduce((sum, middle, bin) => sum + (value(middle) * counts[bin]!) / present, 0)
  const mean = column.mean ?? over((middle) => middle)
  const variance = column.variance ?? over((middle) => (middle - mean) ** 2)
  const all = Math.max(1, present + missing)
  const frame: FeatureProfile = {
    name,
    edges,
    expected: counts.map((count) => count / all),
    missing: missing / all,
    min,
    max,
    mean,
    variance,
  }
  return {
    name,
    kind: 'numeric',
    missing,
    frame,
    counts,
    outside: { below: 0, above: 0 },
    min,
    max,
    mean: column.mean ?? null,
    variance: column.variance ?? null,
    wholeNumbers: column.wholeNumbers ?? false,
    unreadable: 0,
    quantiles: column.quantiles ?? null,
  }
}
