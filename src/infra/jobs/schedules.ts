import type { Clock } from '../clock.ts'
import type { Ids } from '../ids.ts'
import type { Db, Sql } from '../sql/index.ts'
import { type CronTimes, latestCronMs, nextCronMs } from './cron.ts'
import { insertJob, type Job, type ScheduleRow, tablesOf } from './store.ts'

/** When a schedule comes back: an interval, or the times of a cron expression. */
type Turns =
  | { readonly everyMs: number; readonly cron?: undefined; readonly timeZone?: undefined }
  | ({ readonly everyMs?: undefined } & CronTimes)

export type Schedule = Turns & {
  readonly project: string
  readonly name: string
  readonly kind: string
  readonly payload?: unknown
  /** The first turn; one interval from now, or the next time named, when absent. */
  readonly startAtMs?: number
}

/** How many schedules one transaction moves on. */
const BATCH = 100

/** Makes the schedule, or changes it; one whose turns stay as they were keeps its next one. */
export async function saveSchedule(to: Db, schedule: Schedule, nowMs: number): Promise<void> {
  const { project, name, kind, payload, startAtMs } = schedule
  const next_at = startAtMs ?? (schedule.cron === undefined ? nowMs + schedule.everyMs : nextCronMs(schedule, nowMs))
  const text = JSON.stringify(payload ?? null)
  const turns = { every_ms: schedule.everyMs ?? 0, cron: schedule.cron ?? null, time_zone: schedule.timeZone ?? null }
  await tablesOf(to)
    .insertInto('job_schedules')
    .values({ project, name, kind, payload: text, ...turns, next_at, last_job: null })
    .onConflict((conflict) =>
      conflict.columns(['project', 'name']).doUpdateSet((eb) => ({
        kind,
        payload: text,
        ...turns,
        next_at: eb
          .case()
          .when(
            eb.and([
              eb('job_schedules.every_ms', '=', turns.every_ms),
              eb(eb.fn.coalesce('job_schedules.cron', eb.val('')), '=', turns.cron ?? ''),
              eb(eb.fn.coalesce('job_schedules.time_zone', eb.val('')), '=', turns.time_zone ?? ''),
            ]),
          )
          .then(eb.ref('job_schedules.next_at'))
          .else(eb.ref('excluded.next_at'))
          .end(),
      })),
    )
    .execute()
}

/** Ends the schedule; a job it made already stays. */
export async function deleteSchedule(to: Db, project: string, name: string): Promise<void> {
  await tablesOf(to).deleteFrom('job_schedules').where('project', '=', project).where('name', '=', name).execute()
}

export async function nextTurnMs(sql: Sql): Promise<number | undefined> {
  const row = await tablesOf(sql).selectFrom('job_schedules').select('next_at').orderBy('next_at').limit(1).executeTakeFirst()
  return row?.next_at
}

/**
 * Makes the jobs of the schedules that are due. Turns missed while nothing ran are made up for by one, which of a cron
 * expression is the latest; a turn is left out while the job of the one before has not ended. Returns how many schedules
 * moved on.
 */
export async function takeTurns({ sql, clock, ids }: { sql: Sql; clock: Clock; ids: Ids }): Promise<number> {
  const nowMs = clock.now()
  if (((await nextTurnMs(sql)) ?? Number.POSITIVE_INFINITY) > nowMs) return 0
  return sql.transaction(async (tx) => {
    const own = tablesOf(tx)
    const due = await own
      .selectFrom('job_schedules')
      .selectAll()
      .where('next_at', '<=', nowMs)
      .orderBy('next_at')
      .limit(BATCH)
      .$if(sql.dialect === 'postgresql', (query) => query.forUpdate().skipLocked())
      .execute()
    for (const row of due) {
      const { turnMs, next_at } = turnsOf(row, nowMs)
      const last_job = (await isUnderWay(tx, row.last_job)) ? row.last_job : await makeJob(tx, row, { id: ids('job'), turnMs, nowMs })
      await own
        .updateTable('job_schedules')
        .set({ last_job, next_at })
        .where('project', '=', row.project)
        .where('name', '=', row.name)
        .execute()
    }
    return due.length
  })
}

/** The turn that is taken at `nowMs`, and the one after it. */
function turnsOf({ cron, time_zone, every_ms, next_at }: ScheduleRow, nowMs: number): { turnMs: number; next_at: number } {
  if (cron === null) return { turnMs: next_at, next_at: next_at + (Math.floor((nowMs - next_at) / every_ms) + 1) * every_ms }
  const times = { cron, timeZone: time_zone ?? undefined }
  return { turnMs: latestCronMs(times, next_at, nowMs), next_at: nextCronMs(times, nowMs) }
}

/** The time for which a schedule made this job, however late it runs; undefined for a job that no schedule made. */
export function turnOf({ key }: Pick<Job, 'key'>): number | undefined {
  const text = key === null ? undefined : /^schedule:.*:(\d+)$/.exec(key)?.[1]
  return text === undefined ? undefined : Number(text)
}

async function isUnderWay(to: Db, id: string | null): Promise<boolean> {
  if (id === null) return false
  const row = await tablesOf(to).selectFrom('jobs').select('state').where('id', '=', id).executeTakeFirst()
  return row?.state === 'waiting' || row?.state === 'running'
}

type NewTurn = { readonly id: string; readonly turnMs: number; readonly nowMs: number }

async function makeJob(to: Db, { project, kind, payload, name }: ScheduleRow, { id, turnMs, nowMs }: NewTurn) {
  const job = { id, project, kind, payload, key: `schedule:${name}:${turnMs}`, run_at: nowMs, created_at: nowMs }
  return (await insertJob(to, job)).row.id
}
