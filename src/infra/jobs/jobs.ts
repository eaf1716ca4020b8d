import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Ids } from '../ids.ts'
import type { Log } from '../log.ts'
import type { Db, Sql, Tx } from '../sql/index.ts'
import type { JobKind } from './run-job.ts'
import { deleteSchedule, type Schedule, saveSchedule } from './schedules.ts'
import { insertJob, type Job, type JobState, jobFrom, tablesOf } from './store.ts'
import { Worker } from './worker.ts'

type NewJob = {
  readonly kind: string
  /** Anything that survives JSON. */
  readonly payload: unknown
  /** Empty for the installation itself. */
  readonly project: string
  /** Makes it one job: the same project, kind and key give the job that is there already, for as long as that is kept. */
  readonly key?: string
  /** Not before this time; now when absent. */
  readonly runAtMs?: number
}

type JobFilter = {
  readonly project?: string
  readonly kind?: string
  readonly state?: JobState
  /** The id of the last job seen; the answer goes on with older ones. */
  readonly after?: string
  readonly limit: number
}

export type Jobs = {
  /** Says how jobs of `kind` are run. Before `start`; this process takes only kinds it has defined. */
  define(kind: string, definition: JobKind): void
  /** Adds a job in the transaction of what causes it (or alone, given the store itself). Throws `too_large` above 1 MiB of payload. */
  enqueue(to: Db | Tx, job: NewJob): Promise<Job>
  /**
   * Makes a job every `everyMs`, or at the times a cron expression names in a time zone, from now on and across restarts; the
   * same project and name change the schedule. Throws `invalid` for what names no time.
   */
  schedule(to: Db | Tx, schedule: Schedule): Promise<void>
  unschedule(to: Db | Tx, project: string, name: string): Promise<void>
  /** Ends a waiting job at once, and a running one by its signal. Throws `not_found`, or `conflict` when it has ended. */
  cancel(id: string): Promise<void>
  /** Throws `not_found`. */
  get(id: string): Promise<Job>
  /** Newest first. */
  list(filter: JobFilter): Promise<readonly Job[]>
  /** Gives a dead or cancelled job all its attempts again. Throws `not_found`, or `conflict` when it is neither. */
  retry(id: string): Promise<Job>
  start(): Promise<void>
  /** Takes no more jobs, waits up to `limitMs` for those that run, then aborts them and gives them back. */
  stop(limitMs?: number): Promise<void>
  /** Resolves when no job of this process's kinds is due or running. */
  settle(): Promise<void>
}

export type JobsDeps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly ids: Ids
  /** From 0 to below 1. */
  readonly random: () => number
  readonly log: Log
  /** How many jobs run at once in this process. */
  readonly concurrency: number
  readonly leaseMs?: number
  readonly keepMs?: number
}

/** A worker that says nothing for so long has lost its jobs; the clocks of all hosts must agree much better than this. */
const LEASE_MS = 30_000
const KEEP_MS = 7 * 86_400_000
const STOP_LIMIT_MS = 10_000
const PAYLOAD_LIMIT_BYTES = 1_048_576
const SHORTEST_INTERVAL_MS = 100
const wakeChannel = 'jobs'
const cancelChannel = 'jobs_cancel'

/** Durable jobs on the metadata store: at least once, by a lease that is prolonged while the work goes on. */
export function createJobs(deps: JobsDeps): Jobs {
  const { sql, clock, ids } = deps
  const kinds = new Map<string, JobKind>()
  const worker = new Worker({ leaseMs: LEASE_MS, keepMs: KEEP_MS, ...deps, kinds })
  let isStarted = false
  let stopListening = () => {}

  return {
    define(kind, definition) {
      if (isStarted) throw new AppError('internal', `job kind ${kind} must be defined before the worker starts`)
      if (kinds.has(kind)) throw new AppError('internal', `job kind ${kind} is defined twice`)
      kinds.set(kind, definition)
    },
    async enqueue(to, { kind, payload, project, key = null, runAtMs }) {
      const text = JSON.stringify(payload ?? null)
      const size = Buffer.byteLength(text)
      if (size > PAYLOAD_LIMIT_BYTES) {
        throw new AppError('too_large', `a job of kind ${kind} has a payload of ${size} bytes; the limit is ${PAYLOAD_LIMIT_BYTES}`, {
          kind,
          size,
        })
      }
      const nowMs = clock.now()
      const job = { id: ids('job'), project, kind, key, payload: text, run_at: runAtMs ?? nowMs, created_at: nowMs }
      const { row, isNew } = await insertJob(to, job)
      if (isNew) await sql.notify(to, wakeChannel)
      return jobFrom(row)
    },
    async schedule(to, schedule) {
      if (schedule.everyMs !== undefined && !(schedule.everyMs >= SHORTEST_INTERVAL_MS)) {
        throw new AppError(
          'invalid',
          `schedule ${schedule.name} must come back every ${SHORTEST_INTERVAL_MS} ms or more, not ${schedule.everyMs}`,
        )
      }
      await saveSchedule(to, schedule, clock.now())
      await sql.notify(to, wakeChannel)
    },
    unschedule: deleteSchedule,
    async cancel(id) {
      await cancelJob(sql, id, clock.now())
      worker.slots.cancel(id)
      await sql.notify(sql, cancelChannel)
    },
    get: async (id) => jobFrom(await getRow(sql, id)),
    list: (filter) => listJobs(sql, filter),
    async retry(id) {
      const job = await reviveJob(sql, id, clock.now())
      await sql.notify(sql, wakeChannel)
      return job
    },
    async start() {
      isStarted = true
      const stops = [sql.listen(wakeChannel, () => worker.wake()), sql.listen(cancelChannel, () => worker.slots.checkLeases())]
      stopListening = () => {
        for (const stop of stops) stop()
      }
      await worker.start()
    },
    async stop(limitMs = STOP_LIMIT_MS) {
      stopListening()
      await worker.stop(limitMs)
    },
    settle: () => worker.settle(),
  }
}

async function getRow(sql: Sql, id: string) {
  const row = await tablesOf(sql).selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw new AppError('not_found', `there is no job ${id}; ended jobs are kept for a week`, { id })
  return row
}

async function cancelJob(sql: Sql, id: string, nowMs: number): Promise<void> {
  const own = tablesOf(sql)
  const waiting = await own
    .updateTable('jobs')
    .set({ state: 'cancelled', ended_at: nowMs, error: 'cancelled before it ran' })
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .executeTakeFirst()
  if (waiting.numUpdatedRows === 1n) return
  const running = await own
    .updateTable('jobs')
    .set({ cancel_requested: 1 })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirst()
  if (running.numUpdatedRows === 1n) return
  const { state } = await getRow(sql, id)
  throw new AppError('conflict', `job ${id} has ended as ${state} and cannot be cancelled`, { id, state })
}

async function reviveJob(sql: Sql, id: string, nowMs: number): Promise<Job> {
  const row = await tablesOf(sql)
    .updateTable('jobs')
    .set({ state: 'waiting', run_at: nowMs, failures: 0, lapses: 0, cancel_requested: 0, ended_at: null, progress: 0, note: '' })
    .where('id', '=', id)
    .where('state', 'in', ['dead', 'cancelled'])
    .returningAll()
    .executeTakeFirst()
  if (row) return jobFrom(row)
  const { state } = await getRow(sql, id)
  throw new AppError('conflict', `job ${id} is ${state}; only a dead or cancelled job can be retried`, { id, state })
}

async function listJobs(sql: Sql, { project, kind, state, after, limit }: JobFilter): Promise<readonly Job[]> {
  let query = tablesOf(sql).selectFrom('jobs').selectAll().orderBy('id', 'desc').limit(limit)
  if (project !== undefined) query = query.where('project', '=', project)
  if (kind !== undefined) query = query.where('kind', '=', kind)
  if (state !== undefined) query = query.where('state', '=', state)
  if (after !== undefined) query = query.where('id', '<', after)
  return (await query.execute()).map(jobFrom)
}
