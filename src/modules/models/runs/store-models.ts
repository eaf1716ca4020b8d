import type { Db } from '../../../infra/sql/index.ts'
import type { LoggedMetric, LoggedModel, ModelMetric, Pair } from './entities.ts'
import type { Insertion, InsertRows } from './insert-rows.ts'
import { collect } from './store.ts'
import { metricFrom, type RunOf, stored } from './store-measurements.ts'
import { inParts, type ModelRow, tables } from './tables.ts'

export async function insertModel(db: Db, row: ModelRow): Promise<void> {
  await tables(db).insertInto('logged_models').values(row).execute()
}

export async function findModelRow(db: Db, project: string, id: string): Promise<ModelRow | undefined> {
  return await tables(db).selectFrom('logged_models').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
}

/** Which of these ids are models of the project. */
export async function knownModels(db: Db, project: string, ids: readonly string[]): Promise<Set<string>> {
  const known = new Set<string>()
  for (const part of inParts(ids)) {
    const rows = await tables(db).selectFrom('logged_models').select('id').where('project', '=', project).where('id', 'in', part).execute()
    for (const { id } of rows) known.add(id)
  }
  return known
}

export async function updateModel(
  db: Db,
  { project, id }: Pick<ModelRow, 'project' | 'id'>,
  change: Partial<Pick<ModelRow, 'status' | 'lifecycle' | 'updated_at'>>,
): Promise<void> {
  await tables(db).updateTable('logged_models').set(change).where('project', '=', project).where('id', '=', id).execute()
}

/** Sets params or tags; of those with the same key the last one given stays. */
export async function saveModelPairs(
  db: Db,
  table: 'logged_model_params' | 'logged_model_tags',
  { project, id }: Pick<ModelRow, 'project' | 'id'>,
  pairs: readonly Pair[],
): Promise<void> {
  for (const { key, value } of pairs)
    await tables(db)
      .insertInto(table)
      .values({ project, model: id, key, value })
      .onConflict((conflict) => conflict.columns(['project', 'model', 'key']).doUpdateSet({ value }))
      .execute()
}

/** Answers whether there was such a tag. */
export async function deleteModelTag(db: Db, { project, id }: Pick<ModelRow, 'project' | 'id'>, key: string): Promise<boolean> {
  const gone = await tables(db)
    .deleteFrom('logged_model_tags')
    .where('project', '=', project)
    .where('model', '=', id)
    .where('key', '=', key)
    .executeTakeFirst()
  return gone.numDeletedRows > 0n
}

const modelMetricsTable: Insertion = {
  table: 'logged_model_metrics',
  columns: ['project', 'model', 'key', 'at', 'step', 'run', 'dataset_name', 'dataset_digest', 'value', 'is_nan'],
  tail: 'on conflict do nothing',
}

/** Keeps the measurements that name a model with that model. */
export async function insertModelMetrics(
  insertRows: InsertRows,
  db: Db,
  metrics: readonly (RunOf<LoggedMetric> & { readonly runId: string })[],
): Promise<void> {
  const rows = metrics.flatMap(({ row, runId, entry }) => {
    if (entry.modelId === undefined) return []
    const { value, isNan } = stored(entry.value)
    const { key, at, step, modelId, datasetName = '', datasetDigest = '' } = entry
    return [[row.project, modelId, key, at, step, runId, datasetName, datasetDigest, value, isNan]]
  })
  await insertRows(db, modelMetricsTable, rows)
}

/** Rows with all that belongs to them, in the order of the rows. */
export async function modelsFrom(db: Db, project: string, rows: readonly ModelRow[]): Promise<LoggedModel[]> {
  const ids = rows.map((row) => row.id)
  const params = await pairsOf(db, 'logged_model_params', project, ids)
  const tags = await pairsOf(db, 'logged_model_tags', project, ids)
  const metrics = await metricsOf(db, project, ids)
  return rows.map((row) => ({
    id: row.id,
    experimentId: String(row.experiment),
    name: row.name,
    artifactLocation: row.artifact_location,
    // Kept as empty texts, so that they compare and sort like others.
    modelType: row.model_type || null,
    sourceRunId: row.source_run || null,
    status: row.status,
    lifecycle: row.lifecycle,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    params: params.get(row.id) ?? [],
    tags: tags.get(row.id) ?? [],
    metrics: metrics.get(row.id) ?? [],
  }))
}

async function pairsOf(
  db: Db,
  table: 'logged_model_params' | 'logged_model_tags',
  project: string,
  ids: readonly string[],
): Promise<Map<string, Pair[]>> {
  const found = new Map<string, Pair[]>()
  for (const part of inParts(ids)) {
    const rows = await tables(db)
      .selectFrom(table)
      .select(['model', 'key', 'value'])
      .where('project', '=', project)
      .where('model', 'in', part)
      .orderBy('model')
      .orderBy('key')
      .execute()
    for (const { model, key, value } of rows) collect(found, model, { key, value })
  }
  return found
}

async function metricsOf(db: Db, project: string, ids: readonly string[]): Promise<Map<string, ModelMetric[]>> {
  const found = new Map<string, ModelMetric[]>()
  for (const part of inParts(ids)) {
    const rows = await tables(db)
      .selectFrom('logged_model_metrics')
      .selectAll()
      .where('project', '=', project)
      .where('model', 'in', part)
      .orderBy('model')
      .orderBy('key')
      .orderBy('at')
      .orderBy('step')
      .execute()
    for (const row of rows)
      collect(found, row.model, {
        ...metricFrom(row),
        runId: row.run,
        datasetName: row.dataset_name || null,
        datasetDigest: row.dataset_digest || null,
      })
  }
  return found
}
