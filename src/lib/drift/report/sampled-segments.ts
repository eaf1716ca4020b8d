import type { FeatureProfile } from '../profile/profile.ts'
import type { CategoryColumn, ColumnProfile, TableProfile } from '../profile/table-profile.ts'
import type { SegmentReport } from './report.ts'
import { compareSegments } from './segments.ts'

/** Values of a column that become segments, by their rows in the reference. */
const MOST_SEGMENTS = 20
/** Names of a category that get a bin of their own within a segment. */
const MOST_NAMES = 12

export type SampledSegmentOptions = { readonly tolerance: number; readonly leastRows: number; readonly seed: string }

/**
 * Each value of a column as a segment, held against the same value of the reference by the sampled rows of both profiles; the 20
 * commonest values of either side. `names` are the columns looked at within the segments. Throws RangeError when either side has no such
 * column, or keeps no rows.
 */
export function compareSampledSegments(
  reference: TableProfile,
  current: TableProfile,
  segment: string,
  names: readonly string[],
  options: SampledSegmentOptions,
): SegmentReport[] {
  const before = segmentValues(reference, segment, 'reference')
  const after = segmentValues(current, segment, 'current')
  const counts = new Map<string, number>()
  for (const value of [...before, ...after]) counts.set(value, (counts.get(value) ?? 0) + 1)
  const values = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MOST_SEGMENTS)
  const features = names
    .filter((name) => name !== segment)
    .map((name) => ({ name, column: reference.columns.find((column) => column.name === name)! }))
    .filter(({ column }) => column.kind === 'numeric' || column.kind === 'category')
  const coders = features.map(({ column }) => coderOf(column))
  const rowsOf = (profile: TableProfile, of: readonly string[]) => {
    const places = features.map(({ name }) => profile.columns.findIndex((column) => column.name === name))
    const rows = of.map((value, row) => ({
      value,
      features: places.map((place, f) => (place < 0 ? Number.NaN : coders[f]!.code(profile.sample.columns[place]![row]!))),
    }))
    return (value: string) => rows.filter((row) => row.value === value)
  }
  const [first, second] = [rowsOf(reference, before), rowsOf(current, after)]
  return compareSegments({
    features: coders.map(({ frame }) => frame),
    segments: values.map(([value]) => ({ name: `${segment} = ${value}`, reference: first(value), current: second(value) })),
    ...options,
  })
}

function segmentValues(profile: TableProfile, segment: string, side: string): string[] {
  const place = profile.columns.findIndex(({ name }) => name === segment)
  if (place < 0) throw new RangeError(`the ${side} has no column ${segment} to make segments of`)
  if (profile.sample.priorities.length === 0) throw new RangeError(`segments need whole rows; the ${side} profile keeps none`)
  return profile.sample.columns[place]!.map((value) => (value === null ? 'missing' : String(value)))
}

type Coder = { readonly frame: FeatureProfile; code(value: number | string | null): number }

/** The bins of a numeric column; of a category one bin for each of its commonest names and one for all others. */
function coderOf(column: ColumnProfile): Coder {
  if (column.kind === 'numeric') return { frame: column.frame, code: (value) => (typeof value === 'number' ? value : Number.NaN) }
  const named = (column as CategoryColumn).values.slice(0, MOST_NAMES)
  const ranks = new Map(named.map(([value], rank) => [value, rank]))
  const edges = named.map((_, rank) => rank + 0.5)
  const frame = { name: column.name, edges, expected: [], missing: 0, min: 0, max: named.length, mean: 0, variance: 1 }
  return { frame, code: (value) => (value === null ? Number.NaN : (ranks.get(String(value)) ?? named.length)) }
}
