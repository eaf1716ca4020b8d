import type { BatchPartition, BatchRun } from '../../../contract/batch.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import type { ScoreHistogram } from '../../../lib/stats/score-histogram.ts'

export const batchRunsTable = { table: 'batch_runs', key: ['id'] } as const
export const batchPartitionsTable = { table: 'batch_partitions', key: ['project', 'batch', 'ds'] } as const

/** A run as it is kept. `identity` says which predictions it makes: version, partition and pipeline. */
export type KeptRun = BatchRun & {
  readonly identity: string
  readonly job: string
  readonly histogram: ScoreHistogram | null
}
export type KeptPartition = BatchPartition & { readonly scores: ScoreHistogram }
export type Progress = { readonly chunks: number; readonly chunksDone: number; readonly rowsIn: number; readonly rowsOut: number }
export type PartitionKey = { readonly project: string; readonly batch: string; readonly ds: string }

type RunRow = {
  id: string
  project: string
  batch: string
  ds: string
  state: string
  identity: string
  backfill: string | null
  at: number
  body: string
}
type PartitionRow = {
  project: string
  batch: string
  ds: string
  run: string | null
  model: string | null
  version: number | null
  location: string | null
  digest: string | null
  row_count: number | null
  scores: string | null
  published_at: number | null
}
type ProgressRow = { run: string; chunks: number; chunks_done: number; rows_in: number; rows_out: number }
type Tables = { batch_runs: RunRow; batch_partitions: PartitionRow; batch_progress: ProgressRow }
const tables = (db: Db) => db.db.withTables<Tables>()
const runFrom = (row: { body: string } | undefined) => (row === undefined ? undefined : (JSON.parse(row.body) as KeptRun))

export type Store = ReturnType<typeof createStore>

export function createStore(dialect: Sql['dialect']) {
  return {
    async insertRun(db: Db, project: string, run: KeptRun): Promise<void> {
      const { id, batch, ds, state, identity, backfill, queuedAt: at } = run
      await tables(db)
        .insertInto('batch_runs')
        .values({ id, project, batch, ds, state, identity, backfill, at, body: JSON.stringify(run) })
        .execute()
    },
    async saveRun(db: Db, run: KeptRun): Promise<void> {
      await tables(db)
        .updateTable('batch_runs')
        .set({ state: run.state, body: JSON.stringify(run) })
        .where('id', '=', run.id)
        .execute()
    },
    async findRun(db: Db, project: string, id: string, hold = false): Promise<KeptRun | undefined> {
      const query = tables(db).selectFrom('batch_runs').select('body').where('id', '=', id).where('project', '=', project)
      return runFrom(await (hold && dialect === 'postgresql' ? query.forUpdate() : query).executeTakeFirst())
    },
    /** Newest first. */
    async listRuns(
      db: Db,
      filter: { project: string; batch: string; ds?: string; state?: string; identity?: string; backfill?: string; limit: number },
    ): Promise<KeptRun[]> {
      let query = tables(db).selectFrom('batch_runs').select('body').where('project', '=', filter.project).where('batch', '=', filter.batch)
      if (filter.ds !== undefined) query = query.where('ds', '=', filter.ds)
      if (filter.state !== undefined) query = query.where('state', '=', filter.state)
      if (filter.identity !== undefined) query = query.where('identity', '=', filter.identity)
      if (filter.backfill !== undefined) query = query.where('backfill', '=', filter.backfill)
      return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map((row) => runFrom(row)!)
    },
    /** Runs of every project that have not ended, oldest first. */
    async openRuns(db: Db): Promise<{ project: string; run: KeptRun }[]> {
      const rows = await tables(db)
        .selectFrom('batch_runs')
        .select(['project', 'body'])
        .where('state', 'in', ['queued', 'running'])
        .orderBy('id')
        .execute()
      return rows.map((row) => ({ project: row.project, run: runFrom(row)! }))
    },
    /** Puts what is known of runs under way into them. */
    async withProgress(db: Db, runs: readonly KeptRun[]): Promise<KeptRun[]> {
      const open = runs.filter(({ state }) => state === 'running').map(({ id }) => id)
      if (open.length === 0) return [...runs]
      const rows = await tables(db).selectFrom('batch_progress').selectAll().where('run', 'in', open).execute()
      const known = new Map(rows.map((row) => [row.run, row]))
      return runs.map((run) => {
        const row = known.get(run.id)
        if (!row) return run
        return { ...run, chunks: row.chunks, chunksDone: row.chunks_done, rowsIn: Number(row.rows_in), rowsOut: Number(row.rows_out) }
      })
    },
    async saveProgress(db: Db, run: string, { chunks, chunksDone, rowsIn, rowsOut }: Progress): Promise<void> {
      const values = { chunks, chunks_done: chunksDone, rows_in: rowsIn, rows_out: rowsOut }
      await tables(db)
        .insertInto('batch_progress')
        .values({ run, ...values })
        .onConflict((conflict) => conflict.column('run').doUpdateSet(values))
        .execute()
    },
    async forgetProgress(db: Db, run: string): Promise<void> {
      await tables(db).deleteFrom('batch_progress').where('run', '=', run).execute()
    },
    /** Makes sure that a row stands for the partition, and holds it until the transaction ends; true when there was none. */
    async holdPartition(db: Db, key: PartitionKey): Promise<boolean> {
      const empty = {
        run: null,
        model: null,
        version: null,
        location: null,
        digest: null,
        row_count: null,
        scores: null,
        published_at: null,
      }
      const inserted = await tables(db)
        .insertInto('batch_partitions')
        .values({ ...key, ...empty })
        .onConflict((conflict) => conflict.columns(['project', 'batch', 'ds']).doNothing())
        .executeTakeFirst()
      if (dialect === 'postgresql') {
        const held = tables(db).selectFrom('batch_partitions').select('ds').where('project', '=', key.project)
        await held.where('batch', '=', key.batch).where('ds', '=', key.ds).forUpdate().execute()
      }
      return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n
    },
    async publish(db: Db, key: PartitionKey, partition: KeptPartition): Promise<void> {
      const { run, model, version, location, digest, rows, scores, publishedAt } = partition
      await tables(db)
        .updateTable('batch_partitions')
        .set({ run, model, version, location, digest, row_count: rows, scores: JSON.stringify(scores), published_at: publishedAt })
        .where('project', '=', key.project)
        .where('batch', '=', key.batch)
        .where('ds', '=', key.ds)
        .execute()
    },
    async findPartition(db: Db, key: PartitionKey): Promise<KeptPartition | undefined> {
      return partitionFrom(
        await tables(db)
          .selectFrom('batch_partitions')
          .selectAll()
          .where('project', '=', key.project)
          .where('batch', '=', key.batch)
          .where('ds', '=', key.ds)
          .executeTakeFirst(),
      )
    },
    /** The latest partition before a day. */
    async partitionBefore(db: Db, { project, batch, ds }: PartitionKey): Promise<KeptPartition | undefined> {
      const row = await tables(db)
        .selectFrom('batch_partitions')
        .selectAll()
        .where('project', '=', project)
        .where('batch', '=', batch)
        .where('ds', '<', ds)
        .where('run', 'is not', null)
        .orderBy('ds', 'desc')
        .limit(1)
        .executeTakeFirst()
      return partitionFrom(row)
    },
    /** Latest day first. */
    async listPartitions(db: Db, filter: { project: string; batch: string; ds?: string; limit: number }): Promise<BatchPartition[]> {
      let query = tables(db)
        .selectFrom('batch_partitions')
        .selectAll()
        .where('project', '=', filter.project)
        .where('batch', '=', filter.batch)
        .where('run', 'is not', null)
      if (filter.ds !== undefined) query = query.where('ds', '=', filter.ds)
      const rows = await query.orderBy('ds', 'desc').limit(filter.limit).execute()
      return rows.map((row) => {
        const { scores: _scores, ...partition } = partitionFrom(row)!
        return partition
      })
    },
  }
}

function partitionFrom(row: PartitionRow | undefined): KeptPartition | undefined {
  if (row === undefined || row.run === null) return undefined
  return {
    batch: row.batch,
    ds: row.ds,
    location: row.location!,
    run: row.run,
    model: row.model!,
    version: row.version!,
    rows: Number(row.row_count),
    digest: row.digest!,
    publishedAt: Number(row.published_at),
    scores: JSON.parse(row.scores!) as ScoreHistogram,
  }
}
