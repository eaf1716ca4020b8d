import type { Route } from '../../infra/http/route.ts'
import type { Infra } from '../../infra/open.ts'
import type { Deployments } from '../../modules/serving/deployments/index.ts'
import type { Runtimes } from '../../modules/serving/runtimes/index.ts'
import type { Telemetry } from '../../modules/watch/telemetry/index.ts'
import { type Metric, metricText, type Sample } from './metric-text.ts'
import { modelMetrics, runtimeMetrics, servingMetrics } from './serving-metrics.ts'

type Deps = {
  telemetry: Telemetry
  deployments: Pick<Deployments, 'figures' | 'runtimeHealth'>
  runtimes: Pick<Runtimes, 'loaded'>
  infra: Pick<Infra, 'columns' | 'spool'>
  /** Names this process among those that share a store: counters are its own. */
  node: string
}

const WINDOW_MS = 60_000

/** What Prometheus scrapes: traffic, refusals and latency of the caller’s project, the models in memory, and the health of what moves telemetry. */
export function prometheusRoutes({ telemetry, deployments, runtimes, infra, node }: Deps): Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      scope: 'read',
      async handle({ response, caller }) {
        const columns = await infra.columns.health()
        const traffic = columns.up ? (await telemetry.summarizeTraffic({ windowMs: WINDOW_MS }, caller)).deployments : []
        const moving = telemetry.health()
        const outside = await deployments.runtimeHealth(caller.project)
        const of = (value: (one: (typeof traffic)[number]) => number): Sample[] =>
          traffic.map((one) => ({ labels: { deployment: one.deployment }, value: value(one) }))
        const metrics: Metric[] = [
          ...servingMetrics(deployments.figures(caller.project), node),
          ...modelMetrics(runtimes.loaded(), node),
          {
            name: 'setpoint_requests_per_second',
            help: 'Requests a second over the last minute.',
            type: 'gauge',
            samples: of((one) => one.ratePerS),
          },
          ...(['p50', 'p95', 'p99'] as const).map(
            (q): Metric => ({
              name: `setpoint_latency_${q}_seconds`,
              help: `Latency of scoring over the last minute, ${q}.`,
              type: 'gauge',
              samples: of((one) => one.latencyUs[q] / 1e6),
            }),
          ),
          ...runtimeMetrics(outside),
          {
            name: 'setpoint_telemetry_queued_bytes',
            help: 'Telemetry on disk that the store has not taken yet.',
            type: 'gauge',
            samples: [{ labels: {}, value: moving.queuedBytes }],
          },
          {
            name: 'setpoint_telemetry_refused_total',
            help: 'Records that found the spool full.',
            type: 'counter',
            samples: [{ labels: {}, value: infra.spool.stats().refused }],
          },
          {
            name: 'setpoint_columns_up',
            help: 'Whether the telemetry store answers.',
            type: 'gauge',
            samples: [{ labels: {}, value: columns.up ? 1 : 0 }],
          },
          {
            name: 'setpoint_columns_restarts_total',
            help: 'Restarts of the embedded telemetry store.',
            type: 'counter',
            samples: [{ labels: {}, value: columns.restarts }],
          },
          {
            name: 'process_resident_memory_bytes',
            help: 'Resident memory of the server.',
            type: 'gauge',
            samples: [{ labels: {}, value: process.memoryUsage.rss() }],
          },
        ]
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(metrics.map(metricText).join(''))
      },
    },
  ]
}
