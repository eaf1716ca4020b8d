import { AppError } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { addQuotaUses, deleteQuotasEndedBefore, type QuotaUse } from './counts-store.ts'
import type { Live } from './live.ts'

type Quota = { readonly requests: number; readonly per: 'hour' | 'day' | 'month' }
/** `used` is known of all processes; `unsent` are this one’s that the store does not have yet. */
type Count = QuotaUse & { used: number; unsent: number }

const MOST_KEYS = 100_000
/** Keys whose counts wait for the store; of more, those that waited longest are lost. */
const MOST_UNSENT = 100_000
const MOST_ROWS_A_STATEMENT = 1_000
const FORGET_EVERY_MS = 3_600_000

export type Quotas = ReturnType<typeof createQuotas>

/**
 * Requests of each key in the calendar period under way, in UTC, over all processes and restarts. A key is admitted by what is
 * known of it in memory; `exchange` adds what this process has let in to the store’s counts and takes over their totals.
 */
export function createQuotas(clock: Clock) {
  const counts = new Map<string, Count>()
  const unsent = new Set<Count>()
  let forgottenMs = Number.NEGATIVE_INFINITY

  function begin(key: string, use: QuotaUse): Count {
    counts.delete(key)
    if (counts.size >= MOST_KEYS) counts.delete(counts.keys().next().value!)
    const count = { ...use, used: 0, unsent: 0 }
    counts.set(key, count)
    return count
  }

  async function send(db: Db, some: readonly Count[]) {
    const sent = some.map((count) => ({ ...useOf(count), more: count.unsent }))
    const totals = await addQuotaUses(db, sent)
    for (const [i, count] of some.entries()) {
      count.unsent -= sent[i]!.more
      count.used = totals[i]!
      if (count.unsent === 0) unsent.delete(count)
    }
  }

  return {
    /** Counts one request. Throws `throttled` with the seconds to the next period when the quota is used up. */
    take({ project, name }: Pick<Live, 'project' | 'name'>, caller: string, { requests, per }: Quota): void {
      const nowMs = clock.now()
      const period = periodOf(nowMs, per)
      const key = `${project}/${name}/${caller}`
      let count = counts.get(key)
      if (count?.period !== period) count = begin(key, { project, deployment: name, caller, period, endsMs: nextPeriodMs(nowMs, per) })
      if (count.used + count.unsent >= requests) {
        const retryAfterSeconds = Math.ceil((count.endsMs - nowMs) / 1_000)
        throw new AppError(
          'throttled',
          `${caller} has used its ${requests} requests of this ${per} on ${name}; the next ${per} begins in ${retryAfterSeconds} s`,
          {
            retryAfterSeconds,
            quota: requests,
          },
        )
      }
      count.unsent += 1
      if (count.unsent > 1) return
      if (unsent.size >= MOST_UNSENT) unsent.delete(unsent.keys().next().value!)
      unsent.add(count)
    },
    async exchange(db: Db): Promise<void> {
      const all = [...unsent]
      for (let from = 0; from < all.length; from += MOST_ROWS_A_STATEMENT) await send(db, all.slice(from, from + MOST_ROWS_A_STATEMENT))
      const nowMs = clock.now()
      if (all.length === 0 || nowMs - forgottenMs < FORGET_EVERY_MS) return
      forgottenMs = nowMs
      // An hour later: the clocks of machines need not agree.
      await deleteQuotasEndedBefore(db, nowMs - FORGET_EVERY_MS)
    },
  }
}

function useOf({ project, deployment, caller, period, endsMs }: Count): QuotaUse {
  return { project, deployment, caller, period, endsMs }
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
