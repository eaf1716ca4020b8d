import fs from 'node:fs/promises'
import path from 'node:path'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { retraining, Training } from '../../../contract/retraining.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { JobContext, Jobs } from '../../../infra/jobs/index.ts'
import { readReference } from '../../../infra/labelled-rows.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Access } from '../../govern/access/index.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import { endLeftover, runCommand } from './run-command.ts'
import { takeSnapshot } from './snapshot.ts'

export type Retraining = Verbs<typeof retraining>

type Deps = {
  sql: Sql
  clock: Clock
  ids: Ids
  jobs: Jobs
  ledger: Ledger
  bus: Bus
  blobs: Blobs
  documents: Documents
  registry: Registry
  telemetry: Telemetry
  quarantine: QuarantineWindows
  access: Access
  folder: string
  /** The address a trainer reaches this server at. */
  serverUrl: () => string
  environment: () => Record<string, string>
}
type Task = {
  readonly project: string
  readonly training: string
  readonly fromMs: number | null
  readonly toMs: number | null
  readonly changedAt: number | null
}

export const trainingsTable = { table: 'trainings', key: ['id'] } as const
const LOG_TAIL_BYTES = 1_048_576
const ended: ReadonlySet<Training['state']> = new Set(['succeeded', 'failed', 'cancelled'])

export function createRetraining(deps: Deps): Retraining {
  const { sql, clock, ids, jobs, ledger, bus, documents, registry } = deps
  const records = createRecords<Training & { job?: string }>(
    trainingsTable.table,
    (training) => ({ deployment: training.deployment, state: training.state, at: training.startedAt }),
    sql.dialect,
  )
  const folderOf = (id: string) => path.join(deps.folder, id)

  jobs.define('retraining.run', {
    maxAttempts: 3,
    timeoutMs: 25 * 3_600_000,
    concurrency: 1,
    run: (context) => run(context, context.payload as Task),
  })

  async function run(context: JobContext, task: Task): Promise<void> {
    const training = await records.find(sql, task.project, task.training)
    if (!training || ended.has(training.state)) return
    try {
      const trainer = await documents.need('Trainer', task.project, training.trainer)
      const adopted = await registeredBy(task.project, training)
      const version = adopted ?? (await train(context, task, training, trainer))
      await end(task.project, training.id, { state: 'succeeded', version, exitCode: 0 })
    } catch (error) {
      if (context.signal.aborted && (context.signal.reason as AppError).code !== 'cancelled') throw error
      const cancelled = context.signal.aborted
      const exitCode = error instanceof AppError && typeof error.details.exitCode === 'number' ? error.details.exitCode : null
      await end(task.project, training.id, { state: cancelled ? 'cancelled' : 'failed', problem: messageFrom(error), exitCode })
    }
  }

  async function train(context: JobContext, task: Task, training: Training, trainer: Declared<'Trainer'>): Promise<number> {
    const { project } = task
    const folder = folderOf(training.id)
    await fs.mkdir(folder, { recursive: true })
    endLeftover(path.join(folder, 'pid'))
    const features = await freeze(task, training, trainer, folder)
    await context.progress(0.2, 'training')
    const timeoutMs = trainer.spec.timeoutSeconds * 1_000
    const key = await deps.access.issueKey(
      project,
      `training-${training.id.slice(-12)}`,
      'operator',
      timeoutMs + 60_000,
      `training ${training.id}`,
    )
    try {
      const { exitCode, cause } = await runCommand({
        command: trainer.spec.command,
        workingFolder: path.resolve(trainer.spec.workingFolder ?? '.'),
        environment: {
          ...deps.environment(),
          ...trainer.spec.environment,
          SETPOINT_URL: deps.serverUrl(),
          SETPOINT_TOKEN: key.secret,
          SETPOINT_PROJECT: project,
          SETPOINT_TRAINING: training.id,
          SETPOINT_MODEL: training.model,
          SETPOINT_DATASET: path.join(folder, 'dataset.csv'),
          SETPOINT_FEATURES: features.join(','),
        },
        logFile: path.join(folder, 'log.txt'),
        pidFile: path.join(folder, 'pid'),
        timeoutMs,
        signal: context.signal,
      })
      if (cause === 'timed_out')
        throw new AppError('timeout', `the trainer ran longer than its limit of ${trainer.spec.timeoutSeconds} s and was stopped`, {
          exitCode,
        })
      context.signal.throwIfAborted()
      if (exitCode !== 0)
        throw new AppError('internal', `the trainer ended with exit code ${exitCode}; see "setpoint retraining read-log ${training.id}"`, {
          exitCode,
        })
    } finally {
      await deps.access.withdrawKey(key.id, `training ${training.id} ended`)
    }
    const version = await registeredBy(project, training)
    if (version === undefined)
      throw new AppError('internal', `the trainer ended well but registered no version of ${training.model} with training ${training.id}`, {
        exitCode: 0,
      })
    return version
  }

  /** Takes the snapshot once: a later attempt learns from the same rows. */
  async function freeze(task: Task, training: Training, { spec }: Declared<'Trainer'>, folder: string): Promise<readonly string[]> {
    const champion = await registry.champion(task.project, training.model)
    if (!champion) throw new AppError('conflict', `model ${training.model} has no champion, whose features a snapshot needs`)
    let facts = training.snapshot
    if (!facts) {
      const wanted = spec.snapshot
      const reference =
        wanted.includeReference && champion.reference ? await readReference(deps.blobs, champion.reference, champion.features) : null
      const excluding = (await deps.quarantine.inForce(task.project, training.deployment)).map((window) => window.scope)
      const window = {
        project: task.project,
        deployment: training.deployment,
        fromMs: task.fromMs ?? 0,
        toMs: task.toMs ?? clock.now(),
        changedAt: task.changedAt ?? 0,
      }
      const taken = await takeSnapshot(deps, {
        ...window,
        maxRows: wanted.maxRows,
        holdOut: wanted.holdOut,
        features: champion.features,
        excluding,
        reference,
      })
      facts = taken.facts
      if (facts.rows < wanted.minRows)
        throw new AppError(
          'conflict',
          `only ${facts.rows} labelled rows to learn from; trainer ${training.trainer} needs ${wanted.minRows}`,
        )
      await edit(task.project, training.id, (before) => ({
        ...before,
        state: 'running',
        snapshot: taken.facts,
        heldOutFromMs: taken.heldOutFromMs,
      }))
    }
    const { stream } = await deps.blobs.get(facts.digest)
    await fs.writeFile(path.join(folder, 'dataset.csv'), stream)
    return champion.features
  }

  async function registeredBy(project: string, training: Training): Promise<number | undefined> {
    return (await registry.newestVersions(project, training.model)).find((version) => version.manifest.training === training.id)?.version
  }

  async function edit(project: string, id: string, change: (before: Training) => Training): Promise<void> {
    await sql.transaction(async (tx) => {
      const before = await records.lock(tx, project, id)
      if (before && !ended.has(before.state)) await records.save(tx, change(before))
      if (before)
        await ledger.seal(tx, {
          caller: { id: 'setpoint', project },
          reason: 'the training went on',
          operation: 'retraining.run',
          table: trainingsTable,
          key: [id],
        })
    })
  }

  async function end(project: string, id: string, result: Partial<Training> & { state: Training['state'] }): Promise<void> {
    await sql.transaction(async (tx) => {
      const before = await records.lock(tx, project, id)
      if (!before || ended.has(before.state)) return
      const after = { ...before, ...result, endedAt: clock.now() }
      await records.save(tx, after)
      await ledger.seal(tx, {
        caller: { id: 'setpoint', project },
        reason: after.problem ?? `trained version ${after.version}`,
        operation: 'retraining.end',
        table: trainingsTable,
        key: [id],
      })
      await bus.publish(tx, {
        name: 'retraining.ended',
        project,
        subject: id,
        data: {
          deployment: after.deployment,
          model: after.model,
          state: after.state,
          version: after.version,
          problem: after.problem,
          loopRun: after.loopRun,
        },
      })
    })
  }

  async function need(caller: Caller, id: string) {
    const found = await records.find(sql, caller.project, id)
    if (!found) throw new AppError('not_found', `project ${caller.project} has no training ${id}; see "setpoint retraining list-trainings"`)
    return found
  }

  return {
    async startTraining({ trainer, deployment, fromMs, toMs, changedAt, loopRun, key, reason }, caller) {
      await documents.need('Trainer', caller.project, trainer)
      const target = await documents.need('Deployment', caller.project, deployment)
      return await sql.transaction(async (tx) => {
        const earlier = key === undefined ? undefined : await records.findByKey(tx, caller.project, key)
        if (earlier) return publicTraining(earlier)
        const id = ids('train')
        const job = await jobs.enqueue(tx, {
          kind: 'retraining.run',
          project: caller.project,
          payload: {
            project: caller.project,
            training: id,
            fromMs: fromMs ?? null,
            toMs: toMs ?? null,
            changedAt: changedAt ?? null,
          } satisfies Task,
        })
        const training: Training = {
          id,
          trainer,
          deployment,
          model: target.spec.model,
          state: 'queued',
          version: null,
          snapshot: null,
          heldOutFromMs: null,
          exitCode: null,
          problem: null,
          loopRun: loopRun ?? null,
          startedAt: clock.now(),
          endedAt: null,
        }
        await records.insert(tx, caller.project, { ...training, job: job.id }, key)
        await ledger.seal(tx, { caller, reason, operation: 'retraining.startTraining', table: trainingsTable, key: [id] })
        await bus.publish(tx, {
          name: 'retraining.started',
          project: caller.project,
          subject: id,
          data: { deployment, trainer, model: training.model, reason },
        })
        return training
      })
    },
    async listTrainings({ deployment, limit }, caller) {
      return (await records.list(sql, { project: caller.project, deployment, limit })).map(publicTraining)
    },
    async getTraining({ id }, caller) {
      return publicTraining(await need(caller, id))
    },
    async readLog({ id }, caller) {
      await need(caller, id)
      return await tailOf(path.join(folderOf(id), 'log.txt'))
    },
    async cancelTraining({ id, reason }, caller) {
      const training = await need(caller, id)
      if (ended.has(training.state)) return publicTraining(training)
      if (training.job) await jobs.cancel(training.job)
      await end(caller.project, id, { state: 'cancelled', problem: `cancelled by ${caller.id}: ${reason}` })
      return publicTraining(await need(caller, id))
    },
  }
}

function publicTraining({ job: _internal, ...training }: Training & { job?: string }): Training {
  return training
}

async function tailOf(file: string): Promise<{ text: string; truncated: boolean }> {
  const handle = await fs.open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (!handle) return { text: '', truncated: false }
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, LOG_TAIL_BYTES)
    const buffer = Buffer.alloc(length)
    await handle.read(buffer, 0, length, size - length)
    return { text: buffer.toString('utf8'), truncated: size > length }
  } finally {
    await handle.close()
  }
}
