import { type BatchRun, type BatchStepName, batchSteps } from '../../../contract/batch.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import type { EventName } from '../../../contract/events.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { JobContext } from '../../../infra/jobs/index.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { batchPartitionsTable, batchRunsTable, type KeptPartition, type KeptRun, type PartitionKey, type Store } from './store.ts'

const ended: ReadonlySet<BatchRun['state']> = new Set(['succeeded', 'failed', 'cancelled'])
type Actor = Pick<Caller, 'id' | 'project'>
type Facts = Record<string, number | string>

export const hasEnded = (run: BatchRun): boolean => ended.has(run.state)
export const noSteps = (): BatchRun['steps'] =>
  batchSteps.map((step) => ({ step, state: 'waiting', startedAt: null, endedAt: null, metrics: {} }))

export type Runs = ReturnType<typeof createRuns>

/** Every way in which a run changes: each is one transaction with its ledger entry and event. A run that has ended stays as it is. */
export function createRuns({ sql, clock, ledger, bus, store }: { sql: Sql; clock: Clock; ledger: Ledger; bus: Bus; store: Store }) {
  type Change = { readonly operation: string; readonly reason: string; readonly actor?: Actor; readonly event?: EventName }

  async function seal(tx: Tx, project: string, run: KeptRun, { operation, reason, actor, event }: Change): Promise<void> {
    const caller = actor ?? { id: 'setpoint', project }
    await ledger.seal(tx, { caller, reason, operation: `batch.${operation}`, table: batchRunsTable, key: [run.id] })
    if (event) await bus.publish(tx, { name: event, project, subject: run.batch, data: factsOf(run, reason) })
  }

  async function change(
    project: string,
    id: string,
    edit: (run: KeptRun) => KeptRun,
    how: (after: KeptRun) => Change,
  ): Promise<KeptRun | undefined> {
    return await sql.transaction(async (tx) => {
      const before = await store.findRun(tx, project, id, true)
      if (!before || hasEnded(before)) return before
      const after = edit(before)
      await store.saveRun(tx, after)
      await seal(tx, project, after, how(after))
      return after
    })
  }

  /** Records a partition as it stands now. */
  async function sealPartition(tx: Tx, { project, batch, ds }: PartitionKey, reason: string, actor?: Actor): Promise<void> {
    const caller = actor ?? { id: 'setpoint', project }
    await ledger.seal(tx, { caller, reason, operation: 'batch.publish', table: batchPartitionsTable, key: [project, batch, ds] })
  }

  return {
    seal,
    sealPartition,
    change,
    /** Says that a step begins, with what is known of the run by now. */
    begin: (project: string, id: string, step: BatchStepName, known: Partial<KeptRun> = {}) =>
      change(
        project,
        id,
        (run) => ({
          ...run,
          ...known,
          state: 'running',
          step,
          startedAt: run.startedAt ?? clock.now(),
          steps: stepsWith(run, step, { state: 'running', startedAt: clock.now(), endedAt: null }),
        }),
        () => ({ operation: 'step', reason: `${step} began` }),
      ),
    finish: (project: string, id: string, step: BatchStepName, metrics: Facts, known: Partial<KeptRun> = {}) =>
      change(
        project,
        id,
        (run) => ({ ...run, ...known, steps: stepsWith(run, step, { state: 'done', endedAt: clock.now(), metrics }) }),
        () => ({ operation: 'step', reason: `${step} is done` }),
      ),
    note: (project: string, id: string, known: Partial<KeptRun>, reason: string) =>
      change(
        project,
        id,
        (run) => ({ ...run, ...known }),
        () => ({ operation: 'step', reason }),
      ),
    /** Ends a run without new predictions. */
    end: (project: string, id: string, state: 'failed' | 'cancelled', problem: string, known: Partial<KeptRun> = {}, actor?: Actor) =>
      change(
        project,
        id,
        (run) => ({
          ...run,
          ...known,
          state,
          problem,
          endedAt: clock.now(),
          steps: run.step === null ? run.steps : stepsWith(run, run.step, { state: 'failed', endedAt: clock.now() }),
        }),
        () => ({
          operation: state === 'failed' ? 'fail' : 'cancelRun',
          reason: problem.slice(0, 2_000),
          actor,
          event: state === 'failed' ? 'batch.run_failed' : undefined,
        }),
      ),
    /** Makes the predictions current, together with the end of the run and of its job. */
    async publish(context: JobContext, project: string, id: string, known: Partial<KeptRun>, partition: KeptPartition): Promise<void> {
      await sql.transaction(async (tx) => {
        const before = await store.findRun(tx, project, id, true)
        if (!before || hasEnded(before)) return
        const after: KeptRun = {
          ...before,
          ...known,
          state: 'succeeded',
          problem: null,
          endedAt: clock.now(),
          steps: stepsWith({ ...before, ...known }, 'validate_output', { state: 'done', endedAt: clock.now() }),
        }
        const { batch, ds } = after
        const reason = `${after.rowsOut} rows of ${ds} by version ${after.version}`
        await store.saveRun(tx, after)
        await store.holdPartition(tx, { project, batch, ds })
        await store.publish(tx, { project, batch, ds }, partition)
        await store.forgetProgress(tx, id)
        await seal(tx, project, after, { operation: 'publish', reason, event: 'batch.run_succeeded' })
        await sealPartition(tx, { project, batch, ds }, reason)
        await context.completeIn(tx)
      })
    },
  }
}

function stepsWith(run: BatchRun, step: BatchStepName, change: Partial<BatchRun['steps'][number]>): BatchRun['steps'] {
  return run.steps.map((one) => (one.step === step ? { ...one, ...change } : one))
}

function factsOf({ id, batch, ds, model, version, state, rowsOut, deadLetters, problem }: KeptRun, reason: string) {
  return { run: id, batch, ds, model, version, state, rowsOut, deadLetters, problem, reason }
}

export function publicRun({ identity: _identity, job: _job, histogram: _histogram, ...run }: KeptRun): BatchRun {
  return run
}
