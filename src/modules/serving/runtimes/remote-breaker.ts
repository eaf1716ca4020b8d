import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'

export type BreakerState = 'closed' | 'open' | 'half_open'
/** How a call went: `abandoned` by its caller says nothing of the server. */
export type CallEnd = 'answered' | 'failed' | 'abandoned'
export type Breaker = {
  readonly state: BreakerState
  /** Lets a call through, and gives what must be called once when it has ended. Throws `unavailable`, with when to come back, while open. */
  enter(): (end: CallEnd) => void
}

type Options = { readonly clock: Clock; readonly failures: number; readonly openMs: number; readonly what: string }

/**
 * A circuit breaker: after `failures` failed calls in a row it is open, and refuses calls for `openMs`, so that a server that
 * is down is not asked by everybody and nobody waits for it. Then one call is let through: answered, it closes; failed, it
 * opens again. M. Nygard, "Release It!", 2007, chapter 5.
 */
export function createBreaker({ clock, failures, openMs, what }: Options): Breaker {
  let inARow = 0
  let openUntilMs: number | undefined
  let probing = false

  const stateNow = (): BreakerState => (openUntilMs === undefined ? 'closed' : clock.now() < openUntilMs ? 'open' : 'half_open')

  function settle(end: CallEnd, isProbe: boolean): void {
    if (isProbe) probing = false
    if (end === 'abandoned') return
    if (end === 'answered') {
      // A late answer to a call from before it opened closes nothing.
      if (openUntilMs === undefined || isProbe) {
        inARow = 0
        openUntilMs = undefined
      }
      return
    }
    inARow += 1
    if (isProbe || (openUntilMs === undefined && inARow >= failures)) openUntilMs = clock.now() + openMs
  }

  return {
    get state() {
      return stateNow()
    },
    enter() {
      const state = stateNow()
      const isProbe = state === 'half_open'
      if (state === 'open' || (isProbe && probing)) {
        const waitSeconds = Math.max(0, (openUntilMs! - clock.now()) / 1_000)
        throw new AppError(
          'unavailable',
          `${what} failed ${inARow} times in a row and is not asked ${isProbe ? 'while one call tries it' : `for ${waitSeconds.toFixed(1)} s`}`,
          { retryAfterSeconds: Math.max(waitSeconds, 0.1) },
        )
      }
      if (isProbe) probing = true
      return (end) => settle(end, isProbe)
    },
  }
}
