import { type Expression, expressionBuilder, type SqlBool, sql } from 'kysely'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Comparator } from '../../../lib/search-filter/grammar.ts'
import type { TraceClause, TraceOrdering } from './filter.ts'
import { metadataKeys, tagKeys } from './keys.ts'
import type { TraceTables } from './store.ts'

type Dialect = Sql['dialect']
type Condition = Expression<SqlBool>
const traces = expressionBuilder<TraceTables, 'traces'>()

/** Where a search looks: traces of these experiments of the project. */
export type TraceScope = { readonly project: string; readonly experiments: readonly string[]; readonly dialect: Sql['dialect'] }

/** A scope and clauses as one condition on rows of `traces`. */
export function whereFrom(scope: TraceScope, clauses: readonly TraceClause[]): Condition {
  const ofSpans = clauses.filter((clause) => clause.entity === 'span')
  const others = clauses.filter((clause) => clause.entity !== 'span')
  return traces.and([
    traces('traces.project', '=', scope.project),
    scope.experiments.length > 0 ? traces('traces.experiment', 'in', [...scope.experiments]) : sql<SqlBool>`1 = 0`,
    ...others.map((clause) => conditionFrom(clause, scope)),
    ...(ofSpans.length > 0 ? [oneSpan(ofSpans, scope.dialect)] : []),
  ])
}

function conditionFrom(clause: TraceClause, scope: TraceScope): Condition {
  const { key, comparator, value } = clause
  switch (clause.entity) {
    case 'attribute':
      return compared(attributes[key]!, comparator, value, scope.dialect)
    case 'tag':
      if (key === tagKeys.name) return compared(sql.ref('traces.name'), comparator, value, scope.dialect)
      if (key === tagKeys.linkedPrompts) return linked('prompt', String(value))
      return texts('trace_tags', clause, scope.dialect)
    case 'metadata':
      if (key === metadataKeys.session) return compared(sql.ref('traces.session'), comparator, value, scope.dialect)
      if (key === metadataKeys.run && comparator === '=')
        return traces.or([linked('run', String(value)), texts('trace_metadata', clause, scope.dialect)])
      return texts('trace_metadata', clause, scope.dialect)
    case 'feedback':
    case 'expectation':
      return assessed(clause, scope)
    case 'issue':
      return has('trace_assessments', [sql`trace_assessments.kind = 'issue'`, sql`trace_assessments.name = ${value}`])
    case 'span':
      return oneSpan([clause], scope.dialect)
  }
}

/** The columns behind the attributes of a trace. */
const attributes: Readonly<Record<string, Expression<unknown>>> = {
  request_id: sql.ref('traces.id'),
  timestamp_ms: sql.ref('traces.requested_at'),
  execution_time_ms: sql.ref('traces.duration_ms'),
  end_time_ms: sql`(traces.requested_at + coalesce(traces.duration_ms, 0))`,
  status: sql.ref('traces.state'),
  client_request_id: sql.ref('traces.client_request_id'),
  experiment_id: sql.ref('traces.experiment'),
}

type Part = 'trace_tags' | 'trace_metadata' | 'trace_assessments' | 'trace_links' | 'trace_spans'

/** Whether the trace has a row of `table` for which all of `conditions` hold. */
function has(table: Part, conditions: readonly Expression<unknown>[]): Condition {
  const t = sql.table(table)
  return sql<SqlBool>`exists (select 1 from ${t} where ${t}.project = traces.project and ${t}.trace = traces.id and ${sql.join(
    conditions,
    sql` and `,
  )})`
}

function linked(kind: 'run' | 'prompt', target: string): Condition {
  return has('trace_links', [sql`trace_links.kind = ${kind}`, sql`trace_links.target = ${target}`])
}

function texts(table: 'trace_tags' | 'trace_metadata', { key, comparator, value }: TraceClause, dialect: Dialect): Condition {
  const t = sql.table(table)
  const isKey = sql`${t}.key = ${key}`
  if (comparator === 'IS NOT NULL') return has(table, [isKey])
  if (comparator === 'IS NULL') return traces.not(has(table, [isKey]))
  return has(table, [isKey, compared(sql`${t}.value`, comparator, value, dialect)])
}

/** All of the clauses must hold of the same span. */
function oneSpan(clauses: readonly TraceClause[], dialect: Dialect): Condition {
  return has(
    'trace_spans',
    clauses.map(({ key, comparator, value }) => compared(spanColumn(key, dialect), comparator, value, dialect)),
  )
}

function spanColumn(key: string, dialect: Dialect): Expression<unknown> {
  if (!key.startsWith('attributes.')) return sql.ref(`trace_spans.${key}`)
  const name = key.slice('attributes.'.length).replace(/^`(.*)`$/s, '$1')
  const text =
    dialect === 'postgresql'
      ? sql`(trace_spans.content::json -> 'attributes' ->> ${name})`
      : sql`json_extract(trace_spans.content, ${`$.attributes.${JSON.stringify(name)}`})`
  // Values of attributes are JSON texts; a text among them is compared without its quotes.
  return sql`trim(${text}, '"')`
}

function assessed({ entity, key, comparator, value }: TraceClause, { project, experiments, dialect }: TraceScope): Condition {
  const a = sql.table('trace_assessments')
  const holds = sql<SqlBool>`${a}.kind = ${entity} and ${a}.name = ${key} and ${a}.valid = 1 and ${valueHolds(comparator, value, dialect)}`
  // What is said of a session is said of each of its traces.
  const ofSession = sql<SqlBool>`traces.session in (
    select told.session from traces as told join ${a} on ${a}.project = told.project and ${a}.trace = told.id
    where told.project = ${project} and told.experiment in (${sql.join([...experiments])}) and told.session is not null
      and ${a}.of_session = 1 and ${holds})`
  const found = traces.or([has('trace_assessments', [holds]), ofSession])
  // A trace without a session is not in any list of sessions: there the answer of SQL is neither yes nor no.
  return comparator === 'IS NULL' ? sql<SqlBool>`not coalesce(${found}, ${sql.lit(dialect === 'postgresql' ? false : 0)})` : found
}

function valueHolds(comparator: Comparator, value: TraceClause['value'], dialect: Dialect): Condition {
  const text = sql`trace_assessments.value`
  if (comparator === 'IS NULL' || comparator === 'IS NOT NULL') return sql<SqlBool>`1 = 1`
  if (typeof value === 'number')
    return sql<SqlBool>`(trace_assessments.is_number = 1 and ${compared(sql`trace_assessments.number`, comparator, value, dialect)})`
  const either = sql<SqlBool>`(${text} = ${value} or ${text} = ${JSON.stringify(value)})`
  if (comparator === '=') return either
  if (comparator === '!=') return sql<SqlBool>`not ${either}`
  return compared(sql`trim(${text}, '"')`, comparator, value, dialect)
}

function compared(left: Expression<unknown>, comparator: Comparator, value: TraceClause['value'], dialect: Dialect): Condition {
  switch (comparator) {
    case 'IS NULL':
      return sql<SqlBool>`${left} is null`
    case 'IS NOT NULL':
      return sql<SqlBool>`${left} is not null`
    case 'IN':
      return sql<SqlBool>`${left} in (${sql.join(value as readonly string[])})`
    case 'NOT IN':
      return sql<SqlBool>`${left} not in (${sql.join(value as readonly string[])})`
    case 'ILIKE':
      return sql<SqlBool>`lower(${left}) like lower(${value})`
    case 'LIKE':
      return sql<SqlBool>`${left} like ${value}`
    case 'RLIKE':
      return dialect === 'postgresql' ? sql<SqlBool>`${left} ~ ${value}` : sql<SqlBool>`${left} regexp ${value}`
    default:
      return sql<SqlBool>`${left} ${sql.raw(comparator)} ${value}`
  }
}

/** What rows of `traces` are ordered by: as asked, what is missing last; then the newest first. */
export function orderFrom(orderings: readonly TraceOrdering[]): { by: Expression<unknown>; direction: 'asc' | 'desc' }[] {
  const asked = orderings.flatMap(({ entity, key, ascending }) => {
    const by = entity === 'attribute' ? attributes[key]! : textOf(entity === 'tag' ? 'trace_tags' : 'trace_metadata', key)
    return [
      { by: sql`case when ${by} is null then 1 else 0 end`, direction: 'asc' as const },
      { by, direction: ascending ? ('asc' as const) : ('desc' as const) },
    ]
  })
  return [...asked, { by: attributes.timestamp_ms!, direction: 'desc' }, { by: attributes.request_id!, direction: 'asc' }]
}

function textOf(table: 'trace_tags' | 'trace_metadata', key: string): Expression<unknown> {
  if (table === 'trace_tags' && key === tagKeys.name) return sql.ref('traces.name')
  if (table === 'trace_metadata' && key === metadataKeys.session) return sql.ref('traces.session')
  const t = sql.table(table)
  return sql`(select ${t}.value from ${t} where ${t}.project = traces.project and ${t}.trace = traces.id and ${t}.key = ${key})`
}
