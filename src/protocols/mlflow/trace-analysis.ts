import { AppError } from '../../contract/errors.ts'
import type { MetricQuery } from '../../modules/watch/traces/index.ts'
import { double, enumeration, int32, int64, list, message, type Read, string } from './fields.ts'
import { skipFrom, tokenAfter } from './page-token.ts'
import { type Rpc, rpc } from './rpc.ts'
import { oldTraceInfoMessage, traceInfoMessage } from './trace-messages.ts'
import type { TraceDeps } from './traces.ts'

const MOST_TRACES_A_PAGE = 500
const TRACES_A_PAGE = 100
const POINTS_A_REPLY = 1_000
const MOST_POINTS_A_REPLY = 100_000

const searchFields = { filter: string(), max_results: int32(), order_by: list(string()), page_token: string() }
type Search = Read<typeof searchFields>

/** Traces found by what they say, and counted. */
export function traceAnalysisRpcs({ traces }: TraceDeps): Rpc[] {
  async function search(
    experiments: readonly string[],
    { filter, max_results, order_by, page_token }: Search,
    caller: { project: string },
  ) {
    const most = checkedSize(max_results ?? TRACES_A_PAGE)
    const skip = skipFrom(page_token)
    const found = await traces.search({ experiments, filter, orderBy: order_by ?? [], most, skip }, caller)
    return { found, next: tokenAfter(skip, found.length, most) }
  }
  return [
    rpc({
      name: 'searchTracesV3',
      method: 'POST',
      paths: ['/api/3.0/mlflow/traces/search'],
      scope: 'read',
      fields: {
        locations: list(message({ mlflow_experiment: message({ experiment_id: string() }) }), { required: true }),
        ...searchFields,
      },
      async handle({ locations, ...asked }, { caller }) {
        const experiments = locations.flatMap(({ mlflow_experiment: one }) => (one?.experiment_id === undefined ? [] : [one.experiment_id]))
        const { found, next } = await search(experiments, asked, caller)
        return { traces: found.map(traceInfoMessage), ...next }
      },
    }),
    rpc({
      name: 'searchTraces',
      method: 'GET',
      paths: ['/api/2.0/mlflow/traces'],
      scope: 'read',
      fields: { experiment_ids: list(string(), { required: true }), ...searchFields },
      async handle({ experiment_ids, ...asked }, { caller }) {
        const { found, next } = await search(experiment_ids, asked, caller)
        return { traces: found.map(oldTraceInfoMessage), ...next }
      },
    }),
    rpc({
      name: 'calculateTraceFilterCorrelation',
      method: 'POST',
      paths: ['/api/3.0/mlflow/traces/calculate-filter-correlation'],
      scope: 'read',
      fields: {
        experiment_ids: list(string(), { required: true }),
        filter_string1: string({ required: true }),
        filter_string2: string({ required: true }),
        base_filter: string(),
      },
      async handle({ experiment_ids, filter_string1, filter_string2, base_filter }, { caller }) {
        const asked = { experiments: experiment_ids, first: filter_string1, second: filter_string2, base: base_filter }
        const { npmi, smoothed, first, second, both, total } = await traces.correlate(asked, caller)
        return {
          npmi: doubleMessage(npmi),
          npmi_smoothed: doubleMessage(smoothed),
          filter1_count: first,
          filter2_count: second,
          joint_count: both,
          total_count: total,
        }
      },
    }),
    rpc({
      name: 'queryTraceMetrics',
      method: 'POST',
      paths: ['/api/3.0/mlflow/traces/metrics'],
      scope: 'read',
      fields: metricFields,
      async handle(asked, { caller }) {
        const points = await traces.measure(metricQueryFrom(asked), caller)
        return {
          data_points: points.map(({ dimensions, values }) => ({
            metric_name: asked.metric_name,
            dimensions,
            values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, doubleMessage(value)])),
          })),
        }
      },
    }),
  ]
}

function checkedSize(most: number): number {
  const complaint = `Invalid value ${most} for parameter 'max_results' supplied.`
  if (most < 1) throw new AppError('invalid', `${complaint} It must be a positive integer`)
  if (most > MOST_TRACES_A_PAGE) throw new AppError('invalid', `${complaint} It must be at most ${MOST_TRACES_A_PAGE}`)
  return most
}

/** JSON has no NaN and no infinities: they travel as texts. */
const doubleMessage = (value: number) => (Number.isFinite(value) ? value : String(value))

const metricFields = {
  experiment_ids: list(string(), { required: true }),
  view_type: enumeration(['TRACES', 'SPANS', 'ASSESSMENTS'])({ required: true }),
  metric_name: string({ required: true }),
  aggregations: list(
    message({
      aggregation_type: enumeration(['COUNT', 'SUM', 'AVG', 'PERCENTILE', 'MIN', 'MAX'])({ required: true }),
      percentile_value: double(),
    }),
    { required: true },
  ),
  dimensions: list(string()),
  filters: list(string()),
  time_interval_seconds: int64(),
  start_time_ms: int64(),
  end_time_ms: int64(),
  max_results: int32(),
  page_token: string(),
}

function metricQueryFrom(asked: Read<typeof metricFields>): MetricQuery {
  return {
    experiments: asked.experiment_ids,
    view: asked.view_type,
    metric: asked.metric_name,
    aggregations: asked.aggregations.map(({ aggregation_type: kind, percentile_value: percent }) => {
      if (kind !== 'PERCENTILE') return { kind }
      if (percent === undefined || !(percent >= 0 && percent <= 100))
        throw new AppError('invalid', `Percentile value must be between 0 and 100, got ${percent ?? 'none'}`)
      return { kind, percent }
    }),
    dimensions: asked.dimensions ?? [],
    filters: asked.filters ?? [],
    everySeconds: asked.time_interval_seconds || undefined,
    fromMs: asked.start_time_ms,
    toMs: asked.end_time_ms,
    most: Math.min(asked.max_results ?? POINTS_A_REPLY, MOST_POINTS_A_REPLY),
  }
}
