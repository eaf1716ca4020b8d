import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Live } from './live.ts'

type Quota = { readonly requests: number; readonly per: 'hour' | 'day' | 'month' }
type Count = { readonly period: string; used: number }

const MOST_KEYS = 100_000

/** Requests of each key in the calendar period under way, in UTC. */
export function createQuotas(clock: Clock) {
  const counts = new Map<string, Count>()
  return {
    /** Counts one request. Throws `throttled` with the seconds to the next period when the quota is used up. */
    take({ project, name }: Pick<Live, 'project' | 'name'>, caller: string, { requests, per }: Quota): void {
      const nowMs = clock.now()
      const period = periodOf(nowMs, per)
      const key = `${project}/${name}/${caller}`
      let count = counts.get(key)
      if (!count || count.period !== period) {
        if (counts.size >= MOST_KEYS) counts.delete(counts.keys().next().value!)
        count = { period, used: 0 }
        counts.set(key, count)
      }
      if (count.used >= requests) {
        const retryAfterSeconds = Math.ceil((nextPeriodMs(nowMs, per) - nowMs) / 1_000)
        throw new AppError(
          'throttled',
          `${caller} has used its ${requests} requests of this ${per} on ${name}; the next ${per} begins in ${retryAfterSeconds} s`,
          {
            retryAfterSeconds,
            quota: requests,
          },
        )
      }
      count.used += 1
    },
  }
}

const lengths = { hour: 13, day: 10, month: 7 } as const

function periodOf(ms: number, per: Quota['per']): string {
  return new Date(ms).toISOString().slice(0, lengths[per])
}

function nextPeriodMs(ms: number, per: Quota['per']): number {
  const at = new Date(ms)
  if (per === 'month') return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1)
  const length = per === 'day' ? 86_400_000 : 3_600_000
  return (Math.floor(ms / length) + 1) * length
}
