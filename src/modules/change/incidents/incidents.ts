import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Incident, incidents } from '../../../contract/incidents.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Ledger } from '../../govern/ledger/index.ts'

export type Incidents = Verbs<typeof incidents>

export const incidentsTable = { table: 'incidents', key: ['id'] } as const
const MOST_LINES = 1_000

export function createIncidents(deps: { sql: Sql; clock: Clock; ids: Ids; ledger: Ledger; bus: Bus }): Incidents {
  const { sql, clock, ids, ledger, bus } = deps
  const records = createRecords<Incident>(
    incidentsTable.table,
    (incident) => ({ deployment: incident.deployment, state: incident.state, at: incident.openedAt }),
    sql.dialect,
  )

  async function commit(tx: Tx, caller: Caller, incident: Incident, operation: string, reason: string): Promise<void> {
    await ledger.seal(tx, { caller, reason, operation: `incidents.${operation}`, table: incidentsTable, key: [incident.id] })
    await bus.publish(tx, {
      name: `incidents.${operation === 'openIncident' ? 'opened' : operation === 'closeIncident' ? 'closed' : 'noted'}`,
      project: caller.project,
      subject: incident.id,
      data: { deployment: incident.deployment, title: incident.title, severity: incident.severity },
    })
  }

  async function change(
    caller: Caller,
    id: string,
    operation: string,
    reason: string,
    edit: (incident: Incident) => Incident,
  ): Promise<Incident> {
    return await sql.transaction(async (tx) => {
      const before = await records.lock(tx, caller.project, id)
      if (!before) throw missing(caller.project, id)
      const after = edit(before)
      if (after === before) return before
      await records.save(tx, after)
      await commit(tx, caller, after, operation, reason)
      return after
    })
  }

  return {
    async openIncident({ key, reason, deployment, title, severity, loopRun }, caller) {
      return await sql.transaction(async (tx) => {
        const earlier = key === undefined ? undefined : await records.findByKey(tx, caller.project, key)
        if (earlier) return earlier
        const now = clock.now()
        const timeline = [{ at: now, actor: caller.id, text: `Opened: ${reason}` }]
        const incident: Incident = {
          id: ids('inc'),
          deployment,
          title,
          severity,
          state: 'open',
          cause: null,
          resolution: null,
          loopRun: loopRun ?? null,
          timeline,
          openedAt: now,
          closedAt: null,
        }
        await records.insert(tx, caller.project, incident, key)
        await commit(tx, caller, incident, 'openIncident', reason)
        return incident
      })
    },
    async listIncidents({ deployment, state, limit }, caller) {
      return await records.list(sql, { project: caller.project, deployment, state, limit })
    },
    async getIncident({ id }, caller) {
      const found = await records.find(sql, caller.project, id)
      if (!found) throw missing(caller.project, id)
      return found
    },
    async addNote({ id, text }, caller) {
      return await change(caller, id, 'addNote', text.slice(0, 200), (incident) => {
        if (incident.timeline.at(-1)?.text === text) return incident
        if (incident.timeline.length >= MOST_LINES)
          throw new AppError('too_large', `incident ${id} has ${MOST_LINES} lines already; open another`)
        return { ...incident, timeline: [...incident.timeline, { at: clock.now(), actor: caller.id, text }] }
      })
    },
    async closeIncident({ id, cause, resolution, reason }, caller) {
      return await change(caller, id, 'closeIncident', reason, (incident) => {
        if (incident.state === 'closed') return incident
        const now = clock.now()
        return {
          ...incident,
          state: 'closed',
          cause,
          resolution,
          closedAt: now,
          timeline: [...incident.timeline, { at: now, actor: caller.id, text: `Closed: ${resolution}` }],
        }
      })
    },
  }
}

function missing(project: string, id: string): AppError {
  return new AppError('not_found', `project ${project} has no incident ${id}; see "setpoint incidents list-incidents"`)
}
