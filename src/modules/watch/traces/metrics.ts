import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { listed } from '../../../lib/search-filter/grammar.ts'
import { metadataKeys, tagKeys } from './keys.ts'
import { type MetricCondition, metricConditionFrom } from './metric-filter.ts'

type View = 'TRACES' | 'SPANS' | 'ASSESSMENTS'
type Aggregation =
  | { readonly kind: 'COUNT' | 'SUM' | 'AVG' | 'MIN' | 'MAX' }
  | { readonly kind: 'PERCENTILE' /** From 0 to 100. */; readonly percent: number }

export type MetricQuery = {
  readonly experiments: readonly string[]
  readonly view: View
  readonly metric: string
  readonly aggregations: readonly Aggregation[]
  readonly dimensions: readonly string[]
  readonly filters: readonly string[]
  /** Width of the buckets of time, with `fromMs` and `toMs`. */
  readonly everySeconds?: number
  readonly fromMs?: number
  readonly toMs?: number
  readonly most: number
}

/** `values` by the name of their aggregation: `COUNT`, `P99.0`; `dimensions` are texts, `time_bucket` an ISO 8601 time. */
export type MetricPoint = { readonly dimensions: Readonly<Record<string, string>>; readonly values: Readonly<Record<string, number>> }

type Metric = { readonly value: RawBuilder<unknown>; readonly kinds: readonly Aggregation['kind'][]; readonly by: readonly string[] }

const spread = ['AVG', 'MIN', 'MAX', 'PERCENTILE'] as const
const sums = ['SUM', ...spread] as const
const models = ['span_model_name', 'span_model_provider']
const tokens = (column: string): Metric => ({ value: sql.ref(`traces.${column}`), kinds: sums, by: ['trace_name'] })
const cost = (column: string): Metric => ({ value: sql.ref(`trace_spans.${column}`), kinds: sums, by: models })

const metrics: Readonly<Record<View, Readonly<Record<string, Metric>>>> = {
  TRACES: {
    trace_count: { value: sql.ref('traces.id'), kinds: ['COUNT'], by: ['trace_name', 'trace_status'] },
    session_count: { value: sql`distinct traces.session`, kinds: ['COUNT'], by: [] },
    latency: { value: sql.ref('traces.duration_ms'), kinds: spread, by: ['trace_name'] },
    input_tokens: tokens('input_tokens'),
    output_tokens: tokens('output_tokens'),
    total_tokens: tokens('total_tokens'),
    cache_read_input_tokens: tokens('cache_read_input_tokens'),
    cache_creation_input_tokens: tokens('cache_creation_input_tokens'),
  },
  SPANS: {
    span_count: { value: sql.ref('trace_spans.id'), kinds: ['COUNT'], by: ['span_name', 'span_type', 'span_status', ...models] },
    latency: { value: sql.ref('trace_spans.duration_ms'), kinds: spread, by: ['span_name', 'span_status'] },
    input_cost: cost('input_cost'),
    output_cost: cost('output_cost'),
    total_cost: cost('total_cost'),
  },
  ASSESSMENTS: {
    assessment_count: { value: sql.ref('trace_assessments.id'), kinds: ['COUNT'], by: ['assessment_name', 'assessment_value'] },
    assessment_value: { value: sql.ref('trace_assessments.number'), kinds: spread, by: ['assessment_name'] },
  },
}

const dimensionColumns: Readonly<Record<string, RawBuilder<unknown>>> = {
  trace_name: sql.ref('traces.name'),
  trace_status: sql.ref('traces.state'),
  span_name: sql.ref('trace_spans.name'),
  span_type: sql.ref('trace_spans.type'),
  span_status: sql.ref('trace_spans.status'),
  span_model_name: sql.ref('trace_spans.model'),
  span_model_provider: sql.ref('trace_spans.provider'),
  assessment_name: sql.ref('trace_assessments.name'),
  assessment_value: sql.ref('trace_assessments.value'),
}

/** The tables of a view; an assessment that another stands in for does not count. */
const sources: Readonly<Record<View, RawBuilder<unknown>>> = {
  TRACES: sql`traces`,
  SPANS: sql`traces join trace_spans on trace_spans.project = traces.project and trace_spans.trace = traces.id`,
  ASSESSMENTS: sql`traces join trace_assessments on trace_assessments.project = traces.project
    and trace_assessments.trace = traces.id and trace_assessments.valid = 1`,
}

/** Counts and spreads of what traces did, over time and by what they are. */
export function createMetrics({ sql: store }: { readonly sql: Sql }) {
  return {
    /** Points in the order of their bucket and dimensions; groups without a value are left out. Throws `invalid`. */
    async measure(query: MetricQuery, { project }: Pick<Caller, 'project'>): Promise<MetricPoint[]> {
      const metric = checkedMetric(query)
      if (query.experiments.length === 0) return []
      const groups = [...(query.everySeconds ? [['time_bucket', bucketOf(query)] as const] : []), ...dimensionsOf(query)]
      const { rows } = await statementFrom(project, query, metric, groups).execute(store.db)
      return (rows as Record<string, unknown>[]).map((row) =>
        pointFrom(
          row,
          query.aggregations,
          groups.map(([name]) => name),
        ),
      )
    },
  }
}

function checkedMetric({ view, metric: name, aggregations, dimensions, everySeconds, fromMs, toMs }: MetricQuery): Metric {
  const metric = Object.hasOwn(metrics[view], name) ? metrics[view][name] : undefined
  if (!metric) throw new AppError('invalid', `metric_name must be one of ${listed(Object.keys(metrics[view]))}, got '${name}'`)
  const strange = aggregations.map(({ kind }) => kind).filter((kind) => !metric.kinds.includes(kind))
  if (strange.length > 0)
    throw new AppError(
      'invalid',
      `Found invalid aggregation_type(s): ${listed(strange.sort())}. Supported aggregation types: ${listed([...metric.kinds].sort())}`,
    )
  const unknown = dimensions.filter((dimension) => !metric.by.includes(dimension))
  if (unknown.length > 0)
    throw new AppError(
      'invalid',
      `Found invalid dimension(s): ${listed(unknown.sort())}. Supported dimensions: ${listed([...metric.by].sort())}`,
    )
  if (everySeconds && (fromMs === undefined || toMs === undefined))
    throw new AppError('invalid', 'start_time_ms and end_time_ms are required if time_interval_seconds is set')
  return metric
}

const dimensionsOf = (query: MetricQuery) => query.dimensions.map((name) => [name, dimensionColumns[name]!] as const)

/** What a bucket of time is cut from: spans by their own start where costs are counted, by their trace’s otherwise. */
function timeOf({ view, metric }: MetricQuery): RawBuilder<unknown> {
  return view === 'SPANS' && metric.endsWith('_cost') ? sql`(trace_spans.started_at_us / 1000)` : sql.ref('traces.requested_at')
}

function bucketOf(query: MetricQuery): RawBuilder<unknown> {
  const widthMs = sql.lit(Math.max(1, Math.trunc(query.everySeconds! * 1_000)))
  const time = query.view === 'SPANS' ? sql`(trace_spans.started_at_us / 1000)` : timeOf(query)
  return sql`((${time} / ${widthMs}) * ${widthMs})`
}

function statementFrom(project: string, query: MetricQuery, metric: Metric, groups: readonly (readonly [string, RawBuilder<unknown>])[]) {
  const isDistinct = query.metric === 'session_count'
  const value = isDistinct ? sql.ref('traces.session') : metric.value
  const conditions: Expression<SqlBool>[] = [
    sql<SqlBool>`traces.project = ${project}`,
    sql<SqlBool>`traces.experiment in (${sql.join([...query.experiments])})`,
    sql<SqlBool>`${value} is not null`,
    ...groups.map(([, column]) => sql<SqlBool>`${column} is not null`),
    ...query.filters.map((text) => conditionFrom(metricConditionFrom(text), query.view)),
    ...(query.fromMs === undefined ? [] : [sql<SqlBool>`${timeOf(query)} >= ${query.fromMs}`]),
    ...(query.toMs === undefined ? [] : [sql<SqlBool>`${timeOf(query)} <= ${query.toMs}`]),
  ]
  const grouping = sql.join(groups.map(([name]) => sql.id(name)))
  const partition = groups.length > 0 ? sql`partition by ${sql.join(groups.map(([, column]) => column))}` : sql``
  // Ranks are needed only where a percentile is asked for.
  const ranked = query.aggregations.some(({ kind }) => kind === 'PERCENTILE')
  const ranks = ranked
    ? sql`, row_number() over (${partition} order by ${value}) - 1 as place, count(*) over (${partition}) - 1 as last`
    : sql``
  const inner = sql`select ${value} as value ${sql.join(
    groups.map(([name, column]) => sql`, ${column} as ${sql.id(name)}`),
    sql``,
  )} ${ranks} from ${sources[query.view]} where ${sql.join(conditions, sql` and `)}`
  const selected = sql.join([
    ...groups.map(([name]) => sql.id(name)),
    ...query.aggregations.flatMap((aggregation, i) => columnsOf(aggregation, i, isDistinct)),
  ])
  const tail = groups.length > 0 ? sql`group by ${grouping} order by ${grouping}` : sql``
  return sql`select ${selected} from (${inner}) as measured ${tail} limit ${sql.lit(Math.max(1, Math.trunc(query.most)))}`
}

/** A percentile is told by the values on both sides of its place, between which it lies. */
function columnsOf(aggregation: Aggregation, i: number, isDistinct: boolean): RawBuilder<unknown>[] {
  if (aggregation.kind !== 'PERCENTILE') {
    const value = isDistinct ? sql`distinct value` : sql`value`
    return [sql`${sql.raw(aggregation.kind.toLowerCase())}(${value}) as ${sql.id(`a${i}`)}`]
  }
  const place = sql`(last * ${sql.lit(aggregation.percent / 100)})`
  return [
    sql`max(case when place <= ${place} and place > ${place} - 1 then value end) as ${sql.id(`a${i}_low`)}`,
    sql`max(case when place >= ${place} and place < ${place} + 1 then value end) as ${sql.id(`a${i}_high`)}`,
    sql`max(last) as ${sql.id(`a${i}_last`)}`,
  ]
}

function pointFrom(row: Record<string, unknown>, aggregations: readonly Aggregation[], groups: readonly string[]): MetricPoint {
  const dimensions = Object.fromEntries(
    groups.map((name) => [name, name === 'time_bucket' ? isoTime(Number(row[name])) : String(row[name])]),
  )
  const values = aggregations.flatMap((aggregation, i) => {
    const value = aggregation.kind === 'PERCENTILE' ? between(row, i, aggregation.percent) : row[`a${i}`]
    return value === null || value === undefined ? [] : [[nameOf(aggregation), Number(value)] as const]
  })
  return { dimensions, values: Object.fromEntries(values) }
}

/** Linear interpolation between the closest ranks: Hyndman and Fan (1996), definition 7. */
function between(row: Record<string, unknown>, i: number, percent: number): number | null {
  const [low, high, last] = [row[`a${i}_low`], row[`a${i}_high`], row[`a${i}_last`]]
  if (low === null || low === undefined || high === null) return null
  const place = (Number(last) * percent) / 100
  return Number(low) + (Number(high) - Number(low)) * (place - Math.floor(place))
}

const isoTime = (ms: number) => new Date(ms).toISOString().replace(/\.000Z$|Z$/, '+00:00')

function nameOf(aggregation: Aggregation): string {
  if (aggregation.kind !== 'PERCENTILE') return aggregation.kind
  return `P${Number.isInteger(aggregation.percent) ? `${aggregation.percent}.0` : aggregation.percent}`
}

function conditionFrom({ of, what, key, value }: MetricCondition, view: View): Expression<SqlBool> {
  if (of === 'span' && view !== 'SPANS')
    throw new AppError('invalid', `Filtering by span is only supported for SPANS view type, got ${view}`)
  if (of === 'assessment' && view !== 'ASSESSMENTS')
    throw new AppError('invalid', `Filtering by assessment is only supported for ASSESSMENTS view type, got ${view}`)
  if (of === 'span') return sql<SqlBool>`${sql.ref(`trace_spans.${what}`)} = ${value}`
  if (of === 'assessment') return sql<SqlBool>`${sql.ref(`trace_assessments.${what === 'type' ? 'kind' : 'name'}`)} = ${value}`
  if (what === 'status') return sql<SqlBool>`traces.state = ${value}`
  if (what === 'tag') return key === tagKeys.name ? sql<SqlBool>`traces.name = ${value}` : hasText('trace_tags', key!, value)
  if (key === metadataKeys.session) return sql<SqlBool>`traces.session = ${value}`
  if (key !== metadataKeys.run) return hasText('trace_metadata', key!, value)
  const linked = sql`exists (select 1 from trace_links l where l.project = traces.project and l.trace = traces.id
    and l.kind = 'run' and l.target = ${value})`
  return sql<SqlBool>`(${hasText('trace_metadata', key, value)} or ${linked})`
}

function hasText(table: 'trace_tags' | 'trace_metadata', key: string, value: string): RawBuilder<SqlBool> {
  return sql<SqlBool>`exists (select 1 from ${sql.table(table)} t where t.project = traces.project and t.trace = traces.id
    and t.key = ${key} and t.value = ${value})`
}
