import { type SqlBool, sql } from 'kysely'
import type { Db } from '../../../infra/sql/index.ts'
import type { Clause, Ordering } from '../../../lib/search-filter/grammar.ts'
import type { Lifecycle } from './entities.ts'
import { all, type Condition, comparison, type Dialect, descending, type Term } from './search-conditions.ts'
import { runAttribute } from './search-grammars.ts'
import { HEAD_CHARACTERS, headOf } from './store-measurements.ts'

/** What is looked for; `experiments` are not empty. */
export type RunQuestion = {
  readonly project: string
  readonly experiments: readonly number[]
  readonly stages: readonly Lifecycle[]
  readonly clauses: readonly Clause[]
  readonly orderings: readonly Ordering[]
}
type Stretch = { readonly offset: number; readonly limit: number }

const columns: Readonly<Record<string, Term>> = {
  run_id: sql`r.id`,
  run_name: sql`r.name`,
  user_id: sql`r.user_id`,
  status: sql`r.status`,
  start_time: sql`r.started_at`,
  end_time: sql`r.ended_at`,
  artifact_uri: sql`r.artifact_uri`,
}

/** How many parts the answer to a question has: ordered by a metric first, the runs that have it and those that have not. */
export function partsOf({ orderings }: RunQuestion): number {
  return orderings[0]?.entity === 'metric' ? 2 : 1
}

/** A stretch of one part of the answer: the numbers of the runs, in order. */
export async function searchRunNumbers(db: Db, question: RunQuestion, part: number, stretch: Stretch, dialect: Dialect): Promise<number[]> {
  const { project, experiments, stages, clauses, orderings } = question
  const [first, ...rest] = orderings
  const byMetric = first?.entity === 'metric' ? first : undefined
  const later = byMetric ? rest : orderings
  const walksMetric = byMetric !== undefined && part === 0
  const run = walksMetric ? sql`f.run` : sql`r.run`
  const conditions = [...clauses.map((clause) => conditionOf(clause, question, run, dialect)), oneOf(sql`r.lifecycle`, stages)]
  const terms: Term[] = later.flatMap((ordering, i) => termsOf(ordering, i))
  if (!orderings.some(({ entity, key }) => entity === 'attribute' && runAttribute(key) === 'start_time')) terms.push(sql`r.started_at desc`)
  terms.push(sql`r.id`)

  let from = sql`runs as r`
  if (walksMetric) {
    // A cross join, so that SQLite reads the values of the metric first, and the runs only of those that are left.
    from = sql`run_latest_metrics as f cross join runs as r`
    conditions.unshift(
      sql<SqlBool>`f.project = ${project}`,
      oneOf(sql`f.experiment`, experiments),
      sql<SqlBool>`f.key = ${byMetric.key}`,
      sql<SqlBool>`r.project = f.project`,
      sql<SqlBool>`r.run = f.run`,
    )
    terms.unshift(sql`f.is_nan`, descending(sql`f.value`, byMetric.ascending))
  } else {
    conditions.unshift(sql<SqlBool>`r.project = ${project}`, oneOf(sql`r.experiment`, experiments))
    if (byMetric) conditions.push(sql<SqlBool>`${run} not in ${runsWith('run_latest_metrics', question, byMetric.key)}`)
  }
  const joins = later.map((ordering, i) => joinOf(ordering, i))
  const { rows } = await sql<{ run: number }>`
    select r.run as run from ${from} ${sql.join(joins, sql` `)} where ${all(conditions)}
    order by ${sql.join(terms)} limit ${stretch.limit} offset ${stretch.offset}`.execute(db.db)
  return rows.map((row) => row.run)
}

/** One value is compared with `=`, so that an index that begins with it gives its order too. */
function oneOf(column: Term, values: readonly (string | number)[]): Condition {
  return values.length === 1 ? sql<SqlBool>`${column} = ${values[0]}` : sql<SqlBool>`${column} in (${sql.join(values)})`
}

type PairTable = 'run_latest_metrics' | 'run_params' | 'run_tags'
const tableOf: Readonly<Record<string, PairTable>> = { metric: 'run_latest_metrics', parameter: 'run_params', tag: 'run_tags' }

/** The runs that have something under a key: read once, from an index, however many runs are then asked about it. */
function runsWith(table: PairTable, { project, experiments }: RunQuestion, key: string, condition?: Condition): Term {
  const also = condition ? sql` and ${condition}` : sql``
  return sql`(select x.run from ${sql.table(table)} as x where x.project = ${project} and ${oneOf(sql`x.experiment`, experiments)} and x.key = ${key}${also})`
}

function conditionOf(clause: Clause, question: RunQuestion, run: Term, dialect: Dialect): Condition {
  const { entity, key, comparator } = clause
  if (entity === 'attribute') return comparison(columns[runAttribute(key)]!, clause, dialect)
  if (entity === 'dataset') return datasetCondition(clause, dialect)
  const table = tableOf[entity]!
  if (comparator === 'IS NULL') return sql<SqlBool>`${run} not in ${runsWith(table, question, key)}`
  if (comparator === 'IS NOT NULL') return sql<SqlBool>`${run} in ${runsWith(table, question, key)}`
  return sql<SqlBool>`${run} in ${runsWith(table, question, key, entity === 'metric' ? metricCondition(clause, dialect) : pairCondition(clause, dialect))}`
}

/** NaN is kept as 0 with a mark: it differs from every number, and compares with none. */
function metricCondition(clause: Clause, dialect: Dialect): Condition {
  const compared = comparison(sql`x.value`, clause, dialect)
  return clause.comparator === '!=' ? sql<SqlBool>`(${compared} or x.is_nan = 1)` : sql<SqlBool>`${compared} and x.is_nan = 0`
}

/** What is equal begins equally, which the index knows; the rest of a long value only the row. */
function pairCondition(clause: Clause, dialect: Dialect): Condition {
  const compared = comparison(sql`x.value`, clause, dialect)
  const { comparator, value } = clause
  if (comparator !== '=' || typeof value !== 'string') return compared
  const begins = sql<SqlBool>`x.head = ${headOf(value)}`
  return value.length < HEAD_CHARACTERS ? begins : sql<SqlBool>`${begins} and ${compared}`
}

function datasetCondition(clause: Clause, dialect: Dialect): Condition {
  const compared = comparison(clause.key === 'context' ? sql`i.context` : sql`d.${sql.ref(clause.key)}`, clause, dialect)
  return sql<SqlBool>`exists (select 1 from run_dataset_inputs as i join run_datasets as d on d.project = i.project and d.dataset = i.dataset
    where i.project = r.project and i.run = r.run and ${compared})`
}

const joined = (i: number) => sql.ref(`o${i}`)

function joinOf({ entity, key }: Ordering, i: number): Term {
  const table = tableOf[entity]
  if (table === undefined) return sql``
  const name = joined(i)
  return sql`left join ${sql.table(table)} as ${name} on ${name}.project = r.project and ${name}.run = r.run and ${name}.key = ${key}`
}

/** What has no value comes last whichever way the rest is ordered; of metrics NaN comes before that. */
function termsOf({ entity, key, ascending }: Ordering, i: number): Term[] {
  const name = joined(i)
  if (entity === 'metric') return [sql`coalesce(${name}.is_nan, 2)`, descending(sql`${name}.value`, ascending)]
  if (entity !== 'attribute') return [sql`case when ${name}.value is null then 1 else 0 end`, descending(sql`${name}.value`, ascending)]
  const attribute = runAttribute(key)
  const column = columns[attribute]!
  if (attribute !== 'end_time') return [descending(column, ascending)]
  return [sql`case when r.ended_at is null then 1 else 0 end`, descending(column, ascending)]
}
