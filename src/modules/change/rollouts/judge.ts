import type { Rollout } from '../../../contract/rollouts.ts'
import type { ChallengerHealth } from '../../serving/deployments/index.ts'
import { type StageEvidence, verdictOf } from './evidence.ts'
import type { Evidence, Kept } from './store.ts'

/** The state a rollout goes to, and why. */
export type Next = { readonly state: Rollout['state']; readonly verdict: string }

/** Fewer live rows than this say nothing about how often the challenger fails. */
const HEALTH_ROWS = 100

/**
 * What the evidence, the time and the challenger’s health call for; null while the rollout goes on. The challenger’s
 * health is asked for in the canary only, where it answers live traffic.
 */
export async function judge(
  rollout: Kept,
  tests: Evidence | undefined,
  challengerHealth: () => Promise<ChallengerHealth>,
  nowMs: number,
): Promise<Next | null> {
  if (rollout.held || (rollout.state !== 'shadow' && rollout.state !== 'canary')) return null
  if (rollout.state === 'canary') {
    const failing = failingChallenger(await challengerHealth(), rollout.plan.canary.maxErrorRate)
    if (failing) return failing
  }
  const evidence = tests?.[rollout.state] ?? undefined
  return judgeEvidence(rollout, rollout.state, evidence) ?? judgeTime(rollout, rollout.state, evidence, nowMs)
}

function failingChallenger({ rows, failures }: ChallengerHealth, maxErrorRate: number): Next | null {
  const failed = rows === 0 ? 0 : failures / rows
  if (rows < HEALTH_ROWS || failed <= maxErrorRate) return null
  return {
    state: 'rolled_back',
    verdict: `the challenger failed on ${(failed * 100).toFixed(1)} % of ${rows} rows; at most ${maxErrorRate * 100} % is allowed`,
  }
}

function judgeEvidence({ plan }: Kept, stage: 'shadow' | 'canary', evidence: StageEvidence | undefined): Next | null {
  const verdict = evidence ? verdictOf(evidence, plan[stage].minRows) : 'undecided'
  if (!evidence || verdict === 'undecided') return null
  const { difference, rows, evidenceHarm, evidenceNotWorse, threshold } = evidence.shown
  if (verdict === 'harm')
    return {
      state: 'rolled_back',
      verdict: `harmful in ${stage}: error ${points(difference)} higher than the champion’s, on ${rows} rows (e-value ${eValue(evidenceHarm)})`,
    }
  const proof = `error differs by ${points(difference)} from the champion’s, on ${rows} paired rows (e-value ${eValue(evidenceNotWorse)}, needed ${threshold})`
  if (stage === 'shadow') return { state: 'canary', verdict: `not worse in shadow: ${proof}` }
  return { state: plan.promotion === 'by_hand' ? 'won' : 'promoted', verdict: `not worse in canary: ${proof}` }
}

function judgeTime(rollout: Kept, stage: 'shadow' | 'canary', evidence: StageEvidence | undefined, nowMs: number): Next | null {
  const { maxSeconds, alpha } = rollout.plan[stage]
  if (nowMs - rollout.stageStartedAt <= maxSeconds * 1_000) return null
  const shown = evidence?.shown
  return {
    state: 'rolled_back',
    verdict: `no verdict in ${stage} within ${maxSeconds} s: ${shown?.rows ?? 0} paired labelled rows, e-value ${shown ? eValue(shown.evidenceNotWorse) : 'none'} of ${(1 / alpha).toFixed(0)}`,
  }
}

const eValue = (value: number) => (value < 1e6 ? value.toFixed(1) : value.toExponential(1))
const points = (difference: number | null) => (difference === null ? 'unknown' : `${(difference * 100).toFixed(2)} points`)
