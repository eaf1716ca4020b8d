import path from 'node:path'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { retraining, Training } from '../../../contract/retraining.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { JobContext, Jobs } from '../../../infra/jobs/index.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { logTail } from './log-tail.ts'
import { createTrain, type Task, type Deps as TrainDeps } from './train.ts'
import { createTrainings, hasEnded, type Kept, type Trainings, trainingsTable } from './trainings.ts'

export type Retraining = Verbs<typeof retraining>

type Deps = TrainDeps & { sql: Sql; ids: Ids; jobs: Jobs; ledger: Ledger; bus: Bus; documents: Documents }
type Start = Parameters<Retraining['startTraining']>[0]

export function createRetraining(deps: Deps): Retraining {
  const { sql, jobs } = deps
  const trainings = createTrainings(deps)
  const { records } = trainings
  defineRun(deps, trainings)

  async function need(caller: Caller, id: string): Promise<Kept> {
    const found = await records.find(sql, caller.project, id)
    if (!found) throw new AppError('not_found', `project ${caller.project} has no training ${id}; see "setpoint retraining list-trainings"`)
    return found
  }

  return {
    startTraining: createStart(deps, trainings),
    async listTrainings({ deployment, limit }, caller) {
      return (await records.list(sql, { project: caller.project, deployment, limit })).map(publicTraining)
    },
    async getTraining({ id }, caller) {
      return publicTraining(await need(caller, id))
    },
    async readLog({ id }, caller) {
      await need(caller, id)
      return await logTail(path.join(deps.folder, id, 'log.txt'))
    },
    async cancelTraining({ id, reason }, caller) {
      const training = await need(caller, id)
      if (hasEnded(training)) return publicTraining(training)
      // The record first: the job ends it too once it is stopped, and would not know who asked, and why.
      await trainings.end(caller.project, id, { state: 'cancelled', problem: `cancelled by ${caller.id}: ${reason}` })
      if (training.job) await jobs.cancel(training.job)
      return publicTraining(await need(caller, id))
    },
  }
}

/** Defines the job that trains. An attempt that this process cannot finish is left to the next; every other ending is final. */
function defineRun(deps: Deps, trainings: Trainings): void {
  const { train, registeredBy } = createTrain(deps, trainings)

  async function run(context: JobContext, task: Task): Promise<void> {
    const { project } = task
    const training = await trainings.records.find(deps.sql, project, task.training)
    if (!training || hasEnded(training)) return
    try {
      const trainer = await deps.documents.need('Trainer', project, training.trainer)
      const adopted = await registeredBy(project, training)
      const version = adopted ?? (await train(context, { task, training, trainer }))
      await trainings.end(project, training.id, { state: 'succeeded', version, exitCode: 0 })
    } catch (error) {
      if (context.signal.aborted && (context.signal.reason as AppError).code !== 'cancelled') throw error
      const cancelled = context.signal.aborted
      const exitCode = error instanceof AppError && typeof error.details.exitCode === 'number' ? error.details.exitCode : null
      await trainings.end(project, training.id, { state: cancelled ? 'cancelled' : 'failed', problem: messageFrom(error), exitCode })
    }
  }

  deps.jobs.define('retraining.run', {
    maxAttempts: 3,
    timeoutMs: 25 * 3_600_000,
    concurrency: 1,
    run: (context) => run(context, context.payload as Task),
  })
}

function createStart({ sql, clock, ids, jobs, ledger, bus, documents }: Deps, { records }: Trainings): Retraining['startTraining'] {
  return async (start, caller) => {
    const { trainer, deployment, key, reason } = start
    const { project } = caller
    await documents.need('Trainer', project, trainer)
    const { model } = (await documents.need('Deployment', project, deployment)).spec
    return await sql.transaction(async (tx) => {
      const earlier = key === undefined ? undefined : await records.findByKey(tx, project, key)
      if (earlier) return publicTraining(earlier)
      const id = ids('train')
      const { fromMs = null, toMs = null, changedAt = null } = start
      const task: Task = { project, training: id, fromMs, toMs, changedAt }
      const job = await jobs.enqueue(tx, { kind: 'retraining.run', project, payload: task })
      const training = newTraining(id, start, model, clock.now())
      await records.insert(tx, project, { ...training, job: job.id }, key)
      await ledger.seal(tx, { caller, reason, operation: 'retraining.startTraining', table: trainingsTable, key: [id] })
      await bus.publish(tx, { name: 'retraining.started', project, subject: id, data: { deployment, trainer, model, reason } })
      return training
    })
  }
}

function newTraining(id: string, { trainer, deployment, loopRun }: Start, model: string, nowMs: number): Training {
  return {
    id,
    trainer,
    deployment,
    model,
    state: 'queued',
    version: null,
    snapshot: null,
    heldOutFromMs: null,
    exitCode: null,
    problem: null,
    loopRun: loopRun ?? null,
    startedAt: nowMs,
    endedAt: null,
  }
}

function publicTraining({ job: _internal, ...training }: Kept): Training {
  return training
}
