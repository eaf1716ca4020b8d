import { type SqlBool, sql } from 'kysely'
import type { Db } from '../../../infra/sql/index.ts'
import type { Clause, Ordering } from '../../../lib/search-filter/grammar.ts'
import type { Experiment, Lifecycle } from './entities.ts'
import { experimentNumber } from './limits.ts'
import { all, type Condition, comparison, type Dialect, descending, type Term } from './search-conditions.ts'
import { experimentsFrom } from './store.ts'
import type { ExperimentRow } from './tables.ts'

export type ExperimentQuestion = {
  readonly project: string
  readonly stages: readonly Lifecycle[]
  readonly clauses: readonly Clause[]
  readonly orderings: readonly Ordering[]
}

const columns: Readonly<Record<string, Term>> = {
  name: sql`e.name`,
  experiment_id: sql`e.id`,
  creation_time: sql`e.created_at`,
  last_update_time: sql`e.updated_at`,
}

/** The newest first unless ordered otherwise. */
export async function searchExperimentRows(
  db: Db,
  { project, stages, clauses, orderings }: ExperimentQuestion,
  { offset, limit }: { offset: number; limit: number },
  dialect: Dialect,
): Promise<Experiment[]> {
  const conditions = [
    sql<SqlBool>`e.project = ${project}`,
    sql<SqlBool>`e.lifecycle in (${sql.join(stages)})`,
    ...clauses.map((clause) => conditionOf(clause, dialect)),
  ]
  const terms = orderings.map(({ key, ascending }) => descending(columns[key]!, ascending))
  if (terms.length === 0) terms.push(sql`e.created_at desc`, sql`e.id`)
  else terms.push(sql`e.id desc`)
  const { rows } = await sql<ExperimentRow>`select e.* from experiments as e where ${all(conditions)}
    order by ${sql.join(terms)} limit ${limit} offset ${offset}`.execute(db.db)
  return await experimentsFrom(db, project, rows)
}

function conditionOf(clause: Clause, dialect: Dialect): Condition {
  const { entity, key, comparator, value } = clause
  if (entity === 'attribute') {
    if (key !== 'experiment_id') return comparison(columns[key]!, clause, dialect)
    const ids = [value].flat().map((id) => experimentNumber(String(id)))
    return sql<SqlBool>`e.id ${sql.raw(comparator === '!=' || comparator === 'NOT IN' ? 'not in' : 'in')} (${sql.join(ids)})`
  }
  const tag = (condition: Condition | undefined) =>
    sql<SqlBool>`exists (select 1 from experiment_tags as x where x.project = e.project and x.experiment = e.id and x.key = ${key}${condition ? sql` and ${condition}` : sql``})`
  if (comparator === 'IS NULL') return sql<SqlBool>`not ${tag(undefined)}`
  if (comparator === 'IS NOT NULL') return tag(undefined)
  return tag(comparison(sql`x.value`, clause, dialect))
}
