import type { Clock } from '../clock.ts'
import type { Ids } from '../ids.ts'
import type { Db, Sql } from '../sql/index.ts'
import { insertJob, type ScheduleRow, tablesOf } from './store.ts'

export type Schedule = {
  readonly project: string
  readonly name: string
  readonly kind: string
  readonly payload?: unknown
  readonly everyMs: number
  /** The first turn; one interval from now when absent. */
  readonly startAtMs?: number
}

/** How many schedules one transaction moves on. */
const BATCH = 100

/** Makes the schedule, or changes it; one whose interval stays keeps its next turn. */
export async function saveSchedule(to: Db, { project, name, kind, payload, everyMs, startAtMs }: Schedule, nowMs: number): Promise<void> {
  const next_at = startAtMs ?? nowMs + everyMs
  const text = JSON.stringify(payload ?? null)
  await tablesOf(to)
    .insertInto('job_schedules')
    .values({ project, name, kind, payload: text, every_ms: everyMs, next_at, last_job: null })
    .onConflict((conflict) =>
      conflict.columns(['project', 'name']).doUpdateSet((eb) => ({
        kind,
        payload: text,
        every_ms: everyMs,
        next_at: eb
          .case()
          .when('job_schedules.every_ms', '=', everyMs)
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
 * Makes the jobs of the schedules that are due. Turns missed while nothing ran are made up for by one; a turn is left
 * out while the job of the one before has not ended. Returns how many schedules moved on.
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
      const last_job = (await isUnderWay(tx, row.last_job)) ? row.last_job : await makeJob(tx, row, { id: ids('job'), nowMs })
      await own
        .updateTable('job_schedules')
        .set({ last_job, next_at: row.next_at + (Math.floor((nowMs - row.next_at) / row.every_ms) + 1) * row.every_ms })
        .where('project', '=', row.project)
        .where('name', '=', row.name)
        .execute()
    }
    return due.length
  })
}

async function isUnderWay(to: Db, id: string | null): Promise<boolean> {
  if (id === null) return false
  const row = await tablesOf(to).selectFrom('jobs').select('state').where('id', '=', id).executeTakeFirst()
  return row?.state === 'waiting' || row?.state === 'running'
}

async function makeJob(to: Db, { project, kind, payload, name, next_at }: ScheduleRow, { id, nowMs }: { id: string; nowMs: number }) {
  const job = { id, project, kind, payload, key: `schedule:${name}:${next_at}`, run_at: nowMs, created_at: nowMs }
  return (await insertJob(to, job)).row.id
}
