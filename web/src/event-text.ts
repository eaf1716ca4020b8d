import type { DomainEvent } from '../../src/contract/activity.ts'
import { type EventName, events } from '../../src/contract/events.ts'
import { wordsFrom } from './format.ts'

/** An event in one line: what moved, where to, and why. */
export function textOf({ name, data }: DomainEvent): string {
  const said = (key: string) => (typeof data[key] === 'string' || typeof data[key] === 'number' ? String(data[key]) : '')
  const named = (key: string) => wordsFrom(said(key))
  switch (name as EventName) {
    case 'loops.started':
      return line('the loop began', said('reason'))
    case 'loops.advanced':
      return line(data.state === 'held' ? `the loop is held in ${named('step')}` : `the loop is at ${named('step')}`, said('reason'))
    case 'loops.ended':
      return line(`the loop ended: ${named('outcome')}`, said('reason'))
    case 'gates.decided':
      return line(`the gate says ${named('verdict')} to version ${said('challenger')}`, said('reason'))
    case 'rollouts.started':
    case 'rollouts.advanced':
    case 'rollouts.ended':
      if (data.state === 'won') return line(`version ${said('challenger')} won its canary`, said('verdict'))
      return line(
        `version ${said('challenger')} is ${data.held === true ? 'held in ' : data.state === 'shadow' || data.state === 'canary' ? 'in ' : ''}${named('state')}`,
        said('verdict') || said('reason'),
      )
    case 'registry.alias_moved':
      return line(`${said('alias')} of ${said('model')} is version ${said('version')}`, said('reason'))
    case 'deployments.route_changed':
      return line(
        data.mode === 'steady' ? 'all traffic goes to the champion' : `version ${said('challengerVersion')} is in ${said('mode')}`,
        said('reason'),
      )
    case 'retraining.ended':
      return line(`training ${said('state')}`, said('problem') || (said('version') && `version ${said('version')}`))
    case 'documents.applied':
      return `${said('kind')} ${said('name')} was ${said('change')}, version ${said('version')}`
    case 'alerts.fired':
      return line('alert', said('title').replace(`${said('deployment')}: `, ''))
    default:
      return line(events[name as EventName] ?? name, said('reason'))
  }
}

/** Newest first, and of a run’s many looks at one step only the newest. */
export function collapse(all: readonly DomainEvent[]): DomainEvent[] {
  const seen = new Set<string>()
  return [...all]
    .sort((a, b) => b.at - a.at)
    .filter(({ name, subject, data }) => {
      if (name !== 'loops.advanced') return true
      const look = `${subject}/${data.step}`
      return !seen.has(look) && seen.add(look)
    })
}

export function deploymentOf({ data }: DomainEvent): string | undefined {
  return typeof data.deployment === 'string' ? data.deployment : undefined
}

function line(what: string, why: string): string {
  return why === '' ? what : `${what}: ${why}`
}
