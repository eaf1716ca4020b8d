import { AppError } from '../../../contract/errors.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { thresholdOf } from '../../../lib/processing/processing.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Deployments } from '../../serving/deployments/index.ts'
import type { Rollouts } from './rollouts.ts'
import { type Kept, type Store, shownRollout } from './store.ts'
import type { Transitions } from './transitions.ts'

type Deps = { sql: Sql; clock: Clock; ids: Ids; documents: Documents; registry: Registry; deployments: Deployments }
type Start = Parameters<Rollouts['startRollout']>[0]

/** States in which a rollout still has a way to go; a deployment has one such rollout at most. */
export const running: readonly Kept['state'][] = ['shadow', 'canary', 'won']

/** The verb that begins a rollout in shadow. `checkLater` is called in its transaction, once. */
export function createStart(
  { sql, clock, ids, documents, registry, deployments }: Deps,
  store: Store,
  { save }: Transitions,
  checkLater: (tx: Tx, project: string, rollout: string) => Promise<void>,
): Rollouts['startRollout'] {
  return async (start, caller) => {
    const { deployment, challenger, key, reason } = start
    const { project } = caller
    const target = await documents.need('Deployment', project, deployment)
    const { champion, candidate } = await comparable(registry, project, target.spec.model, challenger)
    return await sql.transaction(async (tx) => {
      const earlier = key === undefined ? undefined : await store.rollouts.findByKey(tx, project, key)
      if (earlier) return shownRollout(earlier)
      if (champion.version === challenger) throw new AppError('conflict', `version ${challenger} is the champion already`)
      const [busy] = await store.rollouts.list(tx, { project, deployment, state: running, limit: 1 })
      if (busy)
        throw new AppError(
          'conflict',
          `deployment ${deployment} is in rollout ${busy.id} of version ${busy.challenger}; wait for it or roll it back`,
        )
      const rollout = newRollout(ids('roll'), start, target, { champion, candidate }, clock.now())
      await store.rollouts.insert(tx, project, rollout, key)
      await store.evidences.insert(tx, project, { id: rollout.id, shadow: null, canary: null, counted: {} })
      await registry.moveAliasIn(tx, { model: rollout.model, alias: 'challenger', version: challenger, reason }, caller)
      await deployments.setRouteIn(
        tx,
        deployment,
        { mode: 'shadow', challengerVersion: challenger, percent: 0, rollout: rollout.id },
        { caller, reason, operation: 'rollouts.startRollout' },
      )
      await save(tx, caller, rollout, 'started', 'startRollout', reason)
      await checkLater(tx, project, rollout.id)
      return shownRollout(rollout)
    })
  }
}

type Pair = { readonly champion: ModelVersion; readonly candidate: ModelVersion }

/** The challenger, and the champion it is paired with on every request. Throws `conflict` when there is none, or it takes other features. */
async function comparable(registry: Registry, project: string, model: string, challenger: number): Promise<Pair> {
  const champion = await registry.champion(project, model)
  if (!champion) throw new AppError('conflict', `model ${model} has no champion; register a version with "--alias champion" instead`)
  const candidate = await registry.version(project, model, challenger)
  if (candidate.features.join() !== champion.features.join())
    throw new AppError(
      'conflict',
      `version ${challenger} takes other features than the champion, version ${champion.version}; requests cannot be paired`,
    )
  return { champion, candidate }
}

function newRollout(id: string, start: Start, { spec }: Declared<'Deployment'>, { champion, candidate }: Pair, nowMs: number): Kept {
  return {
    id,
    deployment: start.deployment,
    model: spec.model,
    champion: champion.version,
    challenger: start.challenger,
    state: 'shadow',
    held: false,
    plan: start.plan,
    shadow: null,
    canary: null,
    verdict: null,
    loopRun: start.loopRun ?? null,
    startedAt: nowMs,
    stageStartedAt: nowMs,
    endedAt: null,
    threshold: thresholdOf(champion.processing, spec.threshold),
    challengerThreshold: thresholdOf(candidate.processing, spec.threshold),
  }
}
