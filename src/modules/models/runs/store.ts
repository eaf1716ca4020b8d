import type { Db } from '../../../infra/sql/index.ts'
import type { Experiment, Lifecycle, Pair, RunInfo, RunStatus, ViewType } from './entities.ts'
import { type ExperimentRow, inParts, type RunRow, tables } from './tables.ts'

type RunCount = { readonly runs: number; readonly lastRunAt: number }

/** The lifecycle stages a view shows. */
export function stagesOf(view: ViewType): Lifecycle[] {
  if (view === 'ALL') return ['active', 'deleted']
  return view === 'ACTIVE_ONLY' ? ['active'] : ['deleted']
}

/** Changes nothing when the project has an experiment of this number. */
export async function insertExperiment(db: Db, row: ExperimentRow): Promise<void> {
  await tables(db)
    .insertInto('experiments')
    .values(row)
    .onConflict((conflict) => conflict.columns(['project', 'id']).doNothing())
    .execute()
}

export async function findExperiment(db: Db, project: string, id: number): Promise<Experiment | undefined> {
  const row = await tables(db).selectFrom('experiments').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
  return row && (await experimentsFrom(db, project, [row]))[0]
}

export async function findExperimentByName(db: Db, project: string, name: string): Promise<Experiment | undefined> {
  const row = await tables(db)
    .selectFrom('experiments')
    .selectAll()
    .where('project', '=', project)
    .where('name', '=', name)
    .executeTakeFirst()
  return row && (await experimentsFrom(db, project, [row]))[0]
}

/** How many active runs experiments have, and when the latest of them began; nothing for one that has none. */
export async function countRuns(db: Db, project: string, experiments: readonly number[]): Promise<Map<number, RunCount>> {
  const counts = new Map<number, RunCount>()
  for (const part of inParts(experiments)) {
    const rows = await tables(db)
      .selectFrom('runs')
      .select(({ fn }) => ['experiment', fn.countAll().as('runs'), fn.max('started_at').as('latest')])
      .where('project', '=', project)
      .where('experiment', 'in', part)
      .where('lifecycle', '=', 'active')
      .groupBy('experiment')
      .execute()
    for (const { experiment, runs, latest } of rows) counts.set(experiment, { runs: Number(runs), lastRunAt: Number(latest) })
  }
  return counts
}

/** Rows with their tags, in the order of the rows. */
export async function experimentsFrom(db: Db, project: string, rows: readonly ExperimentRow[]): Promise<Experiment[]> {
  const tags = new Map<number, Pair[]>()
  for (const part of inParts(rows)) {
    const found = await tables(db)
      .selectFrom('experiment_tags')
      .select(['experiment', 'key', 'value'])
      .where('project', '=', project)
      .where(
        'experiment',
        'in',
        part.map((row) => row.id),
      )
      .orderBy('key')
      .execute()
    for (const { experiment, key, value } of found) collect(tags, experiment, { key, value })
  }
  return rows.map((row) => ({
    id: String(row.id),
    name: row.name,
    artifactLocation: row.artifact_location,
    lifecycle: row.lifecycle,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    tags: tags.get(row.id) ?? [],
  }))
}

export function collect<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}

export async function updateExperiment(
  db: Db,
  project: string,
  id: number,
  change: Partial<Pick<ExperimentRow, 'name' | 'lifecycle' | 'updated_at'>>,
): Promise<void> {
  await tables(db).updateTable('experiments').set(change).where('project', '=', project).where('id', '=', id).execute()
}

export async function saveExperimentTags(db: Db, project: string, experiment: number, tags: readonly Pair[]): Promise<void> {
  for (const { key, value } of tags)
    await tables(db)
      .insertInto('experiment_tags')
      .values({ project, experiment, key, value })
      .onConflict((conflict) => conflict.columns(['project', 'experiment', 'key']).doUpdateSet({ value }))
      .execute()
}

/** Answers whether there was such a tag. */
export async function deleteExperimentTag(db: Db, project: string, experiment: number, key: string): Promise<boolean> {
  const gone = await tables(db)
    .deleteFrom('experiment_tags')
    .where('project', '=', project)
    .where('experiment', '=', experiment)
    .where('key', '=', key)
    .executeTakeFirst()
  return gone.numDeletedRows > 0n
}

/** Deletes or restores every run of an experiment. */
export async function moveRunsOf(
  db: Db,
  project: string,
  experiment: number,
  lifecycle: Lifecycle,
  deletedAt: number | null,
): Promise<void> {
  await tables(db)
    .updateTable('runs')
    .set({ lifecycle, deleted_at: deletedAt })
    .where('project', '=', project)
    .where('experiment', '=', experiment)
    .where('lifecycle', '!=', lifecycle)
    .execute()
}

export async function insertRun(db: Db, row: RunRow): Promise<void> {
  await tables(db).insertInto('runs').values(row).execute()
}

export async function findRunRow(db: Db, project: string, id: string): Promise<RunRow | undefined> {
  return await tables(db).selectFrom('runs').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
}

/** As `findRunRow` for many ids, by id; `hold` keeps the rows until the transaction ends where a store needs to be told. */
export async function findRunRows(db: Db, project: string, ids: readonly string[], hold = false): Promise<Map<string, RunRow>> {
  const found = new Map<string, RunRow>()
  for (const part of inParts([...ids].sort())) {
    const query = tables(db).selectFrom('runs').selectAll().where('project', '=', project).where('id', 'in', part).orderBy('id')
    for (const row of await (hold ? query.forUpdate() : query).execute()) found.set(row.id, row)
  }
  return found
}

export async function updateRun(
  db: Db,
  { project, run }: Pick<RunRow, 'project' | 'run'>,
  change: { name?: string; status?: RunStatus; ended_at?: number; lifecycle?: Lifecycle; deleted_at?: number | null },
): Promise<void> {
  if (Object.keys(change).length === 0) return
  await tables(db).updateTable('runs').set(change).where('project', '=', project).where('run', '=', run).execute()
}

export function infoFrom(row: RunRow): RunInfo {
  return {
    id: row.id,
    experimentId: String(row.experiment),
    name: row.name,
    userId: row.user_id,
    status: row.status,
    lifecycle: row.lifecycle,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    artifactUri: row.artifact_uri,
  }
}

export async function findRunRowsByNumber(db: Db, project: string, numbers: readonly number[]): Promise<Map<number, RunRow>> {
  const found = new Map<number, RunRow>()
  for (const part of inParts(numbers)) {
    const rows = await tables(db).selectFrom('runs').selectAll().where('project', '=', project).where('run', 'in', part).execute()
    for (const row of rows) found.set(row.run, row)
  }
  return found
}
