import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Live } from './live.ts'
import { createBuckets } from './token-bucket.ts'

/**
 * Lets a request in or refuses it by the deployment’s limits: `too_large` for its own rows, `throttled` for rows that wait
 * already or for its caller’s rate.
 */
export function createAdmission(clock: Clock, waitingRows: () => number) {
  const buckets = createBuckets(clock)
  return (live: Live, rows: number, caller: Pick<Caller, 'id' | 'project'>): void => {
    const { limits } = live.spec
    if (rows > limits.rowsPerRequest)
      throw new AppError('too_large', `the request has ${rows} rows; deployment ${live.name} takes ${limits.rowsPerRequest}`, {
        rows,
        limit: limits.rowsPerRequest,
      })
    if (waitingRows() + rows > Math.max(limits.concurrency, limits.rowsPerRequest))
      throw new AppError(
        'throttled',
        `deployment ${live.name} is at its limit of ${limits.concurrency} rows at once; try again in a second`,
        { retryAfterSeconds: 1 },
      )
    if (limits.requestsPerSecond === undefined) return
    const waitSeconds = buckets.take(`${caller.project}/${live.name}/${caller.id}`, limits.requestsPerSecond, 1)
    if (waitSeconds > 0)
      throw new AppError(
        'throttled',
        `${caller.id} is over ${limits.requestsPerSecond} requests a second on ${live.name}; try again in ${waitSeconds.toFixed(2)} s`,
        { retryAfterSeconds: waitSeconds },
      )
  }
}
