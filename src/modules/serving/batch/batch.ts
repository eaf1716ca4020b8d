import fs from 'node:fs/promises'
import path from 'node:path'
import type { BatchRun, batch } from '../../../contract/batch.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import { daysBetween } from '../../../lib/days.ts'
import { type AllowedPaths, createAllowedPaths } from './allowed-paths.ts'
import { reportOf } from './backfill.ts'
import { deadLettersFile } from './pipeline.ts'
import { previewRows } from './preview.ts'
import { defineRunJob } from './run-job.ts'
import { createRuns, hasEnded, publicRun } from './runs.ts'
import { type Scoring, startRun } from './start.ts'
import { createStore, type KeptRun } from './store.ts'
import { defineTriggers, type TriggerDeps } from './triggers.ts'

export type Batch = Verbs<typeof batch> & {
  /** Schedules what the documents in force ask for. */
  start(): Promise<void>
}

type Deps = Omit<TriggerDeps, 'store' | 'runs' | 'paths' | 'folder'> & {
  /** The folder of everything that is kept on this machine. */
  readonly data: string
  /** Further folders that documents may name. */
  readonly batchFolders: readonly string[]
}

const MOST_BACKFILL_DAYS = 1_000

export function createBatch(given: Deps): Batch {
  const { sql, documents, jobs, columns, ids } = given
  const store = createStore(sql.dialect)
  const runs = createRuns({ ...given, store })
  const deps = { ...given, store, runs, paths: pathsOf(given), folder: path.join(given.data, 'batch-runs') }
  defineRunJob(deps)
  const triggers = defineTriggers(deps)

  const scoringOf = (caller: Caller, name: string): Promise<Scoring> => documents.need('BatchScoring', caller.project, name)

  async function needRun(caller: Caller, name: string, id: string): Promise<KeptRun> {
    const run = await store.findRun(sql, caller.project, id)
    if (run?.batch !== name)
      throw new AppError('not_found', `BatchScoring ${name} has no run ${id}; see "setpoint batch list-runs ${name}"`)
    return run
  }
  const shown = async (found: readonly KeptRun[]): Promise<BatchRun[]> => (await store.withProgress(sql, found)).map(publicRun)

  return {
    async start() {
      await endAbandoned(deps)
      await triggers.start()
    },
    async startRun({ batch: name, ds, force, dryRun, reason }, caller) {
      const start = { ds, force, dryRun, reason, trigger: 'api', backfill: null } as const
      return await startRun(deps, await scoringOf(caller, name), start, caller)
    },
    async listRuns({ batch: name, ds, state, limit }, caller) {
      return await shown(await store.listRuns(sql, { project: caller.project, batch: name, ds, state, limit }))
    },
    async getRun({ batch: name, id }, caller) {
      return (await shown([await needRun(caller, name, id)]))[0]!
    },
    async cancelRun({ batch: name, id, reason }, caller) {
      const run = await needRun(caller, name, id)
      if (hasEnded(run)) return publicRun(run)
      // The run first: its job asks it, once stopped, whether it is still wanted.
      await runs.end(caller.project, id, 'cancelled', `cancelled by ${caller.id}: ${reason}`, {}, caller)
      await jobs.cancel(run.job).catch((error: unknown) => {
        // The job may have ended in between.
        if (!(error instanceof AppError && (error.code === 'conflict' || error.code === 'not_found'))) throw error
      })
      return publicRun(await needRun(caller, name, id))
    },
    async backfill({ batch: name, from, to, force, dryRun, reason }, caller) {
      const days = daysBetween(from, to)
      if (days.length === 0) throw new AppError('invalid', `the range ends at ${to}, before it begins at ${from}`)
      if (days.length > MOST_BACKFILL_DAYS)
        throw new AppError('too_large', `a backfill has at most ${MOST_BACKFILL_DAYS} days; this one has ${days.length}`)
      const scoring = await scoringOf(caller, name)
      const id = ids('backfill')
      const plans = []
      for (const ds of days)
        plans.push(await startRun(deps, scoring, { ds, force, dryRun, reason, trigger: 'backfill', backfill: id }, caller))
      const startedAny = plans.some(({ run }) => run?.backfill === id)
      return { id: startedAny ? id : null, plans }
    },
    async getBackfill({ batch: name, id }, caller) {
      return reportOf(
        id,
        name,
        await store.listRuns(sql, { project: caller.project, batch: name, backfill: id, limit: MOST_BACKFILL_DAYS }),
      )
    },
    async preview({ batch: name, ds, rows }, caller) {
      return await previewRows(deps, await scoringOf(caller, name), ds, rows)
    },
    async readView({ batch: name, ds, limit }, caller) {
      const { metadata, spec } = await scoringOf(caller, name)
      const partitions = await store.listPartitions(sql, { project: caller.project, batch: name, ds, limit })
      return { batch: name, owner: metadata.owner ?? null, consumers: spec.consumers, partitions }
    },
    async listPredictions({ batch: name, ds, after, limit }, caller) {
      const { spec } = await scoringOf(caller, name)
      if (spec.destination.kind !== 'columns')
        throw new AppError(
          'invalid',
          `BatchScoring ${name} writes to ${spec.destination.kind}; "setpoint batch read-view ${name}" says where`,
        )
      return await columns.query(
        `SELECT key, score, prediction, model_version AS modelVersion, run, toUnixTimestamp64Milli(scored_at) AS scoredAt
         FROM batch_predictions
         WHERE project = {project:String} AND batch = {batch:String} AND ds = {ds:Date} AND key > {after:String}
         ORDER BY key LIMIT {limit:UInt32}`,
        { project: caller.project, batch: name, ds, after: after ?? '', limit },
      )
    },
    async listDeadLetters({ batch: name, id, limit }, caller) {
      await needRun(caller, name, id)
      return await firstLines(deadLettersFile(deps.folder, id), limit)
    },
  }
}

/** Own folders below the data folder; never the store of the product itself. */
function pathsOf({ data, batchFolders }: Deps): AllowedPaths {
  const closed = [
    'setpoint.db',
    'setpoint.db-wal',
    'setpoint.db-shm',
    'columns',
    'blobs',
    'spool',
    'local.json',
    'ledger.head',
    'batch-runs',
  ]
  return createAllowedPaths({ home: path.join(data, 'batch'), further: batchFolders, closed: closed.map((name) => path.join(data, name)) })
}

/** A run whose job is gone, because its process ended again and again, would be waited for for ever. */
async function endAbandoned({ sql, store, runs, jobs }: Pick<TriggerDeps, 'sql' | 'store' | 'runs' | 'jobs'>): Promise<void> {
  for (const { project, run } of await store.openRuns(sql)) {
    const job = await jobs.get(run.job).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'not_found') return null
      throw error
    })
    if (job === null || job.state === 'dead' || job.state === 'cancelled')
      await runs.end(project, run.id, 'failed', job?.error ?? 'its job is gone', { attempts: Math.max(1, run.attempts) })
  }
}

type DeadLetter = Awaited<ReturnType<Batch['listDeadLetters']>>[number]

async function firstLines(file: string, limit: number): Promise<DeadLetter[]> {
  const handle = await fs.open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (!handle) return []
  const letters: DeadLetter[] = []
  try {
    for await (const line of handle.readLines()) {
      letters.push(JSON.parse(line) as DeadLetter)
      if (letters.length === limit) break
    }
  } finally {
    await handle.close()
  }
  return letters
}
