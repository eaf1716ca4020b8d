import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Sql } from '../sql/index.ts'
import { type JobRow, lapsedJobs, updateClaimed } from './store.ts'

/** A job whose process went away this often is dead: it is probably what ends the process. */
const LAPSE_LIMIT = 100
/** The first lapses cost no waiting; from then on the delay doubles, so that a job that ends its process leaves the others room. */
const FREE_LAPSES = 10
const LONGEST_DELAY_MS = 60_000

/**
 * Gives back the jobs whose worker is gone, so that they run again. Without a filter that is every running job, which
 * is right at the start of the only process there can be. Returns how many.
 */
export async function releaseLapsed(
  { sql, clock, log }: { sql: Sql; clock: Clock; log: Log },
  filter?: { kinds: readonly string[]; beforeMs: number },
): Promise<number> {
  const rows = await lapsedJobs(sql, filter)
  for (const row of rows) {
    const outcome = outcomeOf(row, clock.now())
    const isMine = await updateClaimed(sql, { id: row.id, lease: row.lease! }, outcome)
    if (isMine) log.warn('jobs.lapsed', { job: row.id, kind: row.kind, lapses: outcome.lapses, state: outcome.state })
  }
  return rows.length
}

function outcomeOf(row: JobRow, nowMs: number): Partial<JobRow> {
  const lapses = row.lapses + 1
  const freed = { lease: null, lease_until: null, lapses }
  if (row.cancel_requested === 1) return { ...freed, state: 'cancelled', ended_at: nowMs }
  if (lapses >= LAPSE_LIMIT)
    return { ...freed, state: 'dead', ended_at: nowMs, error: `the process of this job ended ${lapses} times while it ran` }
  const delayMs = lapses <= FREE_LAPSES ? 0 : Math.min(LONGEST_DELAY_MS, 1_000 * 2 ** (lapses - FREE_LAPSES - 1))
  return { ...freed, state: 'waiting', run_at: nowMs + delayMs }
}
