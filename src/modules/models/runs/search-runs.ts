import { type SqlBool, sql } from 'kysely'
import type { Db } from '../../../infra/sql/index.ts'
import type { Clause, Ordering } from '../../../lib/search-filter/grammar.ts'
import type { Lifecycle } from './entities.ts'
import { all, type Condition, comparison, type Dialect, descending, type Term } from './search-conditions.ts'
import { runAttribute } from './search-grammars.ts'

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

/**
 * How many parts the answer to a question has. Ordered by a metric first it has three, each found by an index alone: runs
 * whose value is a number, runs where it is NaN, runs without it. Any other answer is one part.
 */
export function partsOf({ orderings }: RunQuestion): number {
  return orderings[0]?.entity === 'metric' ? 3 : 1
}

/** A stretch of one part of the answer: the numbers of the runs, in order. */
export async function searchRunNumbers(db: Db, question: RunQuestion, part: number, stretch: Stretch, dialect: Dialect): Promise<number[]> {
  const { project, experiments, stages, clauses, orderings } = question
  const [first, ...rest] = orderings
  const byMetric = first?.entity === 'metric' ? first : undefined
  const later = byMetric ? rest : orderings
  const conditions: Condition[] = [oneOf(sql`r.lifecycle`, stages), ...clauses.map((clause) => conditionOf(clause, dialect))]
  const terms: Term[] = later.flatMap((ordering, i) => termsOf(ordering, i))
  if (!orderings.some(({ entity, key }) => entity === 'attribute' && runAttribute(key) === 'start_time')) terms.push(sql`r.started_at desc`)
  terms.push(sql`r.id`)

  let from = sql`runs as r`
  if (byMetric && part < 2) {
    // A cross join, so that SQLite walks the index of values in order and stops when the page is full.
    from = sql`run_latest_metrics as f cross join runs as r`
    conditions.unshift(
      sql<SqlBool>`f.project = ${project}`,
      oneOf(sql`f.experiment`, experiments),
      sql<SqlBool>`f.key = ${byMetric.key}`,
      sql<SqlBool>`f.is_nan = ${part}`,
      sql<SqlBool>`r.project = f.project`,
      sql<SqlBool>`r.run = f.run`,
    )
    terms.unshift(descending(sql`f.value`, byMetric.ascending))
  } else {
    conditions.unshift(sql<SqlBool>`r.project = ${project}`, oneOf(sql`r.experiment`, experiments))
    if (byMetric) conditions.push(sql<SqlBool>`not ${existing('run_latest_metrics', byMetric.key)}`)
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

function existing(table: PairTable, key: string, condition?: Condition): Condition {
  const also = condition ? sql` and ${condition}` : sql``
  return sql<SqlBool>`exists (select 1 from ${sql.table(table)} as x where x.project = r.project and x.run = r.run and x.key = ${key}${also})`
}

function conditionOf(clause: Clause, dialect: Dialect): Condition {
  const { entity, key, comparator } = clause
  if (entity === 'attribute') return comparison(columns[runAttribute(key)]!, clause, dialect)
  if (entity === 'dataset') return datasetCondition(clause, dialect)
  const table = tableOf[entity]!
  if (comparator === 'IS NULL') return sql<SqlBool>`not ${existing(table, key)}`
  if (comparator === 'IS NOT NULL') return existing(table, key)
  const compared = comparison(sql`x.value`, clause, dialect)
  if (entity !== 'metric') return existing(table, key, compared)
  // NaN is kept as 0 with a mark: it differs from every number, and compares with none.
  return existing(
    table,
    key,
    comparator === '!=' ? sql<SqlBool>`(${compared} or x.is_nan = 1)` : sql<SqlBool>`${compared} and x.is_nan = 0`,
  )
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
