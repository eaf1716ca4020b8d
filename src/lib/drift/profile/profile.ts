/** How one feature, or the model's score, looked in the reference sample. Plain data: it goes to JSON and back unchanged. */
export type FeatureProfile = {
  readonly name: string
  /** Ascending inner edges: bin 0 is (−∞, edges[0]], bin i is (edges[i−1], edges[i]], the last one is open above. */
  readonly edges: readonly number[]
  /** The share of all rows in each bin; with `missing` the shares sum to 1. One longer than `edges`. */
  readonly expected: readonly number[]
  /** The share of rows whose value was not a finite number. */
  readonly missing: number
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly variance: number
}

/** A frozen reference: what drift is measured against. */
export type Profile = { readonly sampleSize: number; readonly features: readonly FeatureProfile[] }

const MAX_BINS = 64

/**
 * Freezes a reference sample, one column per name. A feature with at most `bins` distinct values gets a bin for each;
 * any other is cut at its quantiles. Edges lie midway between neighbouring values, so that a value rounded to 32 bits
 * stays in its bin unless its neighbours are closer than that; give 32-bit columns where 32-bit values are served. Values that are not finite numbers count as missing. Throws RangeError when names and columns do not
 * match, or there are no rows.
 */
export function profileFrom(
  names: readonly string[],
  columns: readonly (Float32Array | Float64Array)[],
  { bins = 12 }: { readonly bins?: number } = {},
): Profile {
  if (names.length !== columns.length) throw new RangeError(`${names.length} names do not match ${columns.length} columns`)
  if (!Number.isInteger(bins) || bins < 2 || bins > MAX_BINS)
    throw new RangeError(`bins must be an integer from 2 to ${MAX_BINS}, not ${bins}`)
  const sampleSize = columns[0]?.length ?? 0
  if (sampleSize === 0) throw new RangeError('a profile needs at least one column and one row')
  const odd = columns.findIndex((column) => column.length !== sampleSize)
  if (odd >= 0) throw new RangeError(`column ${names[odd]} has ${columns[odd]!.length} rows, the first has ${sampleSize}`)
  return { sampleSize, features: columns.map((column, i) => featureFrom(names[i]!, column, bins)) }
}

function featureFrom(name: string, column: Float32Array | Float64Array, bins: number): FeatureProfile {
  const sorted = Float64Array.from(column.filter(Number.isFinite)).sort()
  const present = sorted.length
  const missing = (column.length - present) / column.length
  if (present === 0) return { name, edges: [], expected: [0], missing, min: 0, max: 0, mean: 0, variance: 0 }
  const cuts = cutsFrom(sorted, bins)
  const ends = [...cuts, present]
  const { mean, variance } = momentsFrom(sorted)
  return {
    name,
    edges: cuts.map((at) => midway(sorted[at - 1]!, sorted[at]!)),
    expected: ends.map((end, i) => (end - (ends[i - 1] ?? 0)) / column.length),
    missing,
    min: sorted[0]!,
    max: sorted[present - 1]!,
    mean,
    variance,
  }
}

/** Where to cut the sorted values: positions at which a new value begins, near the quantiles or, if few, all of them. */
function cutsFrom(sorted: Float64Array, bins: number): number[] {
  const starts: number[] = []
  for (let i = 1; i < sorted.length && starts.length < bins; i++) if (sorted[i]! !== sorted[i - 1]!) starts.push(i)
  if (starts.length < bins) return starts
  const cuts = new Set<number>()
  for (let b = 1; b < bins; b++) {
    const target = Math.round((b * sorted.length) / bins)
    let below = target
    while (below > 0 && sorted[below - 1]! === sorted[target]!) below--
    let above = target
    while (above < sorted.length && sorted[above]! === sorted[target]!) above++
    const nearest = target - below <= above - target ? below : above
    if (nearest > 0 && nearest < sorted.length) cuts.add(nearest)
  }
  return [...cuts].sort((a, b) => a - b)
}

/** A number in [low, high) close to the middle, whatever the rounding. */
function midway(low: number, high: number): number {
  const middle = low + (high - low) / 2
  return middle < high ? middle : low
}

function momentsFrom(values: Float64Array): { mean: number; variance: number } {
  let mean = 0
  for (const value of values) mean += value / values.length
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  return { mean, variance: values.length > 1 ? squares / (values.length - 1) : 0 }
}

/** The bin of a value among ascending inner edges: 0 up to and including the first edge, `edges.length` above the last. */
export function binOf(edges: ArrayLike<number>, value: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= edges[middle]!) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * The median of a profiled feature over the rows that have it, interpolated within its bin; NaN when none has it. Off by less
 * than the width of that bin.
 */
export function medianOf({ edges, expected, min, max }: Pick<FeatureProfile, 'edges' | 'expected' | 'min' | 'max'>): number {
  const present = expected.reduce((sum, share) => sum + share, 0)
  let below = 0
  for (let bin = 0; bin < expected.length && present > 0; bin++) {
    const share = expected[bin]!
    if (below + share < present / 2 && bin < expected.length - 1) {
      below += share
      continue
    }
    const low = bin === 0 ? min : edges[bin - 1]!
    const high = bin === edges.length ? max : edges[bin]!
    return share === 0 ? low : low + ((present / 2 - below) / share) * (high - low)
  }
  return Number.NaN
}
