import { chiSquaredTail, normalTail } from '../../stats/distributions.ts'

type ReliabilityBin = {
  readonly low: number
  readonly high: number
  readonly rows: number
  readonly meanProbability: number
  readonly observedRate: number
}

export type CalibrationCheck = {
  readonly rows: number
  /** Expected calibration error: Σ (rows of the bin / rows) · |observed rate − mean probability|. */
  readonly expectedCalibrationError: number
  readonly reliability: readonly ReliabilityBin[]
  /** Spiegelhalter's z and its two-sided p-value; null when every probability is 0 or 1. */
  readonly spiegelhalter: { readonly z: number; readonly pValue: number } | null
  /** Hosmer and Lemeshow's sum over bins of equal count; null with fewer than two usable bins. */
  readonly hosmerLemeshow: { readonly statistic: number; readonly degrees: number; readonly pValue: number } | null
}

/**
 * Whether probabilities mean what they say. The reliability table has `bins` bins of equal width, each open below and closed above. Spiegelhalter's z
 * (1986, eq. 3): Σ(y − p)(1 − 2p) / √Σ(1 − 2p)² p(1 − p). Hosmer & Lemeshow (1980) on `bins` groups of
 * equal count, cut along the probabilities or along `groupBy` (the raw scores show what a rising calibrator has to flatten), with as
 * many degrees of freedom as groups, since the probabilities were not fitted on these rows. Throws RangeError when lengths differ.
 */
export function checkCalibration(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  bins = 10,
  groupBy: ArrayLike<number> = probabilities,
): CalibrationCheck {
  if (probabilities.length !== labels.length)
    throw new RangeError(`${probabilities.length} probabilities do not match ${labels.length} labels`)
  const order = Uint32Array.from({ length: labels.length }, (_, i) => i).sort((a, b) => groupBy[a]! - groupBy[b]!)
  const reliability = reliabilityTable(probabilities, labels, bins)
  return {
    rows: labels.length,
    expectedCalibrationError: reliability.reduce(
      (sum, bin) => sum + (bin.rows / labels.length) * Math.abs(bin.observedRate - bin.meanProbability),
      0,
    ),
    reliability,
    spiegelhalter: spiegelhalterOf(probabilities, labels),
    hosmerLemeshow: hosmerLemeshowOf(probabilities, labels, order, bins),
  }
}

function reliabilityTable(probabilities: ArrayLike<number>, labels: ArrayLike<number>, bins: number): ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ rows: 0, probability: 0, hits: 0 }))
  for (let i = 0; i < labels.length; i++) {
    const sum = sums[Math.min(bins - 1, Math.max(0, Math.ceil(probabilities[i]! * bins) - 1))]!
    sum.rows++
    sum.probability += probabilities[i]!
    sum.hits += labels[i]!
  }
  return sums.flatMap(({ rows, probability, hits }, bin) =>
    rows === 0 ? [] : [{ low: bin / bins, high: (bin + 1) / bins, rows, meanProbability: probability / rows, observedRate: hits / rows }],
  )
}

function spiegelhalterOf(probabilities: ArrayLike<number>, labels: ArrayLike<number>) {
  let [sum, variance] = [0, 0]
  for (let i = 0; i < labels.length; i++) {
    const p = probabilities[i]!
    sum += (labels[i]! - p) * (1 - 2 * p)
    variance += (1 - 2 * p) ** 2 * p * (1 - p)
  }
  if (!(variance > 0)) return null
  const z = sum / Math.sqrt(variance)
  return { z, pValue: Math.min(1, 2 * normalTail(Math.abs(z))) }
}

function hosmerLemeshowOf(probabilities: ArrayLike<number>, labels: ArrayLike<number>, order: Uint32Array, bins: number) {
  let [statistic, degrees] = [0, 0]
  for (let bin = 0; bin < bins; bin++) {
    const rows = order.subarray(Math.round((bin * order.length) / bins), Math.round(((bin + 1) * order.length) / bins))
    let [expected, hits, variance] = [0, 0, 0]
    for (const row of rows) {
      const p = probabilities[row]!
      expected += p
      hits += labels[row]!
      variance += p * (1 - p)
    }
    if (!(variance > 0)) continue
    statistic += (hits - expected) ** 2 / variance
    degrees++
  }
  return degrees < 2 ? null : { statistic, degrees, pValue: chiSquaredTail(statistic, degrees) }
}
