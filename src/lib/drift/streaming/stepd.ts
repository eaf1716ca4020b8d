import { normalTail } from '../../stats/distributions.ts'
import { checkBetween, checkCount, checkError, createFromRule, type StreamingDetector, type StreamState } from './detector.ts'

export type StepdOptions = {
  /** The newest samples, compared with all before. 30 if not given. */
  readonly windowSize?: number
  /** The significance of a drift (0.003 if not given) and of a warning (0.05 if not given). */
  readonly driftSignificance?: number
  readonly warningSignificance?: number
}

/** The newest errors, oldest first, and the count and errors of all samples. */
type Memory = { window: number[]; count: number; errors: number }

/**
 * STEPD: a test of equal proportions, with the correction for continuity, of the errors in the newest samples and in all
 * before (Nishida & Yamauchi 2007, "Detecting concept drift using statistical testing", eq. 1), two-sided in its p-value and
 * looked at for a rise only. Takes errors, 1 or 0; tests once there are two windows of samples. Throws RangeError for options
 * that make no sense.
 *
 * `merge` is exact.
 */
export function createStepd(options: StepdOptions = {}, state?: StreamState): StreamingDetector {
  const full = { windowSize: 30, driftSignificance: 0.003, warningSignificance: 0.05, ...options }
  checkCount('windowSize', full.windowSize, 1)
  checkBetween('driftSignificance', full.driftSignificance, 0, 1)
  checkBetween('warningSignificance', full.warningSignificance, 0, 1)
  const { windowSize, driftSignificance, warningSignificance } = full
  return createFromRule<Memory>(
    {
      kind: 'stepd',
      options: full,
      fresh: () => ({ window: [], count: 0, errors: 0 }),
      check: checkError,
      step(memory, value) {
        const { window } = memory
        window.push(value)
        if (window.length > windowSize) window.shift()
        memory.count++
        memory.errors += value
        if (memory.count < 2 * windowSize) return 'stable'
        let recent = 0
        for (const error of window) recent += error
        const p = significance(memory.errors - recent, memory.count - windowSize, recent, windowSize)
        if (p < driftSignificance) return 'drift'
        return p < warningSignificance ? 'warning' : 'stable'
      },
      merge(memory, later) {
        memory.window = [...memory.window, ...later.window].slice(-windowSize)
        memory.count += later.count
        memory.errors += later.errors
      },
    },
    state,
  )
}

/** The p-value of equal rates; 1 unless the recent rate is the higher. */
function significance(olderErrors: number, older: number, recentErrors: number, recent: number): number {
  const rise = recentErrors / recent - olderErrors / older
  const pooled = (olderErrors + recentErrors) / (older + recent)
  const reciprocal = 1 / older + 1 / recent
  const deviation = Math.sqrt(pooled * (1 - pooled) * reciprocal)
  if (!(rise > 0) || deviation === 0) return 1
  return Math.min(1, 2 * normalTail((rise - 0.5 * reciprocal) / deviation))
}
