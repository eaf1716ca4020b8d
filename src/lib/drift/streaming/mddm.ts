import { checkBetween, checkCount, checkError, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'

export type MddmOptions = {
  /** How weights grow towards the newest sample: arithmetic (A), geometric (G) or Euler (E). `A` if not given. */
  readonly weights?: 'A' | 'G' | 'E'
  /** Samples kept. 100 if not given. */
  readonly windowSize?: number
  /** The error probability of McDiarmid's bound. 10⁻⁶ if not given. */
  readonly delta?: number
  /** What the weights grow by: the difference (A), the ratio less one (G) or the exponent (E). 0.01 if not given. */
  readonly growth?: number
}

/** The newest errors, oldest first, and the greatest weighted share of right answers so far. */
type Memory = { window: number[]; greatest: number }

/**
 * MDDM: the weighted share of right answers in a window against its greatest, by McDiarmid's inequality (Pesaranghader,
 * Viktor & Paquet 2018, "McDiarmid drift detection methods for evolving data streams", §3). Takes errors, 1 or 0. Throws
 * RangeError for options that make no sense.
 *
 * `merge` is exact for the window; the greatest share is the greater of the two, without the windows that lie in both.
 */
export function createMddm(options: MddmOptions = {}, state?: StreamState): StreamingDetector {
  const full = { weights: 'A' as const, windowSize: 100, delta: 1e-6, growth: 0.01, ...options }
  checkCount('windowSize', full.windowSize, 1)
  checkBetween('delta', full.delta, 0, 1)
  if (!(full.growth >= 0)) throw new RangeError(`growth must not be negative, it is ${full.growth}`)
  const { windowSize, delta } = full
  const share = weightsOf(full)
  const bound = Math.sqrt(0.5 * share.reduce((sum, weight) => sum + weight * weight, 0) * Math.log(1 / delta))
  return createFromRule<Memory>(
    {
      kind: 'mddm',
      options: full,
      fresh: () => ({ window: [], greatest: 0 }),
      check: checkError,
      step(memory, value) {
        const { window } = memory
        window.push(value)
        if (window.length > windowSize) window.shift()
        if (window.length < windowSize) return 'stable'
        let right = 0
        for (let i = 0; i < windowSize; i++) right += share[i]! * (1 - window[i]!)
        memory.greatest = Math.max(memory.greatest, right)
        return memory.greatest - right >= bound ? 'drift' : 'stable'
      },
      merge(memory, later) {
        memory.window = [...memory.window, ...later.window].slice(-windowSize)
        memory.greatest = Math.max(memory.greatest, later.greatest)
      },
    },
    state,
  )
}

/** The weights of a full window, oldest first, which sum to 1. */
function weightsOf({ weights, windowSize, growth }: Required<MddmOptions>): Float64Array {
  const raw = Float64Array.from({ length: windowSize }, (_, i) => {
    switch (weights) {
      case 'A':
        return 1 + i * growth
      case 'G':
        return (1 + growth) ** i
      case 'E':
        return Math.exp(growth * i)
      default:
        throw new RangeError(`weights are A, G or E, not ${weights}`)
    }
  })
  const total = raw.reduce((sum, weight) => sum + weight, 0)
  return raw.map((weight) => weight / total)
}
