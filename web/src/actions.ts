import type { Scope } from '../../src/contract/endpoint.ts'
import { type LoopRun, loops } from '../../src/contract/loops.ts'

export type Action = 'approve' | 'hold' | 'resume' | 'abort' | 'roll_back'

export const actions = {
  approve: { name: 'Approve', endpoint: loops.approveRun, says: 'The run goes on. Your name and reason go into the ledger.' },
  hold: {
    name: 'Hold',
    endpoint: loops.holdRun,
    says: 'The run stops before its next step. What is running goes on; traffic stays where it is.',
  },
  resume: { name: 'Resume', endpoint: loops.resumeRun, says: 'The run goes on from the step it was held in.' },
  abort: {
    name: 'Abort',
    endpoint: loops.abortRun,
    says: 'The run ends. A challenger that meets traffic is taken off it; the champion keeps all traffic.',
  },
  roll_back: {
    name: 'Roll back',
    endpoint: loops.rollBackRun,
    says: 'All traffic returns to the champion; after a promotion, to the champion before it.',
  },
} as const satisfies Record<Action, { name: string; endpoint: (typeof loops)[keyof typeof loops]; says: string }>

export const actionNames = Object.keys(actions) as Action[]

/** Why an action cannot be taken on a run now; undefined when it can. */
export function refusalOf(action: Action, run: LoopRun, scopes: readonly Scope[]): string | undefined {
  const { scope } = actions[action].endpoint
  return stateRefusal(action, run) ?? (scopes.includes(scope) ? undefined : `your role lacks the scope “${scope}”`)
}

function stateRefusal(action: Action, run: LoopRun): string | undefined {
  const ended = run.state === 'ended'
  switch (action) {
    case 'approve':
      return run.state === 'waiting_for_approval' ? undefined : 'the run does not wait for approval'
    case 'hold':
      return ended ? 'the run has ended' : run.state === 'held' ? 'the run is held' : undefined
    case 'resume':
      return run.state === 'held' ? undefined : 'the run is not held'
    case 'abort':
      return ended ? 'the run has ended' : undefined
    case 'roll_back':
      if (run.rollout === null) return 'the run has changed no traffic'
      return ended && run.outcome !== 'promoted' ? 'the run’s rollout is over' : undefined
  }
}
