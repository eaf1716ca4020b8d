import { countsOf, type Sketch } from '../profile/sketch.ts'

/**
 * The population stability index of two histograms over the same bins: Σ (p − q) ln(p / q), which is the sum of both
 * Kullback–Leibler divergences. `smoothing` is added to every count, so that an empty bin gives no infinity and a small
 * sample no alarm by itself. Throws RangeError when the bins do not match.
 */
export function psiOf(reference: readonly number[], observed: readonly number[], smoothing = 0.5): number {
  checkBins(reference, observed)
  const [p, q] = [sharesOf(reference, smoothing), sharesOf(observed, smoothing)]
  return p.reduce((sum, share, bin) => sum + (share - q[bin]!) * Math.log(share / q[bin]!), 0)
}

/** The Jensen–Shannon distance of two histograms over the same bins: 0 when equal in shape, 1 when they share no bin. */
export function jensenShannonOf(reference: readonly number[], observed: readonly number[]): number {
  checkBins(reference, observed)
  const [p, q] = [sharesOf(reference, 0), sharesOf(observed, 0)]
  const against = (share: number, other: number) => (share > 0 ? share * Math.log2((2 * share) / (share + other)) : 0)
  const divergence = p.reduce((sum, share, bin) => sum + against(share, q[bin]!) + against(q[bin]!, share), 0) / 2
  return Math.sqrt(Math.max(0, divergence))
}

/**
 * The Kullback–Leibler divergence of the current histogram from the reference, in nats: Σ q ln(q / p) with q the current
 * shares (Kullback & Leibler 1951, eq. 2.2). Not symmetric. `smoothing` is added to every count. Throws RangeError when
 * the bins do not match.
 */
export function kullbackLeiblerOf(reference: readonly number[], current: readonly number[], smoothing = 0.5): number {
  checkBins(reference, current)
  const [p, q] = [sharesOf(reference, smoothing), sharesOf(current, smoothing)]
  const divergence = q.reduce((sum, share, bin) => sum + (share > 0 ? share * Math.log(share / p[bin]!) : 0), 0)
  return Math.max(0, divergence)
}

/** The Hellinger distance of two histograms, √(½ Σ (√p − √q)²): 0 when equal in shape, 1 when they share no bin. */
export function hellingerOf(reference: readonly number[], observed: readonly number[]): number {
  checkBins(reference, observed)
  const [p, q] = [sharesOf(reference, 0), sharesOf(observed, 0)]
  return Math.sqrt(Math.min(1, p.reduce((sum, share, bin) => sum + (Math.sqrt(share) - Math.sqrt(q[bin]!)) ** 2, 0) / 2))
}

/** The total variation distance of two histograms, ½ Σ |p − q|: the share of rows that would have to change bins. */
export function totalVariationOf(reference: readonly number[], observed: readonly number[]): number {
  checkBins(reference, observed)
  const [p, q] = [sharesOf(reference, 0), sharesOf(observed, 0)]
  return p.reduce((sum, share, bin) => sum + Math.abs(share - q[bin]!), 0) / 2
}

/** How far one feature of a window lies from its reference, with missing values as a bin of their own. NaN without rows. */
export function shiftOf(
  sketch: Sketch,
  feature: number,
): { readonly psi: number; readonly jensenShannon: number; readonly missing: number } {
  const { expected, missing } = sketch.profile.features[feature]!
  const counts = countsOf(sketch, feature)
  const reference = [...expected, missing].map((share) => share * sketch.profile.sampleSize)
  const observed = [...counts.bins, counts.missing]
  if (sketch.rows === 0) return { psi: Number.NaN, jensenShannon: Number.NaN, missing: Number.NaN }
  return { psi: psiOf(reference, observed), jensenShannon: jensenShannonOf(reference, observed), missing: counts.missing / sketch.rows }
}

/**
 * The rows of a feature in each of its frozen bins, missing values last, in the reference and in a window: for the tests on
 * counts. A reference cut at its own quantiles may be tested like any other: the mass of a bin that holds k of n rows varies
 * about k/n as a count varies about its mean.
 */
export function binnedCounts(sketch: Sketch, feature: number): { readonly reference: number[]; readonly current: number[] } {
  const { expected, missing } = sketch.profile.features[feature]!
  const counts = countsOf(sketch, feature)
  return {
    reference: [...expected, missing].map((share) => Math.round(share * sketch.profile.sampleSize)),
    current: [...counts.bins, counts.missing],
  }
}

function sharesOf(counts: readonly number[], smoothing: number): number[] {
  const total = counts.reduce((sum, count) => sum + count + smoothing, 0)
  return counts.map((count) => (count + smoothing) / total)
}

function checkBins(reference: readonly number[], observed: readonly number[]): void {
  if (reference.length !== observed.length)
    throw new RangeError(`${reference.length} reference bins do not match ${observed.length} observed`)
}
