import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Figures, Refusal } from './figures.ts'
import type { Live } from './live.ts'
import type { Pace } from './pace.ts'
import type { Quotas } from './quotas.ts'
import type { Buckets } from './token-bucket.ts'

/** Below so many rows a deployment is never too slow to take more: the first requests after a pause must get in. */
const ALWAYS_ROWS = 8

type Deps = { readonly buckets: Buckets; readonly quotas: Quotas; readonly figures: Figures }

/**
 * Lets a request in or refuses it by the deployment’s limits: `too_large` for its own rows; `throttled` for what waits already,
 * for its caller’s or its address’s rate, for the rate of all, for the quota. Every refusal says when to try again.
 */
export function createAdmission({ buckets, quotas, figures }: Deps) {
  function refuse(live: Live, reason: Refusal, error: unknown): never {
    figures.of(live).refused[reason] += 1
    throw error
  }

  function pace(live: Live, reason: Refusal, per: string, key: string, perSecond: number | undefined, who: string): void {
    if (perSecond === undefined) return
    const waitSeconds = buckets.take(`${live.project}/${live.name}/${per}/${key}`, perSecond, 1)
    if (waitSeconds > 0) refuse(live, reason, throttled(`${who} over ${perSecond} requests a second on ${live.name}`, waitSeconds))
  }

  function draw(live: Live, caller: string): void {
    if (!live.spec.limits.quota) return
    try {
      quotas.take(live, caller, live.spec.limits.quota)
    } catch (error) {
      refuse(live, 'quota', error)
    }
  }

  return (live: Live, rows: number, caller: Pick<Caller, 'id' | 'address'>, under: Pace): void => {
    const { limits } = live.spec
    if (rows > limits.rowsPerRequest)
      refuse(
        live,
        'rows',
        new AppError('too_large', `the request has ${rows} rows; deployment ${live.name} takes ${limits.rowsPerRequest}`, {
          rows,
          limit: limits.rowsPerRequest,
        }),
      )
    if (under.waiting + rows > Math.max(limits.concurrency, limits.rowsPerRequest))
      refuse(live, 'concurrency', throttled(`deployment ${live.name} is at its limit of ${limits.concurrency} rows at once`, 1))
    if (under.waiting >= ALWAYS_ROWS && under.waitMs(rows) > limits.queueMs) {
      const waitSeconds = Math.max(0.05, under.waitMs(0) / 1_000)
      refuse(live, 'busy', throttled(`deployment ${live.name} is too busy to answer within ${limits.queueMs} ms`, waitSeconds))
    }
    pace(live, 'rate', 'key', caller.id, limits.requestsPerSecond, `${caller.id} is`)
    pace(live, 'address', 'address', caller.address ?? '', limits.perAddressPerSecond, `your address, ${caller.address}, is`)
    pace(live, 'total', 'all', '', limits.totalPerSecond, 'all callers together are')
    draw(live, caller.id)
  }
}

function throttled(what: string, waitSeconds: number): AppError {
  return new AppError('throttled', `${what}; try again in ${waitSeconds.toFixed(2)} s`, { retryAfterSeconds: waitSeconds })
}
