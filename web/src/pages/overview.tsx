import { useEffect } from 'react'
import { alerts } from '../../../src/contract/alerts.ts'
import { deployments } from '../../../src/contract/deployments.ts'
import { drift } from '../../../src/contract/drift.ts'
import { incidents } from '../../../src/contract/incidents.ts'
import { loops } from '../../../src/contract/loops.ts'
import { objectives } from '../../../src/contract/objectives.ts'
import { telemetry } from '../../../src/contract/telemetry.ts'
import { useConsole } from '../console.tsx'
import { formatCount } from '../format.ts'
import { healthOf, worstFirst } from '../health.ts'
import { Attention } from '../parts/attention.tsx'
import { DeploymentRow } from '../parts/deployment-row.tsx'
import { EmptyHouse } from '../parts/empty-house.tsx'
import { Problem, Skeleton } from '../parts/notes.tsx'
import { useLive } from '../use-live.ts'

const POLL_MS = 2_500
const LAST_MINUTE_MS = 60_000
/** What events announce is read again now and then all the same. */
const SLOW_POLL_MS = 15_000

/** Every deployment with its set points, what is measured and what the loop does about it; what needs a person first. */
export function OverviewPage() {
  const { client } = useConsole()
  const slow = SLOW_POLL_MS
  const all = useLive('deployments', () => client.call(deployments.listDeployments, {}), {
    topics: ['deployments', 'documents', 'registry'],
    pollMs: slow,
  })
  const traffic = useLive('traffic', () => client.call(telemetry.summarizeTraffic, { windowMs: LAST_MINUTE_MS }), {
    topics: ['deployments', 'documents'],
    pollMs: POLL_MS,
  })
  const monitors = useLive('monitors', () => client.call(drift.listMonitors, {}), {
    topics: ['drift', 'documents', 'registry'],
    pollMs: POLL_MS,
  })
  const measured = useLive('objectives', () => client.call(objectives.listObjectives, {}), { topics: ['documents'], pollMs: POLL_MS })
  const runs = useLive('runs', () => client.call(loops.listRuns, { limit: 200 }), { topics: ['loops'], pollMs: slow })
  const open = useLive('incidents', () => client.call(incidents.listIncidents, { state: 'open', limit: 200 }), {
    topics: ['incidents'],
    pollMs: slow,
  })
  const firing = useLive('alerts', () => client.call(alerts.listAlerts, { state: 'firing', limit: 200 }), {
    topics: ['alerts'],
    pollMs: slow,
  })
  const error = [all, traffic, monitors, measured, runs, open, firing].find((read) => read.error)?.error

  const known = (all.value ?? []).map((deployment) => {
    const own = { deployment: deployment.name }
    const known = {
      deployment,
      objectives: (measured.value ?? []).filter((objective) => objective.spec.deployment === own.deployment),
      monitors: (monitors.value ?? []).filter((monitor) => monitor.deployment === own.deployment),
      runs: (runs.value ?? []).filter((run) => run.deployment === own.deployment),
      incidents: (open.value ?? []).filter((incident) => incident.deployment === own.deployment),
      alerts: (firing.value ?? []).filter((alert) => alert.deployment === own.deployment),
    }
    return { known, health: healthOf(known) }
  })
  const needing = known.filter(({ health }) => health.level === 'bad' || health.level === 'act').length
  const ready = all.value !== undefined && measured.value !== undefined && monitors.value !== undefined

  useEffect(() => {
    document.title = `${needing > 0 ? `(${needing}) ` : ''}Overview · Setpoint`
  }, [needing])

  return (
    <>
      <div className="page-head">
        <h1>Overview</h1>
        {ready && <p className="dim">{headline(known.length, needing)}</p>}
      </div>
      {error && <Problem error={error} what="What is shown" stale={ready} />}
      {!ready && !error && <Skeleton rows={3} height={132} />}
      {ready && known.length === 0 && <EmptyHouse />}
      {ready && (
        <div className="deployments">
          {worstFirst(known).map(({ known, health }) => (
            <DeploymentRow
              key={known.deployment.name}
              known={known}
              health={health}
              traffic={traffic.value?.deployments.find((one) => one.deployment === known.deployment.name)}
            />
          ))}
        </div>
      )}
      {ready && (known.length > 0 || (open.value?.length ?? 0) > 0) && (
        <Attention incidents={open.value} alerts={firing.value} onChanged={firing.reload} />
      )}
    </>
  )
}

function headline(count: number, needing: number): string {
  const many = `${formatCount(count)} ${count === 1 ? 'deployment' : 'deployments'}`
  return needing === 0 ? `${many}, none needs a person` : `${many}, ${formatCount(needing)} off the mark`
}
