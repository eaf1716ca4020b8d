import type { Caller } from '../../../contract/endpoint.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Deployments } from '../../serving/deployments/index.ts'
import type { Next } from './judge.ts'
import { type Kept, rolloutsTable, type Store } from './store.ts'

type Actor = Pick<Caller, 'id' | 'project'>
type Deps = { clock: Clock; ledger: Ledger; bus: Bus; registry: Registry; deployments: Deployments; store: Store }
export type Transitions = ReturnType<typeof createTransitions>

/** Writes a rollout’s changes, each with everything that goes with it, inside the transaction that decides them. */
export function createTransitions({ clock, ledger, bus, registry, deployments, store }: Deps) {
  async function save(
    tx: Tx,
    caller: Actor,
    rollout: Kept,
    event: 'started' | 'advanced' | 'ended',
    operation: string,
    reason: string,
  ): Promise<void> {
    await store.rollouts.save(tx, rollout)
    await ledger.seal(tx, { caller, reason, operation: `rollouts.${operation}`, table: rolloutsTable, key: [rollout.id] })
    const { deployment, state, challenger, champion, held, verdict, loopRun } = rollout
    await bus.publish(tx, {
      name: `rollouts.${event}`,
      project: caller.project,
      subject: rollout.id,
      data: { deployment, state, challenger, champion, held, verdict, loopRun, reason },
    })
  }

  /** Takes a rollout to its next state with everything that goes with it: route, aliases, ledger, event. */
  async function move(tx: Tx, caller: Actor, rollout: Kept, { state, verdict }: Next, operation: string): Promise<Kept> {
    const now = clock.now()
    const over = state === 'promoted' || state === 'rolled_back'
    const after: Kept = {
      ...(await store.withEvidence(tx, caller.project, rollout)),
      state,
      verdict,
      stageStartedAt: now,
      endedAt: over ? now : null,
    }
    const change = { caller, reason: verdict, operation: `rollouts.${operation}` }
    const { deployment, model, challenger, plan } = rollout
    if (state === 'canary') {
      const route = { mode: 'canary', challengerVersion: challenger, percent: plan.canary.percent, rollout: rollout.id } as const
      await deployments.setRouteIn(tx, deployment, route, change)
    }
    if (over) {
      if (state === 'promoted') await registry.moveAliasIn(tx, { model, alias: 'champion', version: challenger, reason: verdict }, caller)
      await registry.removeAliasIn(tx, { model, alias: 'challenger', reason: verdict }, caller)
      await deployments.setRouteIn(tx, deployment, { mode: 'steady', challengerVersion: null, percent: 0, rollout: null }, change)
    }
    await save(tx, caller, after, over ? 'ended' : 'advanced', operation, verdict)
    return after
  }

  return { save, move }
}
