import type { Caller } from '../../../contract/endpoint.ts'
import type { Bus, BusEvent } from '../../../infra/bus/index.ts'
import { type JobContext, type Jobs, turnOf } from '../../../infra/jobs/index.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { dayOf } from '../../../lib/days.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { hasEnded } from './runs.ts'
import { type Scoring, type StartDeps, startRun, type WatchTask } from './start.ts'

export type TriggerDeps = StartDeps & { readonly bus: Bus; readonly ledger: Ledger }
type Named = { readonly batch: string }

const runSchedule = (batch: string) => `batch/${batch}`
const freshSchedule = (batch: string) => `batch-fresh/${batch}`

/** Starts runs by the clock and by events, and watches that predictions are in time. */
export function defineTriggers(deps: TriggerDeps): { start(): Promise<void> } {
  const { bus, jobs, documents, sql } = deps

  jobs.define('batch.turn', { run: (context) => takeTurn(deps, context) })
  jobs.define('batch.fresh', { run: (context) => checkFresh(deps, context) })
  jobs.define('batch.watch', { run: (context) => checkRunTime(deps, context) })
  bus.on('documents.applied', 'batch', (event) => follow(deps, event))
  bus.on('documents.deleted', 'batch', (event) => follow(deps, event))
  bus.on('registry.alias_moved', 'batch', (event) => answer(deps, event))
  bus.on('batch.run_succeeded', 'batch', (event) => answer(deps, event))

  return {
    async start() {
      for (const scoring of await documents.all('BatchScoring')) await setSchedules(jobs, sql, scoring)
    },
  }
}

async function follow({ jobs, sql, documents }: TriggerDeps, { project, data }: BusEvent): Promise<void> {
  const { kind, name } = data as { kind: string; name: string }
  if (kind !== 'BatchScoring') return
  const scoring = await documents.find('BatchScoring', project, name)
  if (scoring) return await setSchedules(jobs, sql, scoring)
  await jobs.unschedule(sql, project, runSchedule(name))
  await jobs.unschedule(sql, project, freshSchedule(name))
}

/** Makes the schedules what the document says; a schedule that stays keeps its next turn. */
async function setSchedules(jobs: Jobs, sql: Sql, { project, metadata: { name }, spec }: Scoring): Promise<void> {
  const payload: Named = { batch: name }
  const timeZone = spec.schedule?.timeZone ?? 'UTC'
  if (spec.schedule)
    await jobs.schedule(sql, { project, name: runSchedule(name), kind: 'batch.turn', payload, cron: spec.schedule.cron, timeZone })
  else await jobs.unschedule(sql, project, runSchedule(name))
  if (spec.sla.freshBy === undefined) return await jobs.unschedule(sql, project, freshSchedule(name))
  const [hour, minute] = spec.sla.freshBy.split(':').map(Number)
  await jobs.schedule(sql, { project, name: freshSchedule(name), kind: 'batch.fresh', payload, cron: `${minute} ${hour} * * *`, timeZone })
}

const setpoint = (project: string): Pick<Caller, 'id' | 'project'> => ({ id: 'setpoint', project })

/** The partition that is due at a moment. */
function dueDay({ spec }: Scoring, atMs: number): string {
  return dayOf(atMs, spec.schedule?.timeZone ?? 'UTC', spec.schedule?.daysBack ?? 1)
}

async function takeTurn(deps: TriggerDeps, { job, payload }: JobContext): Promise<void> {
  const scoring = await deps.documents.find('BatchScoring', job.project, (payload as Named).batch)
  if (!scoring?.spec.schedule) return
  const ds = dueDay(scoring, turnOf(job) ?? job.createdAtMs)
  const start = {
    ds,
    force: false,
    dryRun: false,
    reason: `scheduled: ${scoring.spec.schedule.cron}`,
    trigger: 'schedule',
    backfill: null,
  } as const
  await startRun(deps, scoring, start, setpoint(job.project))
}

async function answer(deps: TriggerDeps, event: BusEvent): Promise<void> {
  const data = event.data as { model?: string; alias?: string; batch?: string; ds?: string }
  for (const scoring of await deps.documents.all('BatchScoring', event.project)) {
    const { on, model, version } = scoring.spec
    if (on?.event !== event.name) continue
    const isMeant =
      on.event === 'registry.alias_moved' ? data.model === (on.model ?? model) && data.alias === String(version) : data.batch === on.batch
    if (!isMeant) continue
    const ds = on.event === 'batch.run_succeeded' ? data.ds! : dueDay(scoring, event.atMs)
    const start = {
      ds,
      force: false,
      dryRun: false,
      reason: `${event.name} of ${event.subject}`,
      trigger: 'event',
      backfill: null,
    } as const
    await startRun(deps, scoring, start, setpoint(event.project))
  }
}

/** Says once that a run takes longer than its document allows. */
async function checkRunTime({ sql, store, runs }: TriggerDeps, { payload, completeIn }: JobContext): Promise<void> {
  const { project, run: id, maxRunMs } = payload as WatchTask
  await sql.transaction(async (tx) => {
    const run = await store.findRun(tx, project, id, true)
    if (run && !hasEnded(run)) {
      const missed = `maxRunMs: not done after ${maxRunMs} ms`
      const after = { ...run, slaMissed: [...run.slaMissed, missed] }
      await store.saveRun(tx, after)
      await runs.seal(tx, project, after, { operation: 'watch', reason: missed, event: 'batch.sla_missed' })
    }
    await completeIn(tx)
  })
}

/** Says, once a day at most, that the partition that is due is not current. */
async function checkFresh(deps: TriggerDeps, { job, payload, completeIn }: JobContext): Promise<void> {
  const { sql, store, bus, ledger, documents } = deps
  const { project } = job
  const scoring = await documents.find('BatchScoring', project, (payload as Named).batch)
  if (!scoring) return
  const batch = scoring.metadata.name
  const ds = dueDay(scoring, turnOf(job) ?? job.createdAtMs)
  await sql.transaction(async (tx) => {
    if (!(await store.findPartition(tx, { project, batch, ds }))) {
      const reason = `freshBy: the partition ${ds} is not there at ${scoring.spec.sla.freshBy}`
      await ledger.note(tx, { caller: setpoint(project), reason, operation: 'batch.watch', subject: `batch_partition/${batch}/${ds}` })
      await bus.publish(tx, { name: 'batch.sla_missed', project, subject: batch, data: { batch, ds, reason } })
    }
    await completeIn(tx)
  })
}
