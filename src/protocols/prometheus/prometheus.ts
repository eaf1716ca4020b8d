import type { Route } from '../../infra/http/route.ts'
import type { Infra } from '../../infra/open.ts'
import type { Deployments } from '../../modules/serving/deployments/index.ts'
import type { Telemetry } from '../../modules/watch/telemetry/index.ts'

type Deps = { telemetry: Telemetry; deployments: Pick<Deployments, 'runtimeHealth'>; infra: Pick<Infra, 'columns' | 'spool'> }
type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number }
type Metric = { readonly name: string; readonly help: string; readonly type: 'gauge' | 'counter'; readonly samples: readonly Sample[] }

const WINDOW_MS = 60_000

/** What Prometheus scrapes: traffic and latency of the caller’s project, and the health of what moves telemetry. */
export function prometheusRoutes({ telemetry, deployments, infra }: Deps): Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      scope: 'read',
      async handle({ response, caller }) {
        const columns = await infra.columns.health()
        const traffic = columns.up ? (await telemetry.summarizeTraffic({ windowMs: WINDOW_MS }, caller)).deployments : []
        const moving = telemetry.health()
        const runtimes = await deployments.runtimeHealth(caller.project)
        const of = (value: (one: (typeof traffic)[number]) => number): Sample[] =>
          traffic.map((one) => ({ labels: { deployment: one.deployment }, value: value(one) }))
        const text = [
          {
            name: 'setpoint_requests_per_second',
            help: 'Requests a second over the last minute.',
            type: 'gauge' as const,
            samples: of((one) => one.ratePerS),
          },
          ...(['p50', 'p95', 'p99'] as const).map((q) => ({
            name: `setpoint_latency_${q}_seconds`,
            help: `Latency of scoring over the last minute, ${q}.`,
            type: 'gauge' as const,
            samples: of((one) => one.latencyUs[q] / 1e6),
          })),
          ...runtimeMetrics(runtimes),
          {
            name: 'setpoint_telemetry_queued_bytes',
            help: 'Telemetry on disk that the store has not taken yet.',
            type: 'gauge' as const,
            samples: [{ labels: {}, value: moving.queuedBytes }],
          },
          {
            name: 'setpoint_telemetry_refused_total',
            help: 'Records that found the spool full.',
            type: 'counter' as const,
            samples: [{ labels: {}, value: infra.spool.stats().refused }],
          },
          {
            name: 'setpoint_columns_up',
            help: 'Whether the telemetry store answers.',
            type: 'gauge' as const,
            samples: [{ labels: {}, value: columns.up ? 1 : 0 }],
          },
          {
            name: 'setpoint_columns_restarts_total',
            help: 'Restarts of the embedded telemetry store.',
            type: 'counter' as const,
            samples: [{ labels: {}, value: columns.restarts }],
          },
          {
            name: 'process_resident_memory_bytes',
            help: 'Resident memory of the server.',
            type: 'gauge' as const,
            samples: [{ labels: {}, value: process.memoryUsage.rss() }],
          },
        ].map(metricText)
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text.join(''))
      },
    },
  ]
}

const breakerValues = { closed: 0, half_open: 1, open: 2 } as const

/** How the runtimes outside this process fare: workers and servers elsewhere. */
function runtimeMetrics(runtimes: Awaited<ReturnType<Deployments['runtimeHealth']>>): Metric[] {
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

function metricText({ name, help, type, samples }: Metric): string {
  const lines = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).map(
      ([label, text]) => `${label}="${text.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`,
    )
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}
