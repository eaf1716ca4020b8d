/**
 * The commonest values of a column and how often they came, in bounded room: exact while there are at most `capacity` distinct
 * ones; beyond that the counters of Misra & Gries (1982), which merge (Agarwal et al. 2013, "Mergeable summaries"). A count is then
 * too small by at most `other / (capacity + 1)`. What no counter holds is in `other`. Mutable.
 */
export type HeavyHitters = {
  readonly capacity: number
  rows: number
  /** Rows of values that are not, or not wholly, in `counts`. */
  other: number
  counts: Map<string, number>
}

const DEFAULT_CAPACITY = 1_000

/** Empty counters. Throws RangeError unless `capacity` is a positive integer. */
export function createHeavyHitters(capacity = DEFAULT_CAPACITY): HeavyHitters {
  if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`heavy hitters need a capacity of at least 1, not ${capacity}`)
  return { capacity, rows: 0, other: 0, counts: new Map() }
}

/** Adds `rows` rows of one value. */
export function addHeavyHitter(hitters: HeavyHitters, value: string, rows = 1): void {
  hitters.rows += rows
  hitters.counts.set(value, (hitters.counts.get(value) ?? 0) + rows)
  // Trimmed at twice the capacity, so that it costs O(1) a row.
  if (hitters.counts.size > 2 * hitters.capacity) trim(hitters)
}

/** Adds all rows of `other` to `hitters`. Throws RangeError when their capacities differ. */
export function mergeHeavyHitters(hitters: HeavyHitters, other: HeavyHitters): void {
  if (hitters.capacity !== other.capacity)
    throw new RangeError(`heavy hitters of capacities ${hitters.capacity} and ${other.capacity} do not merge`)
  hitters.rows += other.rows
  hitters.other += other.other
  for (const [value, rows] of other.counts) hitters.counts.set(value, (hitters.counts.get(value) ?? 0) + rows)
  trim(hitters)
}

/** Takes from every counter the count of the first one that has to go, and drops those at nothing. */
function trim(hitters: HeavyHitters): void {
  if (hitters.counts.size <= hitters.capacity) return
  const cut = [...hitters.counts.values()].sort((a, b) => b - a)[hitters.capacity]!
  const kept = new Map<string, number>()
  let taken = 0
  for (const [value, rows] of hitters.counts) {
    taken += Math.min(rows, cut)
    if (rows > cut) kept.set(value, rows - cut)
  }
  hitters.counts = kept
  hitters.other += taken
}

/** The values by falling count, then by name, and the rows of all the rest. */
export function commonest(hitters: HeavyHitters): { readonly values: (readonly [value: string, rows: number])[]; readonly other: number } {
  trim(hitters)
  const values = [...hitters.counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  return { values, other: hitters.other }
}
