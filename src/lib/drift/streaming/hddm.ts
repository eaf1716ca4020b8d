import { checkBetween, checkError, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'

export type HddmAOptions = {
  /** The error probability of a drift (0.001 if not given) and of a warning (0.005 if not given). */
  readonly driftConfidence?: number
  readonly warningConfidence?: number
  /** Whether a fall of the error rate counts too. False if not given. */
  readonly twoSided?: boolean
}

type Mean = { count: number; mean: number }
type AMemory = { all: Mean; low: Mean; high: Mean }

/**
 * HDDM-A: the mean up to the best cut against the mean of all, by Hoeffding's bound (Frías-Blanco et al. 2015, "Online and
 * non-parametric drift detection methods based on Hoeffding's bounds", the A-test). Takes errors, 1 or 0. Throws RangeError
 * for options that make no sense.
 *
 * `merge` is an approximation: the means are exact, and the cut is either the earlier stream's or the later one's, not one
 * that only both together would have chosen.
 */
export function createHddmA(options: HddmAOptions = {}, state?: StreamState): StreamingDetector {
  const full = { driftConfidence: 0.001, warningConfidence: 0.005, twoSided: false, ...options }
  checkBetween('driftConfidence', full.driftConfidence, 0, 1)
  checkBetween('warningConfidence', full.warningConfidence, 0, 1)
  const { driftConfidence, warningConfidence, twoSided } = full
  const bound = (count: number) => Math.sqrt((1 / (2 * count)) * Math.log(1 / driftConfidence))
  const moveCuts = (memory: AMemory) => {
    const { all } = memory
    const margin = bound(all.count)
    if (memory.low.count === 0 || memory.low.mean + bound(memory.low.count) >= all.mean + margin) memory.low = { ...all }
    if (memory.high.count === 0 || memory.high.mean - bound(memory.high.count) <= all.mean - margin) memory.high = { ...all }
  }
  const differs = (lower: number, upper: number, cut: number, all: number, confidence: number) =>
    cut !== all && upper - lower >= Math.sqrt((((all - cut) / cut) * (1 / all) * Math.log(2 / confidence)) / 2)
  const reached = ({ all, low, high }: AMemory, confidence: number) =>
    differs(low.mean, all.mean, low.count, all.count, confidence) ||
    (twoSided && differs(all.mean, high.mean, high.count, all.count, confidence))
  return createFromRule<AMemory>(
    {
      kind: 'hddm-a',
      options: full,
      fresh: () => ({ all: { count: 0, mean: 0 }, low: { count: 0, mean: 0 }, high: { count: 0, mean: 0 } }),
      check: checkError,
      step(memory, value) {
        const { all } = memory
        all.count++
        all.mean += (1 / all.count) * (value - all.mean)
        moveCuts(memory)
        if (reached(memory, driftConfidence)) return 'drift'
        return reached(memory, warningConfidence) ? 'warning' : 'stable'
      },
      merge(memory, later) {
        const before = memory.all
        const low = joined(before, later.low)
        const high = joined(before, later.high)
        memory.all = joined(before, later.all)
        if (low.mean + bound(low.count) <= memory.low.mean + bound(memory.low.count)) memory.low = low
        if (high.mean - bound(high.count) >= memory.high.mean - bound(memory.high.count)) memory.high = high
      },
    },
    state,
  )
}

function joined(one: Mean, other: Mean): Mean {
  const count = one.count + other.count
  return { count, mean: one.mean + (other.mean - one.mean) * (other.count / count) }
}

export type HddmWOptions = HddmAOptions & {
  /** The weight of the newest sample in the moving averages. 0.05 if not given. */
  readonly lambda?: number
}

/** An exponentially weighted mean and the sum of its squared weights; `count` 0 while it has seen nothing. */
type Weighted = { count: number; mean: number; squares: number }
type Cut = { bound: number; before: Weighted; after: Weighted }
type WMemory = { all: Weighted; rise: Cut; fall: Cut }

/** Beyond any mean of errors with its margin. */
const FAR = 1e300

/**
 * HDDM-W: exponentially weighted means before and after the best cut, by McDiarmid's bound (Frías-Blanco et al. 2015, the
 * W-test). Takes errors, 1 or 0. Throws RangeError for options that make no sense.
 *
 * `merge` is an approximation: the weight of the later stream's first sample, which starts its mean, is taken as its mean's.
 */
export function createHddmW(options: HddmWOptions = {}, state?: StreamState): StreamingDetector {
  const full = { driftConfidence: 0.001, warningConfidence: 0.005, twoSided: false, lambda: 0.05, ...options }
  checkBetween('driftConfidence', full.driftConfidence, 0, 1)
  checkBetween('warningConfidence', full.warningConfidence, 0, 1)
  checkBetween('lambda', full.lambda, 0, 1)
  const { driftConfidence, warningConfidence, twoSided, lambda } = full
  const none = (): Weighted => ({ count: 0, mean: 0, squares: 1 })
  const add = (weighted: Weighted, value: number) => {
    weighted.mean = weighted.count === 0 ? value : lambda * value + (1 - lambda) * weighted.mean
    weighted.squares = lambda * lambda + (1 - lambda) ** 2 * weighted.squares
    weighted.count++
  }
  const margin = (squares: number, confidence: number) => Math.sqrt((squares * Math.log(1 / confidence)) / 2)
  const exceeds = (upper: Weighted, lower: Weighted, confidence: number) =>
    upper.count > 0 && lower.count > 0 && upper.mean - lower.mean > margin(upper.squares + lower.squares, confidence)
  const reached = ({ rise, fall }: WMemory, confidence: number) =>
    exceeds(rise.after, rise.before, confidence) || (twoSided && exceeds(fall.before, fall.after, confidence))
  const append = (earlier: Weighted, later: Weighted): Weighted => {
    if (later.count === 0) return earlier
    if (earlier.count === 0) return { ...later }
    const kept = (1 - lambda) ** later.count
    return {
      count: earlier.count + later.count,
      mean: later.mean + kept * (earlier.mean - later.mean),
      squares: later.squares + kept * kept * (earlier.squares - 1),
    }
  }
  const moveCut = (cut: Cut, all: Weighted, bound: number, beyond: boolean, value: number) => {
    if (!beyond) return add(cut.after, value)
    cut.bound = bound
    cut.before = { ...all }
    cut.after = none()
  }
  return createFromRule<WMemory>(
    {
      kind: 'hddm-w',
      options: full,
      fresh: () => ({
        all: none(),
        rise: { bound: FAR, before: none(), after: none() },
        fall: { bound: -FAR, before: none(), after: none() },
      }),
      check: checkError,
      step(memory, value) {
        const { all, rise, fall } = memory
        add(all, value)
        const by = margin(all.squares, driftConfidence)
        moveCut(rise, all, all.mean + by, all.mean + by < rise.bound, value)
        moveCut(fall, all, all.mean - by, all.mean - by > fall.bound, value)
        if (reached(memory, driftConfidence)) return 'drift'
        return reached(memory, warningConfidence) ? 'warning' : 'stable'
      },
      merge(memory, later) {
        const mergeCut = (cut: Cut, other: Cut, sign: number): Cut => {
          if (sign * other.bound >= sign * cut.bound) return { ...cut, after: append(cut.after, later.all) }
          return { bound: other.bound, before: append(memory.all, other.before), after: other.after }
        }
        memory.rise = mergeCut(memory.rise, later.rise, 1)
        memory.fall = mergeCut(memory.fall, later.fall, -1)
        memory.all = append(memory.all, later.all)
      },
    },
    state,
  )
}
