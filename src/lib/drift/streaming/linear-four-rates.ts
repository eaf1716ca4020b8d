import { checkBetween, createFromRule, type Signal, type StreamingDetector, type StreamState } from './detector.ts'

export type LfrOptions = {
  /** How much of the past a rate keeps with every sample that concerns it. 0.9 if not given. */
  readonly decay?: number
  /** The probability beyond either end of the interval of a rate, for a warning (0.01) and for a drift (0.00001). */
  readonly warningSignificance?: number
  readonly driftSignificance?: number
}

/** One rate: how many samples concerned it, how many of these were right, and the fading mean. */
type Rate = { count: number; right: number; fading: number }
/** In the order of `RATES`. */
type Memory = { rates: Rate[] }

/** True negative, true positive, negative predictive and positive predictive rate: which cells concern each. */
const RATES: readonly (readonly number[])[] = [
  [0, 1],
  [2, 3],
  [0, 2],
  [1, 3],
]

const START = 0.5
const CELLS = 1024

/**
 * Linear Four Rates: fading means of the four rates of the confusion matrix, each against what a constant rate would give
 * (Wang & Abraham 2015, "Concept drift detection for streaming data", algorithm 1). A sample names its cell: 2 · label +
 * decision, so 0 is a true negative, 1 a false positive, 2 a false negative, 3 a true positive. The intervals of algorithm 2
 * are computed, on a grid of 1,024 cells, instead of simulated, for rates rounded to hundredths, and start where the fading
 * mean starts. Throws RangeError for options that make no sense.
 *
 * `merge` is exact.
 */
export function createLfr(options: LfrOptions = {}, state?: StreamState): StreamingDetector {
  const full = { decay: 0.9, warningSignificance: 0.01, driftSignificance: 1e-5, ...options }
  for (const [name, value] of Object.entries(full)) checkBetween(name, value, 0, 1)
  const { decay } = full
  const limits = limitsOf(full)
  const judge = ({ count, right, fading }: Rate): Signal => {
    const limit = limits(Math.round((100 * (right + 1)) / (count + 2)), count)
    if (fading < limit[0]! || fading > limit[3]!) return 'drift'
    return fading < limit[1]! || fading > limit[2]! ? 'warning' : 'stable'
  }
  return createFromRule<Memory>(
    {
      kind: 'lfr',
      options: full,
      fresh: () => ({ rates: RATES.map(() => ({ count: 0, right: 0, fading: START })) }),
      check(cell) {
        if (cell !== 0 && cell !== 1 && cell !== 2 && cell !== 3)
          throw new RangeError(`a sample is 2 · label + decision, an integer from 0 to 3, not ${cell}`)
      },
      step({ rates }, cell) {
        const right = cell === 0 || cell === 3 ? 1 : 0
        let worst: Signal = 'stable'
        rates.forEach((rate, r) => {
          if (!RATES[r]!.includes(cell)) return
          rate.count++
          rate.right += right
          rate.fading = decay * rate.fading + (1 - decay) * right
          const signal = judge(rate)
          if (signal === 'drift' || worst === 'stable') worst = signal
        })
        return worst
      },
      merge(memory, later) {
        memory.rates.forEach((rate, r) => {
          const other = later.rates[r]!
          rate.fading = other.fading + decay ** other.count * (rate.fading - START)
          rate.count += other.count
          rate.right += other.right
        })
      },
    },
    state,
  )
}

/** The limits of a fading mean after `count` samples at a rate in hundredths: drift and warning below, warning and drift above. */
function limitsOf({ decay, warningSignificance, driftSignificance }: Required<LfrOptions>) {
  const tails = [driftSignificance, warningSignificance, 1 - warningSignificance, 1 - driftSignificance]
  // After this many samples the start has faded below a cell of the grid.
  const last = Math.ceil(Math.log(0.1 / CELLS) / Math.log(decay))
  const known = new Map<number, { cdf: Float64Array; limits: (readonly number[])[] }>()
  return (hundredths: number, count: number): readonly number[] => {
    const found = known.get(hundredths) ?? { cdf: startCdf(), limits: [] }
    known.set(hundredths, found)
    while (found.limits.length < Math.min(count, last)) {
      found.cdf = nextCdf(found.cdf, hundredths / 100, decay)
      found.limits.push(tails.map((tail) => quantileOf(found.cdf, tail)))
    }
    return found.limits[Math.min(count, last) - 1]!
  }
}

/** The distribution function at the ends of the cells, for a mean that is `START` for certain. */
function startCdf(): Float64Array {
  return Float64Array.from({ length: CELLS + 1 }, (_, i) => (i / CELLS >= START ? 1 : 0))
}

/** F′(x) = (1 − p) F(x / η) + p F((x − 1 + η) / η): the distribution one sample later. */
function nextCdf(cdf: Float64Array, rate: number, decay: number): Float64Array {
  return cdf.map((_, i) => {
    const x = i / CELLS
    return (1 - rate) * interpolated(cdf, x / decay) + rate * interpolated(cdf, (x - 1 + decay) / decay)
  })
}

function interpolated(cdf: Float64Array, x: number): number {
  if (x < 0) return 0
  if (x >= 1) return 1
  const at = Math.floor(x * CELLS)
  return cdf[at]! + (cdf[at + 1]! - cdf[at]!) * (x * CELLS - at)
}

/** The first end of a cell with at least `tail` below it. */
function quantileOf(cdf: Float64Array, tail: number): number {
  let low = 0
  let high = CELLS
  while (low < high) {
    const middle = (low + high) >> 1
    if (cdf[middle]! >= tail) high = middle
    else low = middle + 1
  }
  return low / CELLS
}
