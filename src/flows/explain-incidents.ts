import type { Caller } from '../contract/endpoint.ts'
import { AppError } from '../contract/errors.ts'
import type { Diagnosis } from '../contract/triage.ts'
import type { Bus } from '../infra/bus/index.ts'
import type { Clock } from '../infra/clock.ts'
import type { Jobs } from '../infra/jobs/index.ts'
import type { Sql } from '../infra/sql/index.ts'
import type { Incidents } from '../modules/change/incidents/index.ts'
import type { Loops } from '../modules/change/loops/index.ts'
import type { Triage } from '../modules/change/triage/index.ts'

type Deps = { sql: Sql; bus: Bus; jobs: Jobs; clock: Clock; incidents: Incidents; loops: Loops; triage: Triage }
type Task = {
  readonly project: string
  readonly incident: string
  readonly detection: string
  readonly openedAt: number
  readonly look: number
}

/** How long after the incident was opened its detection is diagnosed: rows and labels must have come. Where they have not, later. */
const LOOKS_AFTER_MS = [10_000, 60_000, 600_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000] as const
const NAMED = 5

/**
 * A loop opened an incident for a detection → what is behind it is written on the incident, so that whoever is called finds it there. It
 * changes nothing that the loop does, which decides by its own triage.
 */
export function explainIncidents({ sql, bus, jobs, clock, incidents, loops, triage }: Deps): void {
  const callerIn = (project: string): Caller => ({
    id: 'setpoint',
    project,
    scopes: new Set(['read', 'write']),
    requestId: 'explain-incidents',
  })
  const ask = (task: Task) =>
    jobs.enqueue(sql, {
      kind: 'incidents.explain',
      project: task.project,
      key: `${task.incident}/${task.look}`,
      payload: task,
      runAtMs: Math.max(clock.now(), task.openedAt + LOOKS_AFTER_MS[task.look]!),
    })

  bus.on('incidents.opened', 'explain-incidents', async ({ project, subject }) => {
    const incident = await incidents.getIncident({ id: subject }, callerIn(project))
    const detection = incident.loopRun && (await loops.find(project, incident.loopRun))?.cause.detection
    if (detection) await ask({ project, incident: incident.id, detection, openedAt: incident.openedAt, look: 0 })
  })
  jobs.define('incidents.explain', {
    run: async ({ payload }) => {
      const task = payload as Task
      const caller = callerIn(task.project)
      const found = await diagnosisOrWhyNot(triage, task.detection, caller)
      if (typeof found === 'string' && task.look + 1 < LOOKS_AFTER_MS.length) {
        await ask({ ...task, look: task.look + 1 })
        return
      }
      const text = typeof found === 'string' ? `No diagnosis: ${found}` : noteOf(found)
      await incidents.addNote({ id: task.incident, text: text.slice(0, 4_000) }, caller)
    },
  })
}

/** Too few rows, or no reference: that may still change. */
async function diagnosisOrWhyNot(triage: Triage, id: string, caller: Caller): Promise<Diagnosis | string> {
  try {
    return await triage.diagnoseDetection({ id }, caller)
  } catch (error) {
    if (error instanceof AppError && error.code === 'conflict') return error.message
    throw error
  }
}

function noteOf({ cause, confidence, summary, features, attack, blastRadius, response, rows, labelledRows, detection }: Diagnosis): string {
  const named = features.slice(0, NAMED).map(({ name, share }) => `${name} ${Math.round(100 * share)} %`)
  const actors = [...new Set(attack.flatMap((one) => one.actors))].slice(0, NAMED)
  const { requests, deployments, streams, batches } = blastRadius
  const others = [...deployments, ...streams, ...batches]
  return [
    `Diagnosis: ${cause.replaceAll('_', ' ')} (weight ${confidence.toFixed(2)} of 1), from ${rows} rows, ${labelledRows} of them labelled. ${summary}`,
    ...(named.length > 0 ? [`Moved: ${named.join(', ')}.`] : []),
    ...(actors.length > 0 ? [`Stand out: ${actors.join(', ')}.`] : []),
    `Reached: ${requests} requests since; ${others.join(', ')}.`,
    `Suggested: ${response.suggested.replaceAll('_', ' ')}: ${response.why}`,
    `All of it: setpoint triage diagnose-detection ${detection}`,
  ].join('\n')
}
