import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Live } from './live.ts'
import type { Pace } from './pace.ts'
import { createQuotas } from './quotas.ts'
import { createBuckets } from './token-bucket.ts'

/** Below so many rows a deployment is never too slow to take more: the first requests after a pause must get in. */
const ALWAYS_ROWS = 8

export type Admission = ReturnType<typeof createAdmission>

/**
 * Lets a request in or refuses it by the deployment’s limits: `too_large` for its own rows; `throttled` for what waits already,
 * for its caller’s or its address’s rate, for the rate of all, for the quota. Every refusal says when to try again.
 */
export function createAdmission(clock: Clock) {
  const buckets = createBuckets(clock)
  const quotas = createQuotas(clock)

  function pace(live: Live, per: string, key: string, perSecond: number | undefined, who: string): void {
    if (perSecond === undefined) return
    const waitSeconds = buckets.take(`${live.project}/${live.name}/${per}/${key}`, perSecond, 1)
    if (waitSeconds > 0) throw throttled(`${who} over ${perSecond} requests a second on ${live.name}`, waitSeconds)
  }

  return (live: Live, rows: number, caller: Pick<Caller, 'id' | 'address'>, under: Pace): void => {
    const { limits } = live.spec
    if (rows > limits.rowsPerRequest)
      throw new AppError('too_large', `the request has ${rows} rows; deployment ${live.name} takes ${limits.rowsPerRequest}`, {
        rows,
        limit: limits.rowsPerRequest,
      })
    if (under.waiting + rows > Math.max(limits.concurrency, limits.rowsPerRequest))
      throw throttled(`deployment ${live.name} is at its limit of ${limits.concurrency} rows at once`, 1)
    if (under.waiting >= ALWAYS_ROWS && under.waitMs(rows) > limits.queueMs)
      throw throttled(`deployment ${live.name} is too busy to answer within ${limits.queueMs} ms`, Math.max(0.05, under.waitMs(0) / 1_000))
    pace(live, 'key', caller.id, limits.requestsPerSecond, `${caller.id} is`)
    pace(live, 'address', caller.address ?? '', limits.perAddressPerSecond, `your address, ${caller.address}, is`)
    pace(live, 'all', '', limits.totalPerSecond, 'all callers together are')
    if (limits.quota) quotas.take(live, caller.id, limits.quota)
  }
}

function throttled(what: string, waitSeconds: number): AppError {
  return new AppError('throttled', `${what}; try again in ${waitSeconds.toFixed(2)} s`, { retryAfterSeconds: waitSeconds })
}
