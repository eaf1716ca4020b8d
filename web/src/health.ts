import type { Alert } from '../../src/contract/alerts.ts'
import type { Deployment } from '../../src/contract/deployments.ts'
import type { MonitorState } from '../../src/contract/drift.ts'
import type { Incident } from '../../src/contract/incidents.ts'
import type { LoopRun } from '../../src/contract/loops.ts'
import type { ObjectiveState } from '../../src/contract/objectives.ts'
import { metricNames, wordsFrom } from './format.ts'

/** All that is known about one deployment. */
export type Known = {
  readonly deployment: Deployment
  readonly objectives: readonly ObjectiveState[]
  readonly monitors: readonly MonitorState[]
  /** Newest first. */
  readonly runs: readonly LoopRun[]
  readonly incidents: readonly Incident[]
  readonly alerts: readonly Alert[]
}
type Level = 'bad' | 'act' | 'watch' | 'unknown' | 'good'
export type Health = { readonly level: Level; readonly says: string }

const order: readonly Level[] = ['bad', 'act', 'watch', 'unknown', 'good']

/** The one thing to know first about a deployment: what is broken, then what waits for a person, then what is under way. */
export function healthOf({ deployment, objectives, monitors, runs, incidents, alerts }: Known): Health {
  if (!deployment.ready) return { level: 'bad', says: deployment.problem ?? 'not ready' }
  const page = incidents.find((incident) => incident.severity === 'page') ?? alerts.find((alert) => alert.severity === 'page')
  if (page) return { level: 'bad', says: page.title }
  const run = runs.find((candidate) => candidate.state !== 'ended')
  const missed = objectives.filter((objective) => objective.status === 'missed').map((objective) => metricNames[objective.spec.metric])
  const misses = missed.length > 0 ? `misses ${missed.join(', ')}` : undefined
  const both = (first: string | undefined, second: string | undefined) => [first, second].filter(Boolean).join('; ')
  if (run?.state === 'waiting_for_approval') return { level: 'act', says: both(`${wordsFrom(run.step)} waits for approval`, misses) }
  if (run?.state === 'held') return { level: 'act', says: both(`held by a person in ${wordsFrom(run.step)}`, misses) }
  const under = run && `the loop is at ${wordsFrom(run.step)}`
  if (misses) return { level: 'bad', says: both(misses, under) }
  if (under) return { level: 'watch', says: under }
  if (monitors.some((monitor) => monitor.signals.some((signal) => signal.alarmed))) return { level: 'watch', says: 'drift alarm' }
  if (incidents.length > 0)
    return { level: 'watch', says: incidents.length === 1 ? 'an incident is open' : `${incidents.length} incidents are open` }
  if (objectives.length === 0) return { level: 'unknown', says: 'no objective is set' }
  if (objectives.every((objective) => objective.status === 'insufficient_data'))
    return { level: 'unknown', says: 'too few labels to judge' }
  return { level: 'good', says: 'holds its set points' }
}

/** Orders what needs a person first; the same level keeps its order. */
export function worstFirst<T extends { readonly health: Health }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => order.indexOf(a.health.level) - order.indexOf(b.health.level))
}

/** Where evidence lies on a logarithmic scale that has the alarm threshold at 1; between 0 and `most`. */
export function evidencePosition(evidence: number, threshold: number, most = 1.25): number {
  if (!(evidence > 1) || !(threshold > 1)) return 0
  return Math.min(most, Math.log(evidence) / Math.log(threshold))
}

/** What evidence says in a word. Beyond three quarters of the way, on the logarithmic scale, it is worth a look. */
export function evidenceWord(evidence: number, threshold: number, alarmed: boolean): 'alarm' | 'rising' | 'quiet' {
  return alarmed || evidence >= threshold ? 'alarm' : evidencePosition(evidence, threshold) > 0.75 ? 'rising' : 'quiet'
}
