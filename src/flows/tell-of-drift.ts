import type { Caller } from '../contract/endpoint.ts'
import type { Bus } from '../infra/bus/index.ts'
import type { Incidents } from '../modules/change/incidents/index.ts'

type Sustained = {
  readonly monitor: string
  readonly deployment: string
  readonly key: string
  readonly severity: 'minor' | 'moderate' | 'severe'
  readonly columns: readonly string[]
  readonly agreeing: readonly string[]
  readonly reason: string
}

/**
 * Drift lasted over several windows → an incident with what to do about it. Drift of the inputs alone is a ticket; a person is paged only
 * where a second signal agrees: what the model says, what turns out to be true, or its labelled error. When it is over the incident says so,
 * and stays open until somebody closes it with its cause.
 */
export function tellOfDrift({ bus, incidents }: { bus: Bus; incidents: Incidents }): void {
  const callerIn = (project: string): Caller => ({
    id: 'setpoint',
    project,
    scopes: new Set(['read', 'write']),
    requestId: 'tell-of-drift',
  })

  async function incidentOf(
    project: string,
    { monitor, deployment, key }: Pick<Sustained, 'monitor' | 'deployment' | 'key'>,
    told?: Sustained,
  ) {
    const page = told !== undefined && told.agreeing.length > 0 && told.severity !== 'minor'
    const severity = page ? 'page' : 'ticket'
    const subject = told ? told.columns.join(', ') || 'all features together' : monitor
    return await incidents.openIncident(
      {
        deployment,
        title: `Lasting drift: ${subject}`.slice(0, 200),
        severity,
        // A ticket that becomes a page is an incident of its own: somebody else is called.
        key: `drift/${monitor}/${key}/${severity}`,
        reason: told ? `${told.reason}. ${responseTo(told)}`.slice(0, 2_000) : 'the drift began',
      },
      callerIn(project),
    )
  }

  bus.on('drift.sustained', 'tell-of-drift', async ({ project, data }) => {
    const told = data as Sustained
    const incident = await incidentOf(project, told, told)
    await incidents.addNote({ id: incident.id, text: `${told.severity}: ${told.reason}`.slice(0, 4_000) }, callerIn(project))
  })
  bus.on('drift.cleared', 'tell-of-drift', async ({ project, data }) => {
    const cleared = data as Pick<Sustained, 'monitor' | 'deployment' | 'key'>
    const incident = await incidentOf(project, cleared)
    const text = 'The windows look like the reference again. Close this with its cause.'
    await incidents.addNote({ id: incident.id, text }, callerIn(project))
  })
}

/** What usually helps, from what agrees with the drift. */
function responseTo({ agreeing, severity }: Sustained): string {
  if (agreeing.includes('the labelled error rose'))
    return 'Suggested: retrain, or serve an earlier version until then (the labelled error rose).'
  if (agreeing.includes('label drift')) return 'Suggested: review the threshold; what is true has become more or less common.'
  if (agreeing.length > 0) return `Suggested: find what changed upstream before retraining (${agreeing.join(', ')}).`
  return severity === 'severe'
    ? 'Suggested: check the pipelines that feed these features first; nothing else agrees yet.'
    : 'Suggested: watch; inputs alone moved, and nothing else agrees.'
}
