import type { Db, Sql } from '../sql/index.ts'

export type JobState = 'waiting' | 'running' | 'done' | 'dead' | 'cancelled'

export type Job = {
  readonly id: string
  /** The project the job belongs to; empty for the installation itself. */
  readonly project: string
  readonly kind: string
  readonly key: string | null
  readonly payload: unknown
  readonly state: JobState
  readonly runAtMs: number
  /** Attempts that threw or ran out of time. */
  readonly failures: number
  /** Attempts whose process went away. */
  readonly lapses: number
  /** From 0 to 1, as the job itself says. */
  readonly progress: number
  readonly note: string
  readonly error: string | null
  readonly createdAtMs: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
}

export type JobRow = {
  id: string
  project: string
  kind: string
  key: string | null
  payload: string
  state: JobState
  run_at: number
  failures: number
  lapses: number
  lease: string | null
  lease_until: number | null
  cancel_requested: number
  progress: number
  note: string
  error: string | null
  created_at: number
  started_at: number | null
  ended_at: number | null
}

export type ScheduleRow = {
  project: string
  name: string
  kind: string
  payload: string
  /** 0 where `cron` says when. */
  every_ms: number
  cron: string | null
  time_zone: string | null
  next_at: number
  last_job: string | null
}

type Tables = { jobs: JobRow; job_schedules: ScheduleRow }
export const tablesOf = ({ db }: Db) => db.withTables<Tables>()

export type Ending = { readonly claim: Claim; readonly outcome: Partial<JobRow>; readonly nowMs: number }

/** The claim a worker holds on a running job; every write of the worker names it, so a lost claim writes nothing. */
export type Claim = { readonly id: string; readonly lease: string }

export function jobFrom(row: JobRow): Job {
  return {
    id: row.id,
    project: row.project,
    kind: row.kind,
    key: row.key,
    payload: JSON.parse(row.payload),
    state: row.state,
    runAtMs: row.run_at,
    failures: row.failures,
    lapses: row.lapses,
    progress: row.progress,
    note: row.note,
    error: row.error,
    createdAtMs: row.created_at,
    startedAtMs: row.started_at,
    endedAtMs: row.ended_at,
  }
}

/** Returns the job inserted, or the one that had the same project, kind and key. */
export async function insertJob(to: Db, row: Pick<JobRow, 'id' | 'project' | 'kind' | 'key' | 'payload' | 'run_at' | 'created_at'>) {
  const own = tablesOf(to)
  const values = { ...row, state: 'waiting' as const, failures: 0, lapses: 0, cancel_requested: 0, progress: 0, note: '' }
  const inserted = await own
    .insertInto('jobs')
    .values({ ...values, lease: null, lease_until: null, error: null, started_at: null, ended_at: null })
    .onConflict((conflict) => conflict.columns(['project', 'kind', 'key']).doNothing())
    .returningAll()
    .executeTakeFirst()
  if (inserted) return { row: inserted, isNew: true }
  const existing = await own
    .selectFrom('jobs')
    .selectAll()
    .where('project', '=', row.project)
    .where('kind', '=', row.kind)
    .where('key', '=', row.key)
    .executeTakeFirstOrThrow()
  return { row: existing, isNew: false }
}

/** Takes up to `limit` due jobs of `kinds`, oldest first; on PostgreSQL past those another process is taking. */
export async function claimJobs(
  sql: Sql,
  {
    kinds,
    limit,
    lease,
    nowMs,
    leaseUntilMs,
  }: { kinds: readonly string[]; limit: number; lease: string; nowMs: number; leaseUntilMs: number },
): Promise<readonly JobRow[]> {
  const rows = await tablesOf(sql)
    .with('due', (db) =>
      db
        .selectFrom('jobs')
        .select('id')
        .where('state', '=', 'waiting')
        .where('run_at', '<=', nowMs)
        .where('kind', 'in', kinds)
        .orderBy('run_at')
        .orderBy('id')
        .limit(limit)
        .$if(sql.dialect === 'postgresql', (query) => query.forUpdate().skipLocked()),
    )
    .updateTable('jobs')
    .set({ state: 'running', lease, lease_until: leaseUntilMs, started_at: nowMs, progress: 0, note: '' })
    .where('id', 'in', (eb) => eb.selectFrom('due').select('due.id'))
    .returningAll()
    .execute()
  return rows.sort((a, b) => a.run_at - b.run_at || (a.id < b.id ? -1 : 1))
}

/** When the next waiting job of `kinds` falls due; undefined when there is none. */
export async function nextDueMs(sql: Sql, kinds: readonly string[]): Promise<number | undefined> {
  const row = await tablesOf(sql)
    .selectFrom('jobs')
    .select('run_at')
    .where('state', '=', 'waiting')
    .where('kind', 'in', kinds)
    .orderBy('run_at')
    .limit(1)
    .executeTakeFirst()
  return row?.run_at
}

/** Prolongs the claims still held; returns those, with whether somebody asked to cancel the job. */
export async function renewLeases(sql: Sql, claims: readonly Claim[], leaseUntilMs: number) {
  const rows = await tablesOf(sql)
    .updateTable('jobs')
    .set({ lease_until: leaseUntilMs })
    .where('state', '=', 'running')
    .where((eb) => eb.and([eb('id', 'in', idsOf(claims)), eb('lease', 'in', [...new Set(claims.map(({ lease }) => lease))])]))
    .returning(['id', 'lease', 'cancel_requested'])
    .execute()
  return new Map(rows.map((row) => [row.lease + row.id, { isCancelled: row.cancel_requested === 1 }]))
}

const idsOf = (claims: readonly Claim[]) => claims.map(({ id }) => id)

/** Changes a job while `claim` holds it; false when it no longer does. */
export async function updateClaimed(to: Db, claim: Claim, set: Partial<JobRow>): Promise<boolean> {
  const result = await tablesOf(to)
    .updateTable('jobs')
    .set(set)
    .where('id', '=', claim.id)
    .where('lease', '=', claim.lease)
    .where('state', '=', 'running')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Gives the claim back with its outcome; a job to be run again ends instead when somebody has asked to cancel it. False when the claim was lost. */
export async function endClaim(to: Db, { claim, outcome, nowMs }: Ending): Promise<boolean> {
  if (!(await updateClaimed(to, claim, outcome))) return false
  if (outcome.state !== 'waiting') return true
  await tablesOf(to)
    .updateTable('jobs')
    .set({ state: 'cancelled', ended_at: nowMs })
    .where('id', '=', claim.id)
    .where('cancel_requested', '=', 1)
    .execute()
  return true
}

/** Running jobs whose claim is over: those of `kinds` not renewed since `beforeMs`, or without a filter every running job. */
export async function lapsedJobs(sql: Sql, filter?: { kinds: readonly string[]; beforeMs: number }): Promise<readonly JobRow[]> {
  let query = tablesOf(sql).selectFrom('jobs').selectAll().where('state', '=', 'running')
  if (filter) query = query.where('kind', 'in', filter.kinds).where('lease_until', '<', filter.beforeMs)
  return query.orderBy('id').limit(1_000).execute()
}

/** Removes up to `limit` jobs that ended before `beforeMs`; returns how many. */
export async function deleteEnded(sql: Sql, states: readonly JobState[], beforeMs: number, limit: number): Promise<number> {
  const own = tablesOf(sql)
  const result = await own
    .deleteFrom('jobs')
    .where('id', 'in', own.selectFrom('jobs').select('id').where('state', 'in', states).where('ended_at', '<', beforeMs).limit(limit))
    .executeTakeFirst()
  return Number(result.numDeletedRows)
}
