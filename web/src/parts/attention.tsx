import { useState } from 'react'
import { type Alert, alerts as alertsContract } from '../../../src/contract/alerts.ts'
import { messageFrom } from '../../../src/contract/errors.ts'
import type { Incident } from '../../../src/contract/incidents.ts'
import { type AlertGroup, groupAlerts } from '../alert-groups.ts'
import { useConsole } from '../console.tsx'
import { loopPath } from '../routes.ts'
import { Activity } from './activity.tsx'
import { Instant } from './instant.tsx'
import { Link } from './link.tsx'
import { Pill } from './notes.tsx'

const SHOWN = 8

/** What is open: incidents, firing alerts, and what happened lately. */
export function Attention({
  incidents,
  alerts,
  onChanged,
}: {
  incidents: Incident[] | undefined
  alerts: Alert[] | undefined
  onChanged: () => void
}) {
  const groups = alerts && groupAlerts(alerts)
  return (
    <div className="attention">
      <section aria-labelledby="incidents">
        <h2 id="incidents">
          Open incidents <span className="count figure">{incidents?.length ?? '…'}</span>
        </h2>
        <ul>
          {incidents?.slice(0, SHOWN).map((incident) => (
            <li key={incident.id}>
              <Pill tone={incident.severity === 'page' ? 'bad' : 'watch'}>{incident.severity}</Pill>
              <span className="grow">
                <b>{incident.deployment}</b>{' '}
                {incident.loopRun ? <Link to={loopPath(incident.loopRun)}>{incident.title}</Link> : incident.title}
              </span>
              <Instant at={incident.openedAt} only="age" />
            </li>
          ))}
        </ul>
        <More all={incidents} none="None is open." />
      </section>
      <section aria-labelledby="alerts">
        <h2 id="alerts">
          Firing alerts <span className="count figure">{alerts?.length ?? '…'}</span>
        </h2>
        <ul>
          {groups?.slice(0, SHOWN).map((group) => (
            <AlertLine key={group.newest.id} group={group} onChanged={onChanged} />
          ))}
        </ul>
        <More all={groups} none="None fires." />
      </section>
      <Activity />
    </div>
  )
}

function More({ all, none }: { all: readonly unknown[] | undefined; none: string }) {
  if (all?.length === 0) return <p className="dim">{none}</p>
  return all && all.length > SHOWN ? <p className="dim">and {all.length - SHOWN} older</p> : null
}

function AlertLine({ group, onChanged }: { group: AlertGroup; onChanged: () => void }) {
  const alert = group.newest
  const { client, session } = useConsole()
  const [problem, setProblem] = useState<string>()
  const may = session?.scopes.includes('write') ?? false
  async function acknowledge() {
    try {
      for (const id of group.ids) await client.call(alertsContract.acknowledgeAlert, { id, reason: 'seen in the console' })
      onChanged()
    } catch (error) {
      setProblem(messageFrom(error))
    }
  }
  return (
    <li>
      <Pill tone={alert.severity === 'page' ? 'bad' : 'watch'}>{alert.severity}</Pill>
      <span className="grow" title={`rule ${alert.rule}, owner ${alert.owner}, runbook ${alert.runbook}`}>
        {group.ids.length > 1 && <span className="dim figure">{group.ids.length} × </span>}
        {alert.title}
        {problem && (
          <span className="inline-problem" role="alert">
            {problem}
          </span>
        )}
      </span>
      <Instant at={alert.at} only="age" />
      <button
        type="button"
        className="quiet"
        disabled={!may}
        title={may ? undefined : 'your role may not do this'}
        onClick={() => void acknowledge()}
        aria-label={`Acknowledge: ${alert.title}`}
      >
        Ack
      </button>
    </li>
  )
}
