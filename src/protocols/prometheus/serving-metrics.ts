import type { Deployments, ServingFigures } from '../../modules/serving/deployments/index.ts'
import type { Runtimes } from '../../modules/serving/runtimes/index.ts'
import type { Metric } from './metric-text.ts'

/** Features of one deployment that are shown with their odd values, the oddest first. */
const MOST_FEATURES = 50

/** What became of requests in this process, by deployment. */
export function servingMetrics(all: readonly ServingFigures[], node: string): readonly Metric[] {
  return [
    {
      name: 'setpoint_serving_requests_total',
      help: 'Requests by what became of them, since this process began.',
      type: 'counter',
      samples: all.flatMap(({ name, answered, fallback, failed, refused }) => {
        const outcomes = { answered, fallback, failed, refused: Object.values(refused).reduce((sum, count) => sum + count, 0) }
        return Object.entries(outcomes).map(([outcome, value]) => ({ labels: { deployment: name, outcome, node }, value }))
      }),
    },
    {
      name: 'setpoint_serving_refused_total',
      help: 'Refused requests by the limit that refused them, since this process began.',
      type: 'counter',
      samples: all.flatMap(({ name, refused }) =>
        Object.entries(refused).map(([reason, value]) => ({ labels: { deployment: name, reason, node }, value })),
      ),
    },
    {
      name: 'setpoint_serving_rows_waiting',
      help: 'Rows under way now.',
      type: 'gauge',
      samples: all.map(({ name, rowsWaiting }) => ({ labels: { deployment: name, node }, value: rowsWaiting })),
    },
    {
      name: 'setpoint_serving_anomalies_total',
      help: 'Values outside what is expected of a feature, since this process began.',
      type: 'counter',
      samples: all.flatMap(({ name, anomalies }) =>
        anomalies
          .toSorted((a, b) => b.count - a.count)
          .slice(0, MOST_FEATURES)
          .map(({ feature, count }) => ({ labels: { deployment: name, feature, node }, value: count })),
      ),
    },
  ]
}

/** What models cost this process, of all projects. */
export function modelMetrics(loaded: ReturnType<Runtimes['loaded']>, node: string): readonly Metric[] {
  const resident = loaded.filter((model) => model.resident)
  return [
    {
      name: 'setpoint_models_resident_bytes',
      help: 'Bytes of the files of models that are in memory.',
      type: 'gauge',
      samples: [{ labels: { node }, value: resident.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }],
    },
    {
      name: 'setpoint_models_loaded',
      help: 'Models that are loaded, in memory or put aside to make room.',
      type: 'gauge',
      samples: [{ labels: { node }, value: loaded.length }],
    },
  ]
}

const breakerValues = { closed: 0, half_open: 1, open: 2 } as const

/** How the runtimes outside this process fare: workers and servers elsewhere. */
export function runtimeMetrics(runtimes: Awaited<ReturnType<Deployments['runtimeHealth']>>): Metric[] {
  const gauge = (name: string, help: string, value: (one: (typeof runtimes)[number]) => number | undefined): Metric => ({
    name,
    help,
    type: 'gauge',
    samples: runtimes.flatMap((one) => {
      const number = value(one)
      return number === undefined ? [] : [{ labels: { deployment: one.deployment }, value: number }]
    }),
  })
  return [
    gauge('setpoint_runtime_up', 'Whether the champion’s runtime outside this process answers.', ({ problem }) =>
      problem === null ? 1 : 0,
    ),
    gauge('setpoint_runtime_breaker', 'Circuit breaker of the model server: 0 closed, 1 half open, 2 open.', ({ breaker }) =>
      breaker === null ? undefined : breakerValues[breaker],
    ),
    gauge('setpoint_runtime_workers_ready', 'Worker processes that take calls.', ({ workers }) => workers?.ready),
    gauge(
      'setpoint_runtime_worker_restarts',
      'Worker processes that were replaced since they were loaded.',
      ({ workers }) => workers?.restarts,
    ),
    gauge('setpoint_runtime_waiting_calls', 'Calls that wait for a worker.', ({ workers }) => workers?.waiting),
  ]
}
