import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'

const FREE_FAILURES = 10
const WINDOW_MS = 60_000
const LONGEST_WAIT_MS = 15 * 60_000
const MOST_ADDRESSES = 10_000

/**
 * Slows down guessing: after 10 failures within a minute an address waits, twice as long with each further failure, up to
 * 15 minutes. Keeps at most 10,000 addresses; the one that failed longest ago is forgotten first.
 */
export function createThrottle(clock: Clock) {
  const failures = new Map<string, { count: number; lastMs: number; blockedUntilMs: number }>()
  return {
    /** Throws `throttled` with the wait in seconds while an address must wait. */
    check(address: string): void {
      const record = failures.get(address)
      const waitMs = (record?.blockedUntilMs ?? 0) - clock.now()
      if (waitMs <= 0) return
      const retryAfterSeconds = Math.ceil(waitMs / 1_000)
      throw new AppError('throttled', `too many failed sign-ins from this address; try again in ${retryAfterSeconds} s`, {
        retryAfterSeconds,
      })
    },
    fail(address: string): void {
      const nowMs = clock.now()
      const earlier = failures.get(address)
      const fresh = !earlier || nowMs - Math.max(earlier.lastMs, earlier.blockedUntilMs) > WINDOW_MS
      const count = fresh ? 1 : earlier.count + 1
      const waitMs = count <= FREE_FAILURES ? 0 : Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** (count - FREE_FAILURES - 1))
      failures.delete(address)
      failures.set(address, { count, lastMs: nowMs, blockedUntilMs: nowMs + waitMs })
      if (failures.size > MOST_ADDRESSES) failures.delete(failures.keys().next().value!)
    },
    succeed(address: string): void {
      failures.delete(address)
    },
  }
}
