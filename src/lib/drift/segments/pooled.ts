import type { Random } from '../../random.ts'
import { logGamma } from '../../stats/distributions.ts'

/** Counts of one segment over the bins that all segments share, in the reference and now. */
export type SegmentCounts = { readonly name: string; readonly reference: readonly number[]; readonly current: readonly number[] }

export type SegmentShift = {
  readonly name: string
  readonly referenceRows: number
  readonly currentRows: number
  /** Shares per bin after shrinkage towards all segments together; each sums to 1. */
  readonly referenceShares: readonly number[]
  readonly currentShares: readonly number[]
  /** Total variation distance of the two, 0 to 1. */
  readonly effect: number
  /** The posterior probability that the distance of the true shares is at least the tolerance. */
  readonly probability: number
  /** How much of the segment’s current shares is its own rows, 0 to 1; the rest is borrowed from all segments. */
  readonly ownWeight: number
}

export type PoolOptions = {
  /** The total variation distance from which a segment counts as moved. */
  readonly tolerance: number
  readonly random: Random
  /** Draws from the posterior, 50 where the effect is less than half of the tolerance; the standard error of a probability is at most 0.5 / √draws. */
  readonly draws?: number
}

const DRAWS = 400
const FEW_DRAWS = 50
const LEAST_CONCENTRATION = 0.5
const MOST_CONCENTRATION = 1e5

/**
 * How far each segment moved, with the small ones strengthened by all the others instead of silenced: each segment’s shares have a
 * Dirichlet prior centred on those of all segments together, whose concentration is the one under which the segments’ counts are likeliest
 * (empirical Bayes; Minka 2000, "Estimating a Dirichlet distribution", §3). Few rows then pull a segment hardly away from the whole,
 * many rows decide alone. Throws RangeError for segments whose bins differ in number.
 */
export function segmentShifts(segments: readonly SegmentCounts[], { tolerance, random, draws = DRAWS }: PoolOptions): SegmentShift[] {
  const bins = segments[0]?.reference.length ?? 0
  for (const { name, reference, current } of segments)
    if (reference.length !== bins || current.length !== bins)
      throw new RangeError(`segment ${name} has ${reference.length} and ${current.length} bins, the first one ${bins}`)
  const before = priorOf(segments.map(({ reference }) => reference))
  const now = priorOf(segments.map(({ current }) => current))
  return segments.map(({ name, reference, current }) => {
    const [old, fresh] = [posteriorOf(reference, before), posteriorOf(current, now)]
    const currentRows = sumOf(current)
    const [referenceShares, currentShares] = [sharesOf(old), sharesOf(fresh)]
    const effect = distanceOf(referenceShares, currentShares)
    // Where the probability is small anyway, a rough one will do.
    const used = effect < tolerance / 2 ? Math.min(draws, FEW_DRAWS) : draws
    let beyond = 0
    for (let draw = 0; draw < used; draw++) if (distanceOf(dirichlet(old, random), dirichlet(fresh, random)) >= tolerance) beyond++
    return {
      name,
      referenceRows: sumOf(reference),
      currentRows,
      referenceShares,
      currentShares,
      effect,
      probability: beyond / used,
      ownWeight: currentRows / (currentRows + sumOf(now)),
    }
  })
}

/** The parameters of the Dirichlet prior of a family of counts: the shares of all together times the likeliest concentration. */
function priorOf(counts: readonly (readonly number[])[]): number[] {
  const bins = counts[0]?.length ?? 0
  // Half a row a bin keeps a bin that nobody fills possible.
  const totals = Array.from({ length: bins }, (_, bin) => counts.reduce((sum, own) => sum + own[bin]!, 0.5))
  const shares = sharesOf(totals)
  const concentration = concentrationOf(counts, shares)
  return shares.map((share) => share * concentration)
}

/**
 * The concentration κ that maximises the Dirichlet-multinomial likelihood of the counts with prior κ·shares, by golden-section search on its
 * logarithm between 0.5 and 100,000 rows: its upper end when the segments differ no more than chance makes them.
 */
export function concentrationOf(counts: readonly (readonly number[])[], shares: readonly number[]): number {
  const logLikelihood = (logKappa: number) => {
    const kappa = Math.exp(logKappa)
    let sum = 0
    for (const own of counts) {
      const rows = sumOf(own)
      if (rows === 0) continue
      sum += logGamma(kappa) - logGamma(kappa + rows)
      own.forEach((count, bin) => {
        if (count > 0) sum += logGamma(kappa * shares[bin]! + count) - logGamma(kappa * shares[bin]!)
      })
    }
    return sum
  }
  const golden = (Math.sqrt(5) - 1) / 2
  let [low, high] = [Math.log(LEAST_CONCENTRATION), Math.log(MOST_CONCENTRATION)]
  let left = high - golden * (high - low)
  let right = low + golden * (high - low)
  let [atLeft, atRight] = [logLikelihood(left), logLikelihood(right)]
  while (high - low > 1e-6) {
    if (atLeft >= atRight) {
      high = right
      right = left
      atRight = atLeft
      left = high - golden * (high - low)
      atLeft = logLikelihood(left)
    } else {
      low = left
      left = right
      atLeft = atRight
      right = low + golden * (high - low)
      atRight = logLikelihood(right)
    }
  }
  return Math.exp((low + high) / 2)
}

function posteriorOf(counts: readonly number[], prior: readonly number[]): number[] {
  return counts.map((count, bin) => count + prior[bin]!)
}

/** One draw from a Dirichlet distribution: independent gamma draws over their sum. */
function dirichlet(parameters: readonly number[], random: Random): number[] {
  return sharesOf(parameters.map((shape) => gammaDraw(shape, random)))
}

/** A gamma draw of scale 1 (Marsaglia & Tsang 2000); for shapes below 1 by their boost from shape + 1. */
function gammaDraw(shape: number, random: Random): number {
  if (shape < 1) return gammaDraw(shape + 1, random) * Math.max(Number.MIN_VALUE, random.next()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    if (v <= 0) continue
    const u = random.next()
    if (Math.log(Math.max(u, Number.MIN_VALUE)) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

function distanceOf(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, share, bin) => sum + Math.abs(share - other[bin]!), 0) / 2
}

function sharesOf(counts: readonly number[]): number[] {
  const total = sumOf(counts)
  return counts.map((count) => count / total)
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
