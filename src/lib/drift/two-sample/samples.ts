import type { Random } from '../../random.ts'

/**
 * A sorted copy of a sample. Missing values are the caller's to remove, and to report: throws RangeError on NaN and infinity.
 */
export function sortedSample(values: Float64Array | Float32Array, side: 'reference' | 'current'): Float64Array {
  const sorted = Float64Array.from(values).sort()
  // NaN sorts to the end, infinities to both ends.
  for (const end of [sorted[0], sorted.at(-1)])
    if (end !== undefined && !Number.isFinite(end))
      throw new RangeError(`the ${side} sample holds ${end}; remove what is not a finite number before a test`)
  return sorted
}

/** The rows of either sample at one value, and below it. */
type Level = {
  value: number
  reference: number
  current: number
  referenceBelow: number
  currentBelow: number
}

/** Visits the distinct values of two sorted samples upwards. The object handed over is one and the same: copy what is kept. */
export function eachLevel(reference: Float64Array, current: Float64Array, visit: (level: Level) => void): void {
  const level: Level = { value: 0, reference: 0, current: 0, referenceBelow: 0, currentBelow: 0 }
  let i = 0
  let j = 0
  while (i < reference.length || j < current.length) {
    const value = j >= current.length || (i < reference.length && reference[i]! <= current[j]!) ? reference[i]! : current[j]!
    level.value = value
    level.referenceBelow = i
    level.currentBelow = j
    while (i < reference.length && reference[i]! === value) i++
    while (j < current.length && current[j]! === value) j++
    level.reference = i - level.referenceBelow
    level.current = j - level.currentBelow
    visit(level)
  }
}

/** Mean and (n − 1) variance, in two passes; the variance of one value is 0. */
export function meanAndVariance(values: ArrayLike<number>): { readonly mean: number; readonly variance: number } {
  const n = values.length
  let sum = 0
  for (let i = 0; i < n; i++) sum += values[i]!
  const rough = sum / n
  let rest = 0
  for (let i = 0; i < n; i++) rest += values[i]! - rough
  const mean = rough + rest / n
  let squares = 0
  for (let i = 0; i < n; i++) squares += (values[i]! - mean) ** 2
  return { mean, variance: n > 1 ? squares / (n - 1) : 0 }
}

/** The median of sorted values; NaN when there are none. */
export function medianOfSorted(sorted: ArrayLike<number>): number {
  const n = sorted.length
  if (n === 0) return Number.NaN
  return n % 2 === 1 ? sorted[(n - 1) / 2]! : (sorted[n / 2 - 1]! + sorted[n / 2]!) / 2
}

/** `most` of the indices 0 … count − 1, drawn without replacement and ascending; all of them when there are no more. */
export function sampleIndices(count: number, most: number, random: Random): Uint32Array {
  const all = Uint32Array.from({ length: count }, (_, index) => index)
  if (count <= most) return all
  for (let i = 0; i < most; i++) {
    const other = i + random.int(count - i)
    const kept = all[other]!
    all[other] = all[i]!
    all[i] = kept
  }
  return all.slice(0, most).sort()
}

/** At most `most` of the values, drawn without replacement, in their order. */
export function sampleOf(values: Float64Array, most: number, random: Random): Float64Array {
  if (values.length <= most) return values
  return Float64Array.from(sampleIndices(values.length, most, random), (index) => values[index]!)
}
