import { checkBetween, checkCount, checkError, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'

export type DdmOptions = {
  /** Samples before the first alarm can be. 30 if not given. */
  readonly warmStart?: number
  /** Standard deviations above the least error rate for a warning (2 if not given) and for a drift (3 if not given). */
  readonly warningThreshold?: number
  readonly driftThreshold?: number
}

type DdmMemory = { count: number; rate: number; leastRate: number; leastDeviation: number }

/** No error rate with its deviation is above 1.5, so every one is below this. */
const NONE_YET = 9

/**
 * DDM: the error rate and its deviation against where their sum was least (Gama, Medas, Castillo & Rodrigues 2004, "Learning
 * with drift detection"). Takes errors, 1 or 0. Throws RangeError for options that make no sense.
 *
 * `merge` is an approximation: the rate is that of all samples, the least sum is the lesser of the two.
 */
export function createDdm(options: DdmOptions = {}, state?: StreamState): StreamingDetector {
  const full = { warmStart: 30, warningThreshold: 2, driftThreshold: 3, ...options }
  checkCount('warmStart', full.warmStart, 0)
  checkBetween('warningThreshold', full.warningThreshold, 0, Number.POSITIVE_INFINITY)
  checkBetween('driftThreshold', full.driftThreshold, 0, Number.POSITIVE_INFINITY)
  const { warmStart, warningThreshold, driftThreshold } = full
  return createFromRule<DdmMemory>(
    {
      kind: 'ddm',
      options: full,
      fresh: () => ({ count: 0, rate: 0, leastRate: NONE_YET, leastDeviation: NONE_YET }),
      check: checkError,
      step(memory, value) {
        memory.count++
        memory.rate += (1 / memory.count) * (value - memory.rate)
        if (memory.count <= warmStart) return 'stable'
        const { count, rate } = memory
        const deviation = Math.sqrt((rate * (1 - rate)) / count)
        if (rate + deviation <= memory.leastRate + memory.leastDeviation) {
          memory.leastRate = rate
          memory.leastDeviation = deviation
        }
        const { leastRate, leastDeviation } = memory
        if (rate + deviation > leastRate + driftThreshold * leastDeviation) return 'drift'
        return rate + deviation > leastRate + warningThreshold * leastDeviation ? 'warning' : 'stable'
      },
      merge(memory, later) {
        memory.rate += (later.rate - memory.rate) * (later.count / (memory.count + later.count))
        memory.count += later.count
        if (later.leastRate + later.leastDeviation <= memory.leastRate + memory.leastDeviation) {
          memory.leastRate = later.leastRate
          memory.leastDeviation = later.leastDeviation
        }
      },
    },
    state,
  )
}

export type EddmOptions = {
  /** Errors before the first alarm can be. 30 if not given. */
  readonly warmStart?: number
  /** Shares of the greatest distance between errors below which there is a warning (0.95) and a drift (0.9). */
  readonly alpha?: number
  readonly beta?: number
}

type EddmMemory = {
  count: number
  errors: number
  lastError: number
  mean: number
  squares: number
  greatest: number
  warning: boolean
}

/**
 * EDDM: the mean distance between errors, with two deviations, against its greatest (Baena-García et al. 2006, "Early drift
 * detection method"). Takes errors, 1 or 0; a warning stands until an error takes it back. Throws RangeError for options that
 * make no sense.
 *
 * `merge` is an approximation: the later stream's first distance counts from its own start, and the greatest level is the
 * greater of the two.
 */
export function createEddm(options: EddmOptions = {}, state?: StreamState): StreamingDetector {
  const full = { warmStart: 30, alpha: 0.95, beta: 0.9, ...options }
  checkCount('warmStart', full.warmStart, 0)
  if (!(full.alpha >= full.beta)) throw new RangeError(`alpha, ${full.alpha}, must not be below beta, ${full.beta}`)
  const { warmStart, alpha, beta } = full
  return createFromRule<EddmMemory>(
    {
      kind: 'eddm',
      options: full,
      fresh: () => ({ count: 0, errors: 0, lastError: 0, mean: 0, squares: 0, greatest: -1, warning: false }),
      check: checkError,
      step(memory, value) {
        memory.count++
        if (value === 0) return memory.warning ? 'warning' : 'stable'
        memory.errors++
        const distance = memory.count - memory.lastError
        memory.lastError = memory.count
        const before = memory.mean
        memory.mean += (1 / memory.errors) * (distance - memory.mean)
        memory.squares += (distance - before) * (distance - memory.mean)
        if (memory.count <= warmStart) return memory.warning ? 'warning' : 'stable'
        const variance = memory.errors > 1 ? memory.squares / (memory.errors - 1) : 0
        const level = memory.mean + 2 * Math.sqrt(variance)
        if (level > memory.greatest) memory.greatest = level
        else if (memory.errors > warmStart) {
          if (level / memory.greatest < beta) return 'drift'
          memory.warning = level / memory.greatest < alpha
        }
        return memory.warning ? 'warning' : 'stable'
      },
      merge(memory, later) {
        const errors = memory.errors + later.errors
        if (later.errors > 0) {
          const distance = later.mean - memory.mean
          memory.squares += later.squares + (distance * distance * memory.errors * later.errors) / errors
          memory.mean += (distance * later.errors) / errors
          memory.lastError = memory.count + later.lastError
        }
        memory.errors = errors
        memory.count += later.count
        memory.greatest = Math.max(memory.greatest, later.greatest)
        memory.warning = later.warning
      },
    },
    state,
  )
}
