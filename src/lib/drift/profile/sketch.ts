import type { Profile } from './profile.ts'

/**
 * Counts of a window of rows over the frozen bins of a profile. Its size depends on the profile alone, and two sketches
 * of the same profile merge into exactly the sketch of all their rows, in any order. Mutable: it is the hot path.
 */
export type Sketch = {
  readonly profile: Profile
  /** Rows seen. */
  rows: number
  /** Bins per feature, rounded up to a power of two. */
  readonly width: number
  /** Per feature: the edges padded with +∞, then min, max, centre, 1/unit, and where the guide begins and how fine it is. Never written after creation. */
  readonly frame: Float64Array
  /** Per feature: for each of 256 equal steps between its outermost edges a bin at or below that of every value in the step. */
  readonly guide: Uint8Array
  /** Per feature: the count of each bin, then the six tallies below. All are integers, so that addition is exact. */
  readonly cells: Float64Array
}

/** One feature's counts as plain data; the two parts of `squares` are digits to the base 2⁵². */
export type FeatureCounts = {
  readonly name: string
  readonly bins: readonly number[]
  readonly missing: number
  readonly belowMin: number
  readonly aboveMax: number
  /** Σ u and Σ u², where u = round((value − mean) / unit) and a unit is 1/4096 of the reference's deviation. */
  readonly sum: number
  readonly squares: readonly [high: number, low: number]
}

export type SketchSnapshot = { readonly rows: number; readonly features: readonly FeatureCounts[] }

const FRAME_EXTRA = 6
const GUIDE_STEPS = 256
const CELL_EXTRA = 6
const UNITS_PER_DEVIATION = 4096
/** 256 reference deviations: further out a value counts in its bin but its moments stop growing. */
const UNIT_LIMIT = 2 ** 20
const CARRY = 2 ** 52

export function createSketch(profile: Profile): Sketch {
  let width = 2
  for (const { expected } of profile.features) while (width < expected.length) width *= 2
  const frame = new Float64Array(profile.features.length * (width + FRAME_EXTRA)).fill(Number.POSITIVE_INFINITY)
  const guide = new Uint8Array(profile.features.length * GUIDE_STEPS)
  profile.features.forEach((feature, f) => {
    const at = f * (width + FRAME_EXTRA)
    frame.set(feature.edges, at)
    // Served values are often 32-bit: the reference's own extremes must not fall outside it by rounding.
    const [min, max] = [Math.min(feature.min, Math.fround(feature.min)), Math.max(feature.max, Math.fround(feature.max))]
    const { from, perStep } = writeGuide(guide.subarray(f * GUIDE_STEPS, (f + 1) * GUIDE_STEPS), feature.edges)
    frame.set([min, max, feature.mean, 1 / unitOf(feature), from, perStep], at + width)
  })
  return { profile, rows: 0, width, frame, guide, cells: new Float64Array(profile.features.length * (width + CELL_EXTRA)) }
}

/** Fills the guide of one feature. A step says the bin of the step before it, so that no rounding can lead past a value’s own bin. */
function writeGuide(guide: Uint8Array, edges: readonly number[]): { from: number; perStep: number } {
  const from = edges[0] ?? 0
  const range = (edges.at(-1) ?? 0) - from
  const perStep = range > 0 && Number.isFinite(range) ? GUIDE_STEPS / range : 0
  let bin = 0
  for (let step = 1; step < GUIDE_STEPS && perStep > 0; step++) {
    while (bin < edges.length && edges[bin]! < from + (step - 1) / perStep) bin++
    guide[step] = bin
  }
  return { from, perStep }
}

function unitOf({ variance, mean }: { readonly variance: number; readonly mean: number }): number {
  return (Math.sqrt(variance) || Math.abs(mean) || 1) / UNITS_PER_DEVIATION
}

/** Adds one row: the feature values at `values[offset …]`, in the profile's order. Allocates nothing. */
export function observe(sketch: Sketch, values: Float32Array | Float64Array, offset = 0): void {
  const features = sketch.profile.features.length
  if (offset < 0 || offset + features > values.length)
    throw new RangeError(`a row of ${features} values does not fit at ${offset} of ${values.length}`)
  for (let f = 0; f < features; f++) tally(sketch, f, values, offset + f, offset + f + 1)
  sketch.rows++
}

/** Adds many rows given by column, one per feature; kinder to the cache than row by row. Throws RangeError on uneven columns. */
export function observeColumns(sketch: Sketch, columns: readonly (Float32Array | Float64Array)[]): void {
  const { profile } = sketch
  const rows = columns[0]?.length ?? 0
  if (columns.length !== profile.features.length)
    throw new RangeError(`${columns.length} columns do not match ${profile.features.length} features`)
  if (columns.some((column) => column.length !== rows)) throw new RangeError('the columns differ in length')
  columns.forEach((column, f) => void tally(sketch, f, column, 0, rows))
  sketch.rows += rows
}

/** Counts `values[from … to)` as values of one feature. */
function tally(
  { frame, guide, cells, width }: Sketch,
  feature: number,
  values: Float32Array | Float64Array,
  from: number,
  to: number,
): void {
  const edge = feature * (width + FRAME_EXTRA)
  const cell = feature * (width + CELL_EXTRA)
  const steps = feature * GUIDE_STEPS
  const bounds = edge + width
  const extra = cell + width
  const [min, max, centre, perUnit] = [frame[bounds]!, frame[bounds + 1]!, frame[bounds + 2]!, frame[bounds + 3]!]
  const [guideFrom, perStep] = [frame[bounds + 4]!, frame[bounds + 5]!]
  for (let i = from; i < to; i++) {
    const value = values[i]!
    if (value - value !== 0) {
      cells[extra]!++
      continue
    }
    const step = (value - guideFrom) * perStep
    let bin = guide[steps + (step > 0 ? (step < GUIDE_STEPS ? step | 0 : GUIDE_STEPS - 1) : 0)]!
    while (value > frame[edge + bin]!) bin++
    cells[cell + bin]!++
    if (value < min) cells[extra + 1]!++
    else if (value > max) cells[extra + 2]!++
    const units = Math.min(Math.max(Math.floor((value - centre) * perUnit + 0.5), -UNIT_LIMIT), UNIT_LIMIT)
    cells[extra + 3]! += units
    cells[extra + 5]! += units * units
    if (cells[extra + 5]! >= CARRY) carry(cells, extra)
  }
}

function carry(cells: Float64Array, extra: number): void {
  cells[extra + 5]! -= CARRY
  cells[extra + 4]!++
}

/** Adds the counts of `other` to `sketch`. Throws RangeError when they count over different features or bins. */
export function mergeSketches(sketch: Sketch, other: Sketch): void {
  const same = sketch.frame.length === other.frame.length && sketch.frame.every((value, i) => value === other.frame[i])
  if (!same) throw new RangeError('sketches merge only when they count over the same profile')
  for (let i = 0; i < sketch.cells.length; i++) sketch.cells[i]! += other.cells[i]!
  const stride = sketch.width + CELL_EXTRA
  for (let extra = sketch.width; extra < sketch.cells.length; extra += stride)
    if (sketch.cells[extra + 5]! >= CARRY) carry(sketch.cells, extra)
  sketch.rows += other.rows
}

export function resetSketch(sketch: Sketch): void {
  sketch.cells.fill(0)
  sketch.rows = 0
}

/** The counts of one feature, by its position in the profile. */
export function countsOf(sketch: Sketch, feature: number): FeatureCounts {
  const { name, expected } = sketch.profile.features[feature]!
  const at = feature * (sketch.width + CELL_EXTRA)
  const extra = sketch.cells.subarray(at + sketch.width)
  return {
    name,
    bins: Array.from(sketch.cells.subarray(at, at + expected.length)),
    missing: extra[0]!,
    belowMin: extra[1]!,
    aboveMax: extra[2]!,
    sum: extra[3]!,
    squares: [extra[4]!, extra[5]!],
  }
}

/** Regions of a feature outside its bins, for `rowsIn`. */
export const MISSING = -1
export const BELOW_MIN = -2
export const ABOVE_MAX = -3

/** The rows whose value fell in bins `from` to `to`, both included; or, where `from` names one, in a region outside the bins. */
export function rowsIn({ cells, width }: Sketch, feature: number, from: number, to: number): number {
  const at = feature * (width + CELL_EXTRA)
  if (from < 0) return cells[at + width - 1 - from]!
  let rows = 0
  for (let bin = from; bin <= to; bin++) rows += cells[at + bin]!
  return rows
}

/** Mean and (n − 1) variance of one feature in the window, from the tallies; NaN where there are too few values. */
export function momentsOf(sketch: Sketch, feature: number): { count: number; mean: number; variance: number } {
  const reference = sketch.profile.features[feature]!
  const { bins, sum, squares } = countsOf(sketch, feature)
  const unit = unitOf(reference)
  const count = bins.reduce((total, one) => total + one, 0)
  const spread = squares[0] * CARRY + squares[1] - (sum * sum) / count
  return { count, mean: reference.mean + (unit * sum) / count, variance: count > 1 ? (unit * unit * spread) / (count - 1) : Number.NaN }
}

export function sketchToJson(sketch: Sketch): SketchSnapshot {
  return { rows: sketch.rows, features: sketch.profile.features.map((_, f) => countsOf(sketch, f)) }
}

/** A sketch from its snapshot. Throws RangeError when the snapshot was not taken over this profile. */
export function sketchFromJson(profile: Profile, snapshot: SketchSnapshot): Sketch {
  const sketch = createSketch(profile)
  if (snapshot.features.length !== profile.features.length)
    throw new RangeError(`the snapshot has ${snapshot.features.length} features, the profile ${profile.features.length}`)
  snapshot.features.forEach((counts, f) => {
    const { name, expected } = profile.features[f]!
    if (counts.name !== name || counts.bins.length !== expected.length)
      throw new RangeError(
        `the snapshot's feature ${counts.name} with ${counts.bins.length} bins is not the profile's ${name} with ${expected.length}`,
      )
    const at = f * (sketch.width + CELL_EXTRA)
    sketch.cells.set(counts.bins, at)
    const { missing, belowMin, aboveMax, sum, squares } = counts
    sketch.cells.set([missing, belowMin, aboveMax, sum, ...squares], at + sketch.width)
  })
  sketch.rows = snapshot.rows
  return sketch
}
