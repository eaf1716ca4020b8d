import type { ServingFigures } from '../../modules/serving/deployments/index.ts'
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
