import { kolmogorovTail, logGamma, normalTail } from '../../stats/distributions.ts'

/**
 * The probability that a group of `own` rows holds `ownHits` hits or more when `hits` of `rows` rows are hits and the group
 * is a random part of them: Fisher's exact test, one-sided (hypergeometric tail). Throws RangeError for impossible counts.
 */
export function excessPValue(ownHits: number, own: number, hits: number, rows: number): number {
  if (!(ownHits >= 0 && ownHits <= own && own <= rows && hits <= rows && ownHits <= hits && own - ownHits <= rows - hits))
    throw new RangeError(`${ownHits} of ${own} and ${hits} of ${rows} cannot be`)
  const chosen = (n: number, k: number) => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1)
  const whole = chosen(rows, own)
  let sum = 0
  for (let k = ownHits; k <= Math.min(own, hits); k++) {
    if (own - k > rows - hits) continue
    const term = Math.exp(chosen(hits, k) + chosen(rows - hits, own - k) - whole)
    sum += term
    if (term < 1e-17 * sum) break
  }
  return Math.min(1, sum)
}

/** Kolmogorov and Smirnov's two-sample distance with weights for the first sample, and its asymptotic p-value. */
export type Distance = { readonly distance: number; readonly pValue: number }

/**
 * The largest distance of two distribution functions, NaN left out; the p-value by Kolmogorov's series with Stephens'
 * correction (1970), the effective size (Σw)² / Σw² standing for the rows of a weighted sample. No rows on a side: distance 0.
 */
export function kolmogorovSmirnov(reference: ArrayLike<number>, current: ArrayLike<number>, weights?: ArrayLike<number>): Distance {
  const before = Array.from({ length: reference.length }, (_, i) => i).filter((i) => !Number.isNaN(reference[i]!))
  const after = Float64Array.from(current)
    .filter((value) => !Number.isNaN(value))
    .sort()
  before.sort((a, b) => reference[a]! - reference[b]!)
  const weightOf = (i: number) => weights?.[i] ?? 1
  const total = before.reduce((sum, i) => sum + weightOf(i), 0)
  if (!(total > 0) || after.length === 0) return { distance: 0, pValue: 1 }
  let [i, j, below, distance] = [0, 0, 0, 0]
  while (i < before.length && j < after.length) {
    const value = Math.min(reference[before[i]!]!, after[j]!)
    for (; i < before.length && reference[before[i]!]! <= value; i++) below += weightOf(before[i]!)
    for (; j < after.length && after[j]! <= value; j++);
    distance = Math.max(distance, Math.abs(below / total - j / after.length))
  }
  const effective = total ** 2 / before.reduce((sum, row) => sum + weightOf(row) ** 2, 0)
  const size = Math.sqrt((effective * after.length) / (effective + after.length))
  return { distance, pValue: kolmogorovTail((size + 0.12 + 0.11 / size) * distance) }
}

/** Two-sided p-value for two shares being one, by the pooled normal approximation with continuity correction. */
export function sharesPValue(hits: number, rows: number, otherHits: number, otherRows: number): number {
  if (rows === 0 || otherRows === 0) return 1
  const pooled = (hits + otherHits) / (rows + otherRows)
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / otherRows))
  if (!(error > 0)) return 1
  const gap = Math.abs(hits / rows - otherHits / otherRows) - (1 / rows + 1 / otherRows) / 2
  return Math.min(1, 2 * normalTail(Math.max(0, gap) / error))
}
