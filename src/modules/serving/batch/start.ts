import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import type { BatchPlan, BatchRun } from '../../../contract/batch.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Jobs } from '../../../infra/jobs/index.ts'
import type { Tx } from '../../../infra/sql/index.ts'
import { canonicalJson } from '../../../lib/canonical-json.ts'
import type { Declared } from '../../govern/documents/index.ts'
import type { PipelineDeps } from './pipeline.ts'
import { noSteps, publicRun } from './runs.ts'
import { layoutOf, warehouseOf, withDay } from './sources.ts'
import type { KeptRun } from './store.ts'

export type StartDeps = PipelineDeps & { readonly ids: Ids; readonly jobs: Jobs }
export type Scoring = Declared<'BatchScoring'>
type Actor = Pick<Caller, 'id' | 'project'>
export type Start = {
  readonly ds: string
  readonly force: boolean
  readonly dryRun: boolean
  readonly reason: string
  readonly trigger: BatchRun['trigger']
  readonly backfill: string | null
}
/** What a run is told by its job. */
export type Task = { readonly project: string; readonly run: string }
export type WatchTask = Task & { readonly maxRunMs: number }

/** The version a document means now. Throws `unsupported` for one that cannot be run here. */
export async function versionOf(deps: Pick<StartDeps, 'registry'>, { project, spec }: Scoring): Promise<ModelVersion & { digest: string }> {
  const version =
    typeof spec.version === 'number'
      ? await deps.registry.version(project, spec.model, spec.version)
      : await deps.registry.resolveRevision(project, spec.model, spec.version)
  if (version.digest === null)
    throw new AppError(
      'unsupported',
      `model ${spec.model} version ${version.version} is a ${version.format}; batch scoring runs ONNX files`,
    )
  if (version.processing?.after?.rules?.some((rule) => 'prediction' in rule.set))
    throw new AppError(
      'unsupported',
      `model ${spec.model} version ${version.version} has rules that set the prediction, which batch scoring does not apply; let them set the score`,
    )
  if (version.features.length === 0)
    throw new AppError('invalid', `model ${spec.model} version ${version.version} names no features; register it with them`)
  return { ...version, digest: version.digest }
}

/** Whatever changes what the rows of a partition would say, as a digest. */
function pipelineOf({ spec }: Scoring, version: ModelVersion): string {
  const { source, destination, threshold } = spec
  return createHash('sha256')
    .update(
      canonicalJson({ source, destination, threshold, features: version.features, digest: version.digest, processing: version.processing }),
    )
    .digest('hex')
}

/**
 * Starts a run of a partition unless its predictions are there: the same version, day and pipeline answer with the run that
 * made them, or that is making them. With `dryRun` it only says what it would do.
 */
export async function startRun(deps: StartDeps, scoring: Scoring, start: Start, actor: Actor): Promise<BatchPlan> {
  const { project } = scoring
  const batch = scoring.metadata.name
  const version = await versionOf(deps, scoring)
  await checkReachable(deps, scoring, version, start.ds)
  const pipeline = pipelineOf(scoring, version)
  const identity = createHash('sha256').update(`${batch}/${start.ds}/${version.version}/${pipeline}`).digest('hex')
  const published = await deps.store.findPartition(deps.sql, { project, batch, ds: start.ds })
  const isThere = published !== undefined && (await isReadable(scoring, published.location))

  async function decide(tx: Tx | StartDeps['sql']): Promise<{ action: BatchPlan['action']; run: KeptRun | undefined }> {
    const same = await deps.store.listRuns(tx, { project, batch, ds: start.ds, identity, limit: 100 })
    const underWay = same.find(({ state }) => state === 'queued' || state === 'running')
    if (underWay) return { action: 'under_way', run: underWay }
    const current = isThere ? same.find(({ id, state }) => id === published.run && state === 'succeeded') : undefined
    if (current && !start.force) return { action: 'keep', run: current }
    return { action: published ? 'override' : 'run', run: undefined }
  }
  const planned = (action: BatchPlan['action'], run: KeptRun | undefined): BatchPlan => ({
    batch,
    ds: start.ds,
    action,
    model: version.model,
    version: version.version,
    run: run ? publicRun(run) : null,
  })

  if (start.dryRun) {
    const { action, run } = await decide(deps.sql)
    return planned(action, run)
  }
  return await deps.sql.transaction(async (tx) => {
    if (await deps.store.holdPartition(tx, { project, batch, ds: start.ds }))
      await deps.runs.sealPartition(tx, { project, batch, ds: start.ds }, start.reason, actor)
    const { action, run } = await decide(tx)
    if (run) return planned(action, run)
    const made = await insertRun(deps, tx, { scoring, version, pipeline, identity, start, actor })
    return planned(action, made)
  })
}

type NewRun = {
  scoring: Scoring
  version: ModelVersion & { digest: string }
  pipeline: string
  identity: string
  start: Start
  actor: Actor
}

async function insertRun(
  { ids, jobs, clock, store, runs }: StartDeps,
  tx: Tx,
  { scoring, version, pipeline, identity, start, actor }: NewRun,
): Promise<KeptRun> {
  const { project, spec, metadata } = scoring
  const id = ids('batch')
  const job = await jobs.enqueue(tx, { kind: 'batch.run', project, payload: { project, run: id } satisfies Task })
  const run: KeptRun = {
    id,
    batch: metadata.name,
    ds: start.ds,
    state: 'queued',
    trigger: start.trigger,
    backfill: start.backfill,
    forced: start.force,
    model: version.model,
    version: version.version,
    modelDigest: version.digest,
    documentVersion: scoring.version,
    pipeline,
    step: null,
    steps: noSteps(),
    rowsIn: 0,
    rowsOut: 0,
    deadLetters: 0,
    duplicates: 0,
    chunks: 0,
    chunksDone: 0,
    positives: 0,
    scorePsi: null,
    inputDigest: null,
    outputDigest: null,
    location: null,
    scoredBy: null,
    host: null,
    attempts: 0,
    problem: null,
    slaMissed: [],
    startedBy: actor.id,
    reason: start.reason,
    queuedAt: clock.now(),
    startedAt: null,
    endedAt: null,
    identity,
    job: job.id,
    histogram: null,
  }
  await store.insertRun(tx, project, run)
  await runs.seal(tx, project, run, { operation: 'startRun', reason: start.reason, actor, event: 'batch.run_started' })
  if (spec.sla.maxRunMs !== undefined) {
    const payload: WatchTask = { project, run: id, maxRunMs: spec.sla.maxRunMs }
    await jobs.enqueue(tx, { kind: 'batch.watch', project, payload, key: id, runAtMs: clock.now() + spec.sla.maxRunMs })
  }
  return run
}

/** Throws, while somebody is there to read it, what would keep every attempt from its files, tables or features. */
async function checkReachable(deps: StartDeps, { project, spec }: Scoring, version: ModelVersion, ds: string): Promise<void> {
  const { source, destination } = spec
  layoutOf(spec, version.features, [])
  if ('path' in source) await deps.paths.resolve(project, withDay(source.path, ds).split('*')[0]!)
  if ('path' in destination) await deps.paths.resolve(project, withDay(destination.path, ds))
  if (source.kind === 'sql') await warehouseOf(deps, project, source)
  if (destination.kind === 'sql') await warehouseOf(deps, project, destination)
}

/** A file that somebody removed is not there to be kept. */
async function isReadable({ spec }: Scoring, location: string): Promise<boolean> {
  if (!('path' in spec.destination)) return true
  return await fs.access(location).then(
    () => true,
    () => false,
  )
}
