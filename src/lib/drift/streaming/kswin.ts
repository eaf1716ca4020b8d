import { createRandom } from '../../random.ts'
import { checkBetween, checkCount, checkNumber, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'

export type KswinOptions = {
  /** The significance of one test. 0.005 if not given. */
  readonly alpha?: number
  /** Samples kept. 100 if not given. */
  readonly windowSize?: number
  /** The newest samples, tested against as many drawn from the older. 30 if not given. */
  readonly statSize?: number
  /** Names the draws. */
  readonly seed?: string
}

/** The window, oldest first, and the samples seen, which name the next draw. */
type Memory = { window: number[]; seen: number }

/** Distances below this are no drift, whatever their p-value; the value is River's. */
const LEAST_DISTANCE = 0.1

/**
 * KSWIN: the two-sample test of Kolmogorov and Smirnov, with its exact p-value, between the newest samples and a draw from
 * the older ones of a window (Raab, Heusinger & Schleif 2020, "Reactive soft prototype computing for concept drift streams").
 * Takes any finite number. Throws RangeError for options that make no sense.
 *
 * `merge` is exact: the window is the newest of both, and the draws depend on the number of samples alone.
 */
export function createKswin(options: KswinOptions = {}, state?: StreamState): StreamingDetector {
  const full = { alpha: 0.005, windowSize: 100, statSize: 30, seed: 'kswin', ...options }
  checkBetween('alpha', full.alpha, 0, 1)
  checkCount('statSize', full.statSize, 1)
  checkCount('windowSize', full.windowSize, 2 * full.statSize)
  if (full.statSize > 10_000) throw new RangeError(`statSize must not exceed 10,000, it is ${full.statSize}`)
  const { alpha, windowSize, statSize, seed } = full
  const least = leastSteps(statSize, alpha)
  return createFromRule<Memory>(
    {
      kind: 'kswin',
      options: full,
      fresh: () => ({ window: [], seen: 0 }),
      check: checkNumber,
      step(memory, value) {
        const { window } = memory
        window.push(value)
        if (window.length > windowSize) window.shift()
        memory.seen++
        if (window.length < windowSize) return 'stable'
        const older = drawn(window, windowSize - statSize, statSize, `${seed}/${memory.seen}`)
        const steps = greatestSteps(older, Float64Array.from(window.slice(windowSize - statSize)).sort())
        return steps >= least && steps / statSize > LEAST_DISTANCE ? 'drift' : 'stable'
      },
      merge(memory, later) {
        memory.window = [...memory.window, ...later.window].slice(-windowSize)
        memory.seen += later.seen
      },
    },
    state,
  )
}

/** `size` of the first `among` values without repetition, in order of size. */
function drawn(window: readonly number[], among: number, size: number, seed: string): Float64Array {
  const random = createRandom(seed)
  const rest = window.slice(0, among)
  for (let i = 0; i < size; i++) {
    const at = i + random.int(among - i)
    const value = rest[at]!
    rest[at] = rest[i]!
    rest[i] = value
  }
  return Float64Array.from(rest.slice(0, size)).sort()
}

/** The greatest difference between the two cumulated counts of sorted samples. */
function greatestSteps(one: Float64Array, other: Float64Array): number {
  let greatest = 0
  let i = 0
  let j = 0
  while (i < one.length && j < other.length) {
    const value = Math.min(one[i]!, other[j]!)
    while (i < one.length && one[i]! <= value) i++
    while (j < other.length && other[j]! <= value) j++
    greatest = Math.max(greatest, Math.abs(i - j))
  }
  return greatest
}

/** The least difference of cumulated counts, for two samples of `size`, whose p-value does not exceed alpha. */
function leastSteps(size: number, alpha: number): number {
  let steps = 1
  while (steps <= size && exactP(size, steps) > alpha) steps++
  return steps
}

/**
 * The probability that the cumulated counts of two samples of n without ties differ by h or more, by reflecting paths
 * (Gnedenko & Korolyuk 1951; Hodges 1958, "The significance probability of the Smirnov two-sample test", §2).
 */
function exactP(n: number, h: number): number {
  let p = 0
  for (let k = Math.floor(n / h); k >= 1; k--) {
    let ratio = 1
    for (let j = 0; j < k * h; j++) ratio *= (n - j) / (n + 1 + j)
    p += (k % 2 === 1 ? 2 : -2) * ratio
  }
  return Math.min(1, p)
}
