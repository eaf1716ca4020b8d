import { poisonedLabelSources } from '../../../contract/quarantine.ts'
import type { Clock } from '../../../infra/clock.ts'
import { segmentPosition } from '../../../infra/segment-id.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { QuarantineWindows } from '../../data/quarantine/index.ts'
import type { Deployments } from '../../serving/deployments/index.ts'
import type { LabelledPair } from '../../watch/labels/index.ts'
import { addPairs, type ScoredPair } from './evidence.ts'
import { judge } from './judge.ts'
import type { Evidence, Kept, Store } from './store.ts'
import type { Transitions } from './transitions.ts'

type Deps = { sql: Sql; clock: Clock; deployments: Deployments; quarantine: QuarantineWindows }

/** Adds the labelled pairs of a segment to the rollouts they belong to, once, and judges them by what they then show. */
export function createCountPairs({ sql, clock, deployments, quarantine }: Deps, store: Store, { move }: Transitions) {
  async function countFor({ project, record }: { project: string; record: Kept }, segmentId: string, pairs: readonly LabelledPair[]) {
    await sql.transaction(async (tx) => {
      const rollout = await store.rollouts.lock(tx, project, record.id)
      if (!rollout || (rollout.state !== 'shadow' && rollout.state !== 'canary')) return
      const before = (await store.evidences.find(tx, project, rollout.id)) ?? { id: rollout.id, shadow: null, canary: null, counted: {} }
      const { node, number } = segmentPosition(segmentId)
      if ((before.counted[node] ?? '') >= number) return
      const scored = pairs.filter((pair) => pair.atMs >= rollout.stageStartedAt).flatMap((pair) => pairFrom(pair, rollout))
      const thresholds = { champion: rollout.threshold, challenger: rollout.challengerThreshold ?? rollout.threshold }
      const test = addPairs(before[rollout.state], scored, thresholds, rollout.plan[rollout.state])
      const after: Evidence = { ...before, [rollout.state]: test, counted: { ...before.counted, [node]: number } }
      await store.evidences.save(tx, after)
      const health = () => deployments.challengerHealth(tx, project, rollout.deployment, rollout.id)
      const next = await judge(rollout, after, health, clock.now())
      if (next) await move(tx, { id: 'setpoint', project }, rollout, next, 'judge')
    })
  }

  return async (segmentId: string, pairs: readonly LabelledPair[]): Promise<void> => {
    for (const active of await store.rollouts.inState(sql, ['shadow', 'canary'])) {
      const { project, record } = active
      const own = pairs.filter((pair) => pair.project === project && pair.deployment === record.deployment)
      if (own.length === 0) continue
      const poisoned = poisonedLabelSources(await quarantine.inForce(project, record.deployment))
      const trusted = own.filter((pair) => !poisoned.has(pair.labelSource))
      await countFor(active, segmentId, trusted)
    }
  }
}

/** The pair as champion and challenger scored it; nothing when one of them did not. */
function pairFrom(pair: LabelledPair, rollout: Kept): ScoredPair[] {
  const byVersion = new Map([
    [pair.version, pair.score],
    [pair.otherVersion, pair.otherScore],
  ])
  const championScore = byVersion.get(rollout.champion)
  const challengerScore = byVersion.get(rollout.challenger)
  return championScore === undefined || challengerScore === undefined ? [] : [{ label: pair.label, championScore, challengerScore }]
}
