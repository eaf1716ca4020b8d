import { type SqlBool, sql } from 'kysely'
import type { Db } from '../../../infra/sql/index.ts'
import type { Metric, Pair } from './entities.ts'
import type { Insertion, InsertRows } from './insert-rows.ts'
import { collect } from './store.ts'
import { inParts, type RunRow, tables } from './tables.ts'

/** What a store keeps of a value: NaN as a mark of its own, infinities as the largest numbers there are. */
export function stored(value: number): { value: number; isNan: 0 | 1 } {
  if (Number.isNaN(value)) return { value: 0, isNan: 1 }
  return { value: Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE), isNan: 0 }
}

/** A value that is shorter than this is its own head. */
export const HEAD_CHARACTERS = 100
export const headOf = (value: string) => value.slice(0, HEAD_CHARACTERS)

type MetricRow = { key: string; at: number; step: number; value: number; is_nan: number }

export function metricFrom({ key, at, step, value, is_nan }: MetricRow): Metric {
  return { key, value: is_nan ? Number.NaN : value, at, step }
}

const logTable: Insertion = {
  table: 'run_metric_log',
  columns: ['project', 'run', 'key', 'at', 'step', 'value', 'is_nan'],
  tail: 'on conflict do nothing',
}
const latestTable: Insertion = {
  table: 'run_latest_metrics',
  columns: ['project', 'run', 'key', 'experiment', 'at', 'step', 'value', 'is_nan'],
  tail: `on conflict (project, run, key) do update set at = excluded.at, step = excluded.step, value = excluded.value, is_nan = excluded.is_nan
    where (excluded.step, excluded.at, excluded.value) > (run_latest_metrics.step, run_latest_metrics.at, run_latest_metrics.value)`,
}
const pairColumns = ['project', 'run', 'key', 'value', 'experiment', 'head']
const paramsTable: Insertion = { table: 'run_params', columns: pairColumns, tail: 'on conflict do nothing' }
const tagsTable: Insertion = {
  table: 'run_tags',
  columns: pairColumns,
  tail: 'on conflict (project, run, key) do update set value = excluded.value, head = excluded.head',
}

export type RunOf<T> = { readonly row: Pick<RunRow, 'project' | 'run' | 'experiment'>; readonly entry: T }

/** Adds measurements to the log, and brings the latest ones up to date; what is there already changes nothing. */
export async function insertMetrics(insertRows: InsertRows, db: Db, metrics: readonly RunOf<Metric>[]): Promise<void> {
  type Latest = { row: RunOf<Metric>['row']; key: string; at: number; step: number; value: number; isNan: number }
  const latest = new Map<string, Latest>()
  const rows = metrics.map(({ row, entry: { key, at, step, value: given } }) => {
    const { value, isNan } = stored(given)
    const name = `${row.project}/${row.run}/${key}`
    const before = latest.get(name)
    if (!before || isLater({ at, step, value }, before)) latest.set(name, { row, key, at, step, value, isNan })
    return [row.project, row.run, key, at, step, value, isNan]
  })
  await insertRows(db, logTable, rows)
  // In one order for every writer, so that two of them cannot wait for each other.
  const newest = [...latest.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
  await insertRows(
    db,
    latestTable,
    newest.map(({ row, key, at, step, value, isNan }) => [row.project, row.run, key, row.experiment, at, step, value, isNan]),
  )
}

/** Whether a run has measurements that are in the log only. */
export async function hasLog(db: Db, { project, run }: Pick<RunRow, 'project' | 'run'>): Promise<boolean> {
  const row = await tables(db)
    .selectFrom('run_metric_log')
    .select('at')
    .where('project', '=', project)
    .where('run', '=', run)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Moves the measurements of a run from the log into its histories; what is there already stays one. */
export async function settleLog(db: Db, { project, run }: Pick<RunRow, 'project' | 'run'>): Promise<void> {
  const columns = ['project', 'run', 'key', 'at', 'step', 'value', 'is_nan'] as const
  await tables(db)
    .insertInto('run_metrics')
    .columns(columns)
    .expression((eb) =>
      eb
        .selectFrom('run_metric_log')
        .select(columns)
        .where('project', '=', project)
        .where('run', '=', run)
        .orderBy('key')
        .orderBy('at')
        .orderBy('step'),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  await tables(db).deleteFrom('run_metric_log').where('project', '=', project).where('run', '=', run).execute()
}

function isLater(a: { step: number; at: number; value: number }, b: { step: number; at: number; value: number }): boolean {
  if (a.step !== b.step) return a.step > b.step
  return a.at !== b.at ? a.at > b.at : a.value > b.value
}

/** Keeps what a param was first. */
export async function insertParams(insertRows: InsertRows, db: Db, params: readonly RunOf<Pair>[]): Promise<void> {
  await insertRows(db, paramsTable, pairRows(params))
}

/** Of tags with the same key the last one given stays. */
export async function saveTags(insertRows: InsertRows, db: Db, tags: readonly RunOf<Pair>[]): Promise<void> {
  await insertRows(db, tagsTable, pairRows(tags))
}

function pairRows(pairs: readonly RunOf<Pair>[]): unknown[][] {
  const last = new Map(pairs.map((pair) => [`${pair.row.project}/${pair.row.run}/${pair.entry.key}`, pair]))
  return [...last.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { row, entry }]) => [row.project, row.run, entry.key, entry.value, row.experiment, headOf(entry.value)])
}

/** Answers whether there was such a tag. */
export async function deleteTag(db: Db, { project, run }: Pick<RunRow, 'project' | 'run'>, key: string): Promise<boolean> {
  const gone = await tables(db)
    .deleteFrom('run_tags')
    .where('project', '=', project)
    .where('run', '=', run)
    .where('key', '=', key)
    .executeTakeFirst()
  return gone.numDeletedRows > 0n
}

export async function findTag(db: Db, { project, run }: Pick<RunRow, 'project' | 'run'>, key: string): Promise<string | undefined> {
  const row = await tables(db)
    .selectFrom('run_tags')
    .select('value')
    .where('project', '=', project)
    .where('run', '=', run)
    .where('key', '=', key)
    .executeTakeFirst()
  return row?.value
}

/** Params or tags of many runs, by the run’s number, each list by key. */
export async function pairsOf(
  db: Db,
  table: 'run_params' | 'run_tags',
  project: string,
  runs: readonly number[],
): Promise<Map<number, Pair[]>> {
  const found = new Map<number, Pair[]>()
  for (const part of inParts(runs)) {
    const rows = await tables(db)
      .selectFrom(table)
      .select(['run', 'key', 'value'])
      .where('project', '=', project)
      .where('run', 'in', part)
      .orderBy('run')
      .orderBy('key')
      .execute()
    for (const { run, key, value } of rows) collect(found, run, { key, value })
  }
  return found
}

/** The latest metrics of many runs, by the run’s number, each list by key. */
export async function latestMetricsOf(db: Db, project: string, runs: readonly number[]): Promise<Map<number, Metric[]>> {
  const found = new Map<number, Metric[]>()
  for (const part of inParts(runs)) {
    const rows = await tables(db)
      .selectFrom('run_latest_metrics')
      .select(['run', 'key', 'at', 'step', 'value', 'is_nan'])
      .where('project', '=', project)
      .where('run', 'in', part)
      .orderBy('run')
      .orderBy('key')
      .execute()
    for (const row of rows) collect(found, row.run, metricFrom(row))
  }
  return found
}

/** A stretch of a metric’s history by time, step and value. */
export async function readHistory(
  db: Db,
  project: string,
  run: number,
  key: string,
  { offset, limit }: { offset: number; limit: number | undefined },
): Promise<Metric[]> {
  let query = tables(db)
    .selectFrom('run_metrics')
    .select(['key', 'at', 'step', 'value', 'is_nan'])
    .where('project', '=', project)
    .where('run', '=', run)
    .where('key', '=', key)
    .orderBy('at')
    .orderBy('step')
    .orderBy('value')
    .orderBy('is_nan')
  if (limit !== undefined) query = query.limit(limit).offset(offset)
  return (await query.execute()).map(metricFrom)
}

type Sampling = { readonly key: string; readonly points: number; readonly steps: readonly [number, number] | undefined }

/** At most `points` measurements spread evenly over a history by step; its end is among them. */
export async function sampleHistory(db: Db, project: string, run: number, { key, points, steps }: Sampling): Promise<Metric[]> {
  const within = sql<SqlBool>`project = ${project} and run = ${run} and key = ${key}${steps ? sql` and step >= ${steps[0]} and step <= ${steps[1]}` : sql``}`
  const order = sql`step, at, value, is_nan`
  const { rows } = await sql<MetricRow>`
    select key, at, step, value, is_nan from (
      select key, at, step, value, is_nan, nth, most, bucket, lag(bucket) over (order by nth) as bucket_before from (
        select key, at, step, value, is_nan,
          row_number() over (order by ${order}) as nth, count(*) over () as most, ntile(${sql.lit(points)}) over (order by ${order}) as bucket
        from run_metrics where ${within}
      ) as numbered
    ) as bucketed
    where bucket_before is null or bucket <> bucket_before or nth = most
    order by nth`.execute(db.db)
  // The end takes the place of the last sample when there would be one too many.
  if (rows.length > points) rows.splice(points - 1, 1)
  return rows.map(metricFrom)
}

/** Every key that runs of these experiments have used, in order. */
export async function keysIn(
  db: Db,
  table: 'run_params' | 'run_tags' | 'run_latest_metrics',
  project: string,
  experiments: readonly number[],
): Promise<string[]> {
  const keys = new Set<string>()
  for (const part of inParts(experiments)) {
    const rows = await tables(db)
      .selectFrom(table)
      .select('key')
      .distinct()
      .where('project', '=', project)
      .where('experiment', 'in', part)
      .execute()
    for (const { key } of rows) keys.add(key)
  }
  return [...keys].sort()
}
