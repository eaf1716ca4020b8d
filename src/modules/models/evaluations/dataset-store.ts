import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { EvaluationDataset } from '../../../contract/evaluations.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const datasetsTable: AuditedTable = { table: 'evaluation_datasets', key: ['project', 'id'] }

type DatasetRow = {
  project: string
  id: string
  name: string
  tags: string
  digest: string
  fields: string | null
  record_count: number
  created_at: number
  updated_at: number
  created_by: string | null
  updated_by: string | null
}
type Tables = {
  evaluation_datasets: DatasetRow
  evaluation_dataset_tags: { project: string; dataset: string; key: string; value: string }
  evaluation_dataset_experiments: { project: string; dataset: string; experiment: string; place: number }
}

const tables = (db: Db) => db.db.withTables<Tables>()

/** Adds a data set, or writes over the one with its id; with its tags and experiments. */
export async function saveDataset(db: Db, project: string, dataset: EvaluationDataset): Promise<void> {
  const { id, ...row } = rowFrom(dataset)
  await tables(db)
    .insertInto('evaluation_datasets')
    .values({ project, id, ...row })
    .onConflict((conflict) => conflict.columns(['project', 'id']).doUpdateSet(row))
    .execute()
  await deleteParts(db, project, id)
  const tags = Object.entries(dataset.tags).map(([key, value]) => ({ project, dataset: id, key, value }))
  if (tags.length > 0) await tables(db).insertInto('evaluation_dataset_tags').values(tags).execute()
  const experiments = dataset.experiments.map((experiment, place) => ({ project, dataset: id, experiment, place }))
  if (experiments.length > 0) await tables(db).insertInto('evaluation_dataset_experiments').values(experiments).execute()
}

async function deleteParts(db: Db, project: string, id: string): Promise<void> {
  await tables(db).deleteFrom('evaluation_dataset_tags').where('project', '=', project).where('dataset', '=', id).execute()
  await tables(db).deleteFrom('evaluation_dataset_experiments').where('project', '=', project).where('dataset', '=', id).execute()
}

export async function deleteDataset(db: Db, project: string, id: string): Promise<void> {
  await deleteParts(db, project, id)
  await tables(db).deleteFrom('evaluation_datasets').where('project', '=', project).where('id', '=', id).execute()
}

export async function findDataset(db: Db, project: string, id: string): Promise<EvaluationDataset | undefined> {
  const row = await tables(db)
    .selectFrom('evaluation_datasets')
    .selectAll()
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && (await datasetsFrom(db, project, [row]))[0]
}

/** As `findDataset`, holding the row until the transaction ends. */
export async function lockDataset(
  db: Db,
  project: string,
  id: string,
  dialect: 'sqlite' | 'postgresql',
): Promise<EvaluationDataset | undefined> {
  const query = tables(db).selectFrom('evaluation_datasets').selectAll().where('project', '=', project).where('id', '=', id)
  const row = await (dialect === 'postgresql' ? query.forUpdate() : query).executeTakeFirst()
  return row && (await datasetsFrom(db, project, [row]))[0]
}

export type DatasetSearch = {
  readonly conditions: readonly Expression<SqlBool>[]
  readonly order: readonly { readonly by: RawBuilder<unknown>; readonly ascending: boolean }[]
  /** Any of these; all when absent. */
  readonly experiments?: readonly string[]
  readonly most: number
  readonly skip: number
}

export async function searchDatasets(db: Db, project: string, search: DatasetSearch): Promise<EvaluationDataset[]> {
  const { conditions, order, experiments, most, skip } = search
  let query = tables(db).selectFrom('evaluation_datasets').selectAll().where('project', '=', project)
  for (const condition of conditions) query = query.where(condition)
  if (experiments)
    query = query.where('id', 'in', (eb) =>
      eb
        .selectFrom('evaluation_dataset_experiments')
        .select('dataset')
        .where('project', '=', project)
        .where('experiment', 'in', [...experiments]),
    )
  for (const { by, ascending } of order) query = query.orderBy(by, ascending ? 'asc' : 'desc')
  return await datasetsFrom(db, project, await query.offset(skip).limit(most).execute())
}

/** The condition that a tag of the data set has a value that fits. */
export function hasTag(key: string, fits: (value: RawBuilder<unknown>) => RawBuilder<SqlBool>): RawBuilder<SqlBool> {
  return sql<SqlBool>`exists (select 1 from evaluation_dataset_tags t where t.project = evaluation_datasets.project
    and t.dataset = evaluation_datasets.id and t.key = ${key} and ${fits(sql`t.value`)})`
}

async function datasetsFrom(db: Db, project: string, rows: readonly DatasetRow[]): Promise<EvaluationDataset[]> {
  if (rows.length === 0) return []
  const links = await tables(db)
    .selectFrom('evaluation_dataset_experiments')
    .select(['dataset', 'experiment'])
    .where('project', '=', project)
    .where(
      'dataset',
      'in',
      rows.map((row) => row.id),
    )
    .orderBy('place')
    .execute()
  const experiments = Map.groupBy(links, (link) => link.dataset)
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    tags: JSON.parse(row.tags),
    digest: row.digest,
    fields: row.fields === null ? null : JSON.parse(row.fields),
    recordCount: row.record_count,
    experiments: (experiments.get(row.id) ?? []).map((link) => link.experiment),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    createdBy: row.created_by,
    updatedBy: row.updated_by,
  }))
}

function rowFrom(dataset: EvaluationDataset): Omit<DatasetRow, 'project'> {
  return {
    id: dataset.id,
    name: dataset.name,
    tags: JSON.stringify(dataset.tags),
    digest: dataset.digest,
    fields: dataset.fields && JSON.stringify(dataset.fields),
    record_count: dataset.recordCount,
    created_at: dataset.createdAt,
    updated_at: dataset.updatedAt,
    created_by: dataset.createdBy,
    updated_by: dataset.updatedBy,
  }
}
