import { AppError } from '../../contract/errors.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { int32, int64, list, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { eitherRunId, missing, runIdFrom } from './tracking-fields.ts'
import { listJson, metricJson } from './tracking-json.ts'

const MOST_BULK_POINTS = 25_000
const MOST_BULK_RUNS = 100
const MOST_SAMPLED_POINTS = 2_500

const invalid = (message: string) => new AppError('invalid', message)
type RunPoint = Awaited<ReturnType<Runs['metricHistories']>>[number]
const pointJson = (point: RunPoint) => ({ ...metricJson(point), run_id: point.runId })

export function metricRpcs({ runs }: { runs: Runs }): Rpc[] {
  return [
    rpc({
      name: 'getMetricHistory',
      method: 'GET',
      paths: ['/api/2.0/mlflow/metrics/get-history'],
      scope: 'read',
      fields: { ...eitherRunId, metric_key: string({ required: true }), page_token: string(), max_results: int32() },
      async handle(input, { caller }) {
        const paging = { maxResults: input.max_results, pageToken: input.page_token }
        const { items, nextPageToken } = await runs.metricHistory(caller.project, runIdFrom(input), input.metric_key, paging)
        return {
          ...listJson('metrics', items.map(metricJson)),
          ...(nextPageToken ? { next_page_token: nextPageToken } : {}),
        }
      },
    }),
    rpc({
      name: 'getMetricHistoryBulk',
      method: 'GET',
      paths: ['/ajax-api/2.0/mlflow/metrics/get-history-bulk'],
      scope: 'read',
      fields: { run_id: list(string()), metric_key: string(), max_results: int64() },
      async handle({ run_id = [], metric_key, max_results = MOST_BULK_POINTS }, { caller }) {
        if (run_id.length === 0) throw invalid('GetMetricHistoryBulk request must specify at least one run_id.')
        if (run_id.length > MOST_BULK_RUNS)
          throw invalid(
            `GetMetricHistoryBulk request cannot specify more than ${MOST_BULK_RUNS} run_ids. Received ${run_id.length} run_ids.`,
          )
        if (metric_key === undefined) throw invalid('GetMetricHistoryBulk request must specify a metric_key.')
        const limit = Math.max(0, Math.min(max_results, MOST_BULK_POINTS))
        return { metrics: (await runs.metricHistories(caller.project, run_id, metric_key, limit)).map(pointJson) }
      },
    }),
    rpc({
      name: 'getMetricHistoryBulkInterval',
      method: 'GET',
      paths: ['/api/2.0/mlflow/metrics/get-history-bulk-interval'],
      scope: 'read',
      fields: { run_ids: list(string()), metric_key: string(), start_step: int64(), end_step: int64(), max_results: int32() },
      async handle({ run_ids = [], metric_key, start_step, end_step, max_results = MOST_SAMPLED_POINTS }, { caller }) {
        if (run_ids.length === 0) throw missing('run_ids')
        if (run_ids.length > MOST_BULK_RUNS)
          throw invalid(
            `GetMetricHistoryBulkInterval request must specify at most ${MOST_BULK_RUNS} run_ids. Received ${run_ids.length} run_ids.`,
          )
        if (!metric_key) throw missing('metric_key')
        if (max_results < 1 || max_results > MOST_SAMPLED_POINTS) throw invalid(`max_results must be between 1 and ${MOST_SAMPLED_POINTS}.`)
        const sampling = { key: metric_key, points: max_results, steps: stepsFrom(start_step, end_step) }
        const points = await runs.sampledHistories(caller.project, run_ids, sampling)
        return listJson('metrics', points.map(pointJson))
      },
    }),
  ]
}

function stepsFrom(start: number | undefined, end: number | undefined): readonly [number, number] | undefined {
  if (start === undefined && end === undefined) return undefined
  if (start === undefined || end === undefined) throw invalid('If either start step or end step are specified, both must be specified.')
  if (start > end) throw invalid(`end_step must be greater than start_step. Found start_step=${start} and end_step=${end}.`)
  return [start, end]
}
