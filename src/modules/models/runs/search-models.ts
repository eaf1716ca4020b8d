import { type SqlBool, sql } from 'kysely'
import type { Db } from '../../../infra/sql/index.ts'
import type { Clause } from '../../../lib/search-filter/grammar.ts'
import type { LoggedModel } from './entities.ts'
import { invalid } from './limits.ts'
import { all, type Condition, comparison, type Dialect, descending, type Term } from './search-conditions.ts'
import { modelAttributes } from './search-grammars.ts'
import { modelsFrom } from './store-models.ts'
import type { ModelRow } from './tables.ts'

/** Metrics count only where they were measured on this dataset. */
export type DatasetFilter = { readonly name: string; readonly digest?: string | undefined }
export type ModelOrdering = { readonly field: string; readonly ascending: boolean; readonly dataset?: DatasetFilter | undefined }

export type ModelQuestion = {
  readonly project: string
  readonly experiments: readonly number[]
  readonly clauses: readonly Clause[]
  readonly datasets: readonly DatasetFilter[]
  readonly orderings: readonly ModelOrdering[]
}

/** The newest first unless ordered otherwise; what has no value comes last. */
export async function searchModelRows(
  db: Db,
  { project, experiments, clauses, datasets, orderings }: ModelQuestion,
  { offset, limit }: { offset: number; limit: number },
  dialect: Dialect,
): Promise<LoggedModel[]> {
  const conditions = [
    sql<SqlBool>`m.project = ${project}`,
    sql<SqlBool>`m.experiment in (${sql.join(experiments)})`,
    sql<SqlBool>`m.lifecycle = 'active'`,
    ...clauses.map((clause) => conditionOf(clause, datasets, dialect)),
  ]
  // Datasets narrow the metrics that are compared; where none is, they ask for a metric on one of them.
  if (datasets.length > 0 && !clauses.some((clause) => clause.entity === 'metric')) conditions.push(measured(onDatasets(datasets)))
  const terms = orderings.flatMap(termsOf)
  const columns = orderings.map(({ field }) => modelAttributes[field])
  if (!columns.includes('created_at')) terms.push(sql`m.created_at desc`)
  if (!columns.includes('id')) terms.push(sql`m.id`)
  const { rows } = await sql<ModelRow>`select m.* from logged_models as m where ${all(conditions)}
    order by ${sql.join(terms)} limit ${limit} offset ${offset}`.execute(db.db)
  return await modelsFrom(db, project, rows)
}

function measured(condition: Condition): Condition {
  return sql<SqlBool>`exists (select 1 from logged_model_metrics as x where x.project = m.project and x.model = m.id and ${condition})`
}

function onDatasets(datasets: readonly DatasetFilter[]): Condition {
  return sql<SqlBool>`(${sql.join(datasets.map(onDataset), sql` or `)})`
}

function onDataset({ name, digest }: DatasetFilter): Condition {
  return digest === undefined
    ? sql<SqlBool>`x.dataset_name = ${name}`
    : sql<SqlBool>`(x.dataset_name = ${name} and x.dataset_digest = ${digest})`
}

function conditionOf(clause: Clause, datasets: readonly DatasetFilter[], dialect: Dialect): Condition {
  const { entity, key, comparator } = clause
  if (entity === 'attribute') return comparison(sql`m.${sql.ref(modelAttributes[key]!)}`, clause, dialect)
  const compared = comparison(sql`x.value`, clause, dialect)
  if (entity === 'metric') {
    const value = comparator === '!=' ? sql<SqlBool>`(${compared} or x.is_nan = 1)` : sql<SqlBool>`${compared} and x.is_nan = 0`
    const on = datasets.length > 0 ? sql<SqlBool>` and ${onDatasets(datasets)}` : sql<SqlBool>``
    return measured(sql<SqlBool>`x.key = ${key} and ${value}${on}`)
  }
  const table = entity === 'param' ? 'logged_model_params' : 'logged_model_tags'
  return sql<SqlBool>`exists (select 1 from ${sql.table(table)} as x where x.project = m.project and x.model = m.id and x.key = ${key} and ${compared})`
}

function termsOf({ field, ascending, dataset }: ModelOrdering): Term[] {
  const dot = field.indexOf('.')
  const value = dot < 0 ? attributeTerm(field) : metricTerm(field.slice(0, dot), field.slice(dot + 1), field, dataset)
  return [sql`case when ${value} is null then 1 else 0 end`, descending(value, ascending)]
}

function attributeTerm(field: string): Term {
  const column = Object.hasOwn(modelAttributes, field) ? modelAttributes[field]! : undefined
  if (column === undefined) throw invalid(`Invalid order by field name: ${field}`)
  return sql`m.${sql.ref(column)}`
}

/** The latest value of a metric. */
function metricTerm(entity: string, key: string, field: string, dataset: DatasetFilter | undefined): Term {
  if (entity !== 'metrics') throw invalid(`Invalid order by field name: ${field}. Only metrics are supported.`)
  const on = dataset ? sql` and ${onDataset(dataset)}` : sql``
  return sql`(select case when x.is_nan = 1 then null else x.value end from logged_model_metrics as x
    where x.project = m.project and x.model = m.id and x.key = ${key}${on} order by x.at desc, x.step desc, x.run limit 1)`
}
