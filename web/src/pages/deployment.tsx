import { useEffect } from 'react'
import { type Deployment, deployments } from '../../../src/contract/deployments.ts'
import { registry } from '../../../src/contract/registry.ts'
import { type TrafficPoint, telemetry } from '../../../src/contract/telemetry.ts'
import { useConsole } from '../console.tsx'
import { Crumbs } from '../parts/crumbs.tsx'
import { type Curve, CurveChart } from '../parts/curve-chart.tsx'
import { DeploymentRules } from '../parts/deployment-rules.tsx'
import { Link } from '../parts/link.tsx'
import { MonitorList } from '../parts/monitor-list.tsx'
import { Pill, Problem, Skeleton } from '../parts/notes.tsx'
import { PredictionTable } from '../parts/prediction-table.tsx'
import { RouteLine } from '../parts/route-line.tsx'
import { Section } from '../parts/section.tsx'
import { TryIt } from '../parts/try-it.tsx'
import { versionPath } from '../routes.ts'
import { useLive } from '../use-live.ts'

const WINDOW_MS = 15 * 60_000
const BUCKETS = 90
const POLL_MS = 3_000

/** One deployment: where its requests go, how they are answered, what its rules are, and a form to ask it. */
export function DeploymentPage({ name }: { name: string }) {
  const { client, base } = useConsole()
  const { value: deployment, error } = useLive(
    `${base}/deployment/${name}`,
    () => client.call(deployments.getDeployment, { deployment: name }),
    { topics: ['deployments', 'documents', 'registry'], pollMs: POLL_MS },
  )
  const summary = useLive(
    `${base}/traffic/${name}`,
    () => client.call(telemetry.summarizeTraffic, { windowMs: 60_000, deployment: name }),
    { topics: [], pollMs: POLL_MS },
  )
  useEffect(() => {
    document.title = `${name} · Setpoint`
  }, [name])
  return (
    <>
      <Crumbs above={[['/', 'Overview']]} here={name} />
      <div className="page-head">
        <h1>{name}</h1>
        {deployment && <Pill tone={deployment.ready ? (deployment.problem ? 'watch' : 'good') : 'bad'}>{stateOf(deployment)}</Pill>}
      </div>
      {error && <Problem error={error} what="This deployment" stale={deployment !== undefined} />}
      {!deployment && !error && <Skeleton rows={4} height={60} />}
      {deployment?.problem && <p className="inline-problem">{deployment.problem}</p>}
      {deployment && (
        <div className="boxes">
          <Section title="Requests, the last 15 minutes" wide>
            <Traffic name={name} />
          </Section>
          <div className="column">
            <Section title="Where requests go" aside={<Champion deployment={deployment} />}>
              <RouteLine deployment={deployment} traffic={summary.value?.deployments[0]} />
            </Section>
            <Section title="Rules and limits">
              <DeploymentRules deployment={deployment} />
            </Section>
          </div>
          <div className="column">
            <Section title="Drift">
              <MonitorList deployment={name} />
            </Section>
            <Section title="Try it">
              <Asking deployment={deployment} />
            </Section>
          </div>
          <Section title="Newest predictions" wide>
            <PredictionTable deployment={name} />
          </Section>
        </div>
      )}
    </>
  )
}

function stateOf({ ready, problem }: Deployment): string {
  if (!ready) return 'cannot serve'
  return problem === null ? 'serving' : 'serving what it served before'
}

function Champion({ deployment: { spec, route } }: { deployment: Deployment }) {
  if (route.championVersion === null) return null
  return (
    <Link to={versionPath(spec.model, route.championVersion)}>
      {spec.model} version {route.championVersion}
    </Link>
  )
}

function Asking({ deployment: { name, spec, route } }: { deployment: Deployment }) {
  const { client, base } = useConsole()
  const version = route.championVersion
  const { value, error } = useLive(
    `${base}/version/${spec.model}/${version}`,
    async () => (version === null ? undefined : await client.call(registry.getVersion, { model: spec.model, version })),
    { topics: [], pollMs: 600_000 },
  )
  if (error) return <Problem error={error} what="The model’s features" stale={false} />
  if (!value) return <p className="dim">There is no champion to ask.</p>
  if (value.features.length === 0)
    return <p className="dim">This model takes tensors, not rows of features: ask it by the Open Inference Protocol.</p>
  return <TryIt key={value.version} deployment={name} features={value.features} rules={spec.features} />
}

function Traffic({ name }: { name: string }) {
  const { client, base } = useConsole()
  const { value, error } = useLive(
    `${base}/series/${name}`,
    () => client.call(telemetry.seriesTraffic, { deployment: name, windowMs: WINDOW_MS, buckets: BUCKETS }),
    { topics: [], pollMs: POLL_MS },
  )
  if (!value) return error ? <Problem error={error} what="Traffic" stale={false} /> : <Skeleton rows={1} height={180} />
  // The bucket that is still filling would always seem to fall.
  const points = value.points.slice(0, -1)
  const curve = (id: string, tone: number, read: (point: TrafficPoint) => number | null): Curve => ({
    id,
    name: id,
    tone,
    points: points.map((point) => ({ step: 0, at: point.at, value: read(point) })),
  })
  const latency = (quantile: 'p50' | 'p95' | 'p99') => (point: TrafficPoint) =>
    point.requests === 0 ? null : point.latencyUs[quantile] / 1_000
  return (
    <div className="metric-grid">
      <div className="metric">
        <h3>Requests a second</h3>
        <CurveChart metric="Requests a second" curves={[curve('rate', 0, (point) => (point.requests * 1_000) / value.bucketMs)]} />
      </div>
      <div className="metric">
        <h3>Latency of scoring, ms</h3>
        <CurveChart
          metric="Latency of scoring in milliseconds"
          curves={[curve('p50', 0, latency('p50')), curve('p95', 1, latency('p95')), curve('p99', 2, latency('p99'))]}
        />
      </div>
      <div className="metric">
        <h3>Mean score</h3>
        <CurveChart metric="Mean score" curves={[curve('score', 0, (point) => point.meanScore)]} />
      </div>
    </div>
  )
}
