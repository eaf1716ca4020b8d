import { countsOf, type Sketch } from './sketch.ts'

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

function sharesOf(counts: readonly number[], smoothing: number): number[] {
  const total = counts.reduce((sum, count) => sum + count + smoothing, 0)
  return counts.map((count) => (count + smoothing) / total)
}

function checkBins(reference: readonly number[], observed: readonly number[]): void {
  if (reference.length !== observed.length)
    throw new RangeError(`${reference.length} reference bins do not match ${observed.length} observed`)
}
