import { checkBetween, checkCount, checkNumber, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'

export type PageHinkleyOptions = {
  /** Samples before the first alarm can be. 30 if not given. */
  readonly minInstances?: number
  /** How far the mean may move before it counts, in units of the value. 0.005 if not given. */
  readonly delta?: number
  /** The cumulated deviation that is a drift. 50 if not given. */
  readonly threshold?: number
  /** The factor by which older deviations fade with every sample. 0.9999 if not given. */
  readonly alpha?: number
  /** Which changes of the mean count. `both` if not given. */
  readonly mode?: 'up' | 'down' | 'both'
}

type Memory = { count: number; mean: number; up: number; down: number; lowest: number; highest: number }

/** Larger than any sum; JSON has no infinity. */
const NONE_YET = Number.MAX_VALUE

/**
 * The Page–Hinkley test: the cumulated deviation from the running mean, less its extreme so far (Page 1954, "Continuous
 * inspection schemes"; Hinkley 1971, "Inference about the change-point from cumulative sum tests"), two-sided and fading as
 * River has it. Takes any finite number. Throws RangeError for options that make no sense.
 *
 * `merge` is an approximation: the mean is that of all samples, but the later deviations stay those from the later mean.
 */
export function createPageHinkley(options: PageHinkleyOptions = {}, state?: StreamState): StreamingDetector {
  const full = { minInstances: 30, delta: 0.005, threshold: 50, alpha: 1 - 0.0001, mode: 'both' as const, ...options }
  checkCount('minInstances', full.minInstances, 1)
  checkNumber(full.delta)
  checkBetween('threshold', full.threshold, 0, Number.POSITIVE_INFINITY)
  if (!(full.alpha > 0 && full.alpha <= 1)) throw new RangeError(`alpha lies in (0, 1], not ${full.alpha}`)
  if (!['up', 'down', 'both'].includes(full.mode)) throw new RangeError(`mode is up, down or both, not ${full.mode}`)
  const { minInstances, delta, threshold, alpha, mode } = full
  return createFromRule<Memory>(
    {
      kind: 'page-hinkley',
      options: full,
      fresh: () => ({ count: 0, mean: 0, up: 0, down: 0, lowest: NONE_YET, highest: -1 }),
      check: checkNumber,
      step(memory, value) {
        memory.count++
        memory.mean += (1 / memory.count) * (value - memory.mean)
        const deviation = value - memory.mean
        memory.up = alpha * memory.up + deviation - delta
        memory.down = alpha * memory.down + deviation + delta
        memory.lowest = Math.min(memory.lowest, memory.up)
        memory.highest = Math.max(memory.highest, memory.down)
        if (memory.count < minInstances) return 'stable'
        const risen = mode !== 'down' && memory.up - memory.lowest > threshold
        const fallen = mode !== 'up' && memory.highest - memory.down > threshold
        return risen || fallen ? 'drift' : 'stable'
      },
      merge(memory, later) {
        const faded = alpha ** later.count
        memory.lowest = Math.min(memory.lowest, faded * memory.up + later.lowest)
        memory.highest = Math.max(memory.highest, faded * memory.down + later.highest)
        memory.up = faded * memory.up + later.up
        memory.down = faded * memory.down + later.down
        memory.mean += (later.mean - memory.mean) * (later.count / (memory.count + later.count))
        memory.count += later.count
      },
    },
    state,
  )
}
