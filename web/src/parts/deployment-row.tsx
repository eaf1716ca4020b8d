import { type TrafficSummary, telemetry } from '../../../src/contract/telemetry.ts'
import { useConsole } from '../console.tsx'
import { formatCount, formatLatency, formatPercent, formatRate, NONE } from '../format.ts'
import type { Health, Known } from '../health.ts'
import { deploymentPath, loopPath } from '../routes.ts'
import { highest, seriesFrom } from '../series.ts'
import { useLive } from '../use-live.ts'
import { EvidenceBar } from './evidence-bar.tsx'
import { Instant } from './instant.tsx'
import { Link } from './link.tsx'
import { Pill } from './notes.tsx'
import { Objective } from './objective.tsx'
import { RouteLine } from './route-line.tsx'
import { RunState } from './run-state.tsx'
import { Sparkline } from './sparkline.tsx'

const WINDOW_MS = 15 * 60_000
const BUCKETS = 90
const POLL_MS = 3_000
/** Stands where a number will be in a moment. */
const READING = '…'

/** One deployment on one row: where its traffic goes and everything measured of it. */
export function DeploymentRow({ known, health, traffic }: { known: Known; health: Health; traffic: TrafficSummary | undefined }) {
  const { deployment, objectives, monitors, runs } = known
  return (
    <section className={`deployment ${health.level}`} aria-labelledby={`deployment-${deployment.name}`}>
      <div className="cell identity">
        <h2 id={`deployment-${deployment.name}`}>
          <Link to={deploymentPath(deployment.name)}>{deployment.name}</Link>
        </h2>
        <Pill tone={health.level}>{health.says}</Pill>
        <RouteLine deployment={deployment} traffic={traffic} />
      </div>
      <Traffic name={deployment.name} traffic={traffic} />
      <div className="cell">
        <h3>Latency, 1 min</h3>
        <dl className="figures">
          {(['p50', 'p95', 'p99'] as const).map((quantile) => (
            <div key={quantile}>
              <dt>{quantile}</dt>
              <dd className="figure">{traffic && traffic.requests > 0 ? formatLatency(traffic.latencyUs[quantile]) : NONE}</dd>
            </div>
          ))}
        </dl>
      </div>
      <div className="cell">
        <h3>Set points</h3>
        {objectives.map((objective) => (
          <Objective key={objective.name} objective={objective} />
        ))}
        {objectives.length === 0 && <p className="dim">No Objective names this deployment.</p>}
      </div>
      <div className="cell">
        <h3>Drift evidence, log scale</h3>
        {monitors.map((monitor) =>
          monitor.ready ? (
            monitor.signals.map((signal) => (
              <EvidenceBar
                key={`${monitor.name}/${signal.signal}`}
                name={signal.signal === 'features' ? 'inputs' : 'labelled error'}
                {...signal}
              />
            ))
          ) : (
            <p key={monitor.name} className="dim">
              Monitor {monitor.name}: {monitor.problem}
            </p>
          ),
        )}
        {monitors.length === 0 && <p className="dim">No Monitor watches this deployment.</p>}
      </div>
      <div className="cell">
        <h3>Loop</h3>
        {runs.slice(0, 2).map((run) => (
          <Link key={run.id} to={loopPath(run.id)} className="run-line">
            <RunState run={run} /> <Instant at={run.endedAt ?? run.startedAt} only="age" />
            <span className="run-cause" title={run.reason ?? run.cause.summary}>
              {run.cause.summary}
            </span>
          </Link>
        ))}
        {runs.length === 0 && <p className="dim">No run yet.</p>}
      </div>
    </section>
  )
}

function Traffic({ name, traffic }: { name: string; traffic: TrafficSummary | undefined }) {
  const { client } = useConsole()
  const read = useLive(
    `series/${name}`,
    () => client.call(telemetry.seriesTraffic, { deployment: name, windowMs: WINDOW_MS, buckets: BUCKETS }),
    { topics: [], pollMs: POLL_MS },
  )
  const window = { windowMs: WINDOW_MS, nowMs: Date.now() }
  const rates = read.value && seriesFrom(read.value, (point) => ((point?.requests ?? 0) * 1_000) / read.value!.bucketMs, window)
  const errors = read.value && seriesFrom(read.value, (point) => point?.errorRate ?? null, window)
  const worst = highest(errors ?? [])
  const peak = highest(rates ?? [])
  return (
    <div className="cell traffic">
      <h3>Traffic, 15 min</h3>
      <div className="pair">
        <Sparkline series={rates} label={`requests per second over the last 15 minutes, at most ${formatRate(peak)}`} />
        <span>
          <b className="figure">{traffic ? formatRate(traffic.ratePerS) : '0/s'}</b>
          <small className="dim">peak {rates ? formatRate(peak) : READING}</small>
        </span>
        <Sparkline
          series={errors}
          tone="bad"
          label={`share of labelled predictions that were wrong over the last 15 minutes, at most ${formatPercent(worst)}`}
        />
        <span>
          <b className="figure">
            {errors ? lastKnown(errors) : READING} <span className="dim">wrong</span>
          </b>
          <small className="dim">peak {errors ? formatPercent(worst) : READING}</small>
        </span>
      </div>
      <p className="dim figure">{`${formatCount(traffic?.requests ?? 0)} requests in the last min`}</p>
    </div>
  )
}

function lastKnown(series: readonly (number | null)[]): string {
  const last = series.findLast((value) => value !== null)
  return last === undefined || last === null ? NONE : formatPercent(last)
}
