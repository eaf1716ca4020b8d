import fs from 'node:fs/promises'
import path from 'node:path'
import { AppError } from '../../../contract/errors.ts'
import type { Training } from '../../../contract/retraining.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { JobContext } from '../../../infra/jobs/index.ts'
import { readReference } from '../../../infra/labelled-rows.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Access } from '../../govern/access/index.ts'
import type { Declared } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'
import { endLeftover, runCommand } from './run-command.ts'
import { takeSnapshot } from './snapshot.ts'
import type { Trainings } from './trainings.ts'

export type Deps = {
  clock: Clock
  blobs: Blobs
  registry: Registry
  telemetry: Telemetry
  quarantine: QuarantineWindows
  access: Access
  /** Where each training has a folder of its own. */
  folder: string
  /** The address a trainer reaches this server at. */
  serverUrl: () => string
  environment: () => Record<string, string>
}
/** What a training job is told: which training, and the window it learns from. */
export type Task = {
  readonly project: string
  readonly training: string
  readonly fromMs: number | null
  readonly toMs: number | null
  readonly changedAt: number | null
}
/** A training, what asked for it, who does it, and the folder it happens in. */
type Attempt = { readonly task: Task; readonly training: Training; readonly trainer: Declared<'Trainer'>; readonly folder: string }

/** A trainer’s key outlives its time limit by this, so that its last call is not refused. */
const KEY_GRACE_MS = 60_000

/** One attempt at a training: freezes the dataset, runs the trainer’s command, and finds the version it registered. */
export function createTrain(deps: Deps, trainings: Trainings) {
  const { registry, access } = deps

  async function train(context: JobContext, given: Omit<Attempt, 'folder'>): Promise<number> {
    const { task, training, trainer } = given
    const folder = path.join(deps.folder, training.id)
    await fs.mkdir(folder, { recursive: true })
    endLeftover(path.join(folder, 'pid'))
    const features = await freeze(deps, trainings, { ...given, folder })
    await context.progress(0.2, 'training')
    const lifetimeMs = trainer.spec.timeoutSeconds * 1_000 + KEY_GRACE_MS
    const name = `training-${training.id.slice(-12)}`
    const key = await access.issueKey(task.project, name, 'operator', lifetimeMs, `training ${training.id}`)
    try {
      await runTrainer(deps, { ...given, folder }, { secret: key.secret, features, signal: context.signal })
    } finally {
      await access.withdrawKey(key.id, `training ${training.id} ended`)
    }
    const version = await registeredBy(task.project, training)
    if (version === undefined)
      throw new AppError('internal', `the trainer ended well but registered no version of ${training.model} with training ${training.id}`, {
        exitCode: 0,
      })
    return version
  }

  /** The version a trainer registered in the name of this training, where it got that far. */
  async function registeredBy(project: string, training: Training): Promise<number | undefined> {
    return (await registry.newestVersions(project, training.model)).find((version) => version.manifest.training === training.id)?.version
  }

  return { train, registeredBy }
}

/** Runs the trainer’s command with its key. Throws `timeout` or `internal` when it does not end well. */
async function runTrainer(
  deps: Deps,
  { task, training, trainer: { spec }, folder }: Attempt,
  given: { readonly secret: string; readonly features: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const { exitCode, cause } = await runCommand({
    command: spec.command,
    workingFolder: path.resolve(spec.workingFolder ?? '.'),
    environment: {
      ...deps.environment(),
      ...spec.environment,
      SETPOINT_URL: deps.serverUrl(),
      SETPOINT_TOKEN: given.secret,
      SETPOINT_PROJECT: task.project,
      SETPOINT_TRAINING: training.id,
      SETPOINT_MODEL: training.model,
      SETPOINT_DATASET: path.join(folder, 'dataset.csv'),
      SETPOINT_FEATURES: given.features.join(','),
    },
    logFile: path.join(folder, 'log.txt'),
    pidFile: path.join(folder, 'pid'),
    timeoutMs: spec.timeoutSeconds * 1_000,
    signal: given.signal,
  })
  if (cause === 'timed_out')
    throw new AppError('timeout', `the trainer ran longer than its limit of ${spec.timeoutSeconds} s and was stopped`, { exitCode })
  given.signal.throwIfAborted()
  if (exitCode !== 0)
    throw new AppError('internal', `the trainer ended with exit code ${exitCode}; see "setpoint retraining read-log ${training.id}"`, {
      exitCode,
    })
}

/** Takes the snapshot once: a later attempt learns from the same rows. Returns the features, in the dataset’s order. */
async function freeze(deps: Deps, trainings: Trainings, { task, training, trainer, folder }: Attempt): Promise<readonly string[]> {
  const { clock, blobs, registry, telemetry, quarantine } = deps
  const champion = await registry.champion(task.project, training.model)
  if (!champion) throw new AppError('conflict', `model ${training.model} has no champion, whose features a snapshot needs`)
  let facts = training.snapshot
  if (!facts) {
    const { maxRows, minRows, holdOut, includeReference } = trainer.spec.snapshot
    const taken = await takeSnapshot(
      { telemetry, blobs },
      {
        project: task.project,
        deployment: training.deployment,
        fromMs: task.fromMs ?? 0,
        toMs: task.toMs ?? clock.now(),
        changedAt: task.changedAt ?? 0,
        maxRows,
        holdOut,
        features: champion.features,
        quarantined: await quarantine.inForce(task.project, training.deployment),
        reference: includeReference && champion.reference ? await readReference(blobs, champion.reference, champion.features) : null,
      },
    )
    facts = taken.facts
    if (facts.rows < minRows)
      throw new AppError('conflict', `only ${facts.rows} labelled rows to learn from; trainer ${training.trainer} needs ${minRows}`)
    await trainings.goOn(task.project, training.id, { state: 'running', snapshot: facts, heldOutFromMs: taken.heldOutFromMs })
  }
  const { stream } = await blobs.get(facts.digest)
  await fs.writeFile(path.join(folder, 'dataset.csv'), stream)
  return champion.features
}
