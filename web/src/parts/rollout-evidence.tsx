import type { LoopRun, LoopStep } from '../../../src/contract/loops.ts'
import { type PairedEvidence, type Rollout, rollouts } from '../../../src/contract/rollouts.ts'
import { useConsole } from '../console.tsx'
import { formatCount, formatDuration, formatPoints, NONE } from '../format.ts'
import { useLive, useNow } from '../use-live.ts'
import { EvidenceBar } from './evidence-bar.tsx'
import { Whisker } from './whisker.tsx'

const wanted = { alarm: 'proven', rising: 'nearly', quiet: 'not yet' } as const
const feared = { alarm: 'harmful', rising: 'suspect', quiet: 'no sign' } as const

/** The sequential test of a stage: both challengers’ errors on the same rows, and how far the proof has come. */
export function RolloutEvidence({ run, step, stage }: { run: LoopRun; step: LoopStep; stage: 'shadow' | 'canary' }) {
  const { client } = useConsole()
  const id = typeof step.evidence.rollout === 'string' ? step.evidence.rollout : run.rollout
  const running = step.endedAt === null && run.state !== 'ended'
  const { value: rollout } = useLive(`rollout/${id}`, () => (id ? client.call(rollouts.getRollout, { id }) : Promise.resolve(undefined)), {
    topics: ['rollouts'],
    pollMs: running ? 2_000 : 60_000,
  })
  if (!id) return null
  const kept = step.evidence[stage] as PairedEvidence | null | undefined
  const evidence = kept ?? rollout?.[stage]
  return (
    <div className="evidence-box">
      {rollout && <Plan rollout={rollout} stage={stage} running={running} />}
      {evidence ? <Test evidence={evidence} plan={rollout?.plan[stage]} /> : <p className="dim">No labelled row was scored by both yet.</p>}
    </div>
  )
}

function Plan({ rollout, stage, running }: { rollout: Rollout; stage: 'shadow' | 'canary'; running: boolean }) {
  const now = useNow()
  const left = rollout.stageStartedAt + rollout.plan[stage].maxSeconds * 1_000 - now
  return (
    <p className="dim">
      v{rollout.challenger} {stage === 'shadow' ? 'scored beside' : `serves ${rollout.plan.canary.percent} % of requests beside`} champion v
      {rollout.champion}
      {running &&
        rollout.state === stage &&
        !rollout.held &&
        (left > 0 ? `; without a verdict it is rolled back in ${formatDuration(left)}` : '; its time is up')}
      {rollout.held && '; held'}
    </p>
  )
}

function Test({ evidence, plan }: { evidence: PairedEvidence; plan: Rollout['plan']['shadow'] | undefined }) {
  const { rows, better, worse, difference, low, high, evidenceNotWorse, evidenceHarm, threshold } = evidence
  const reach = 1.15 * Math.max(plan?.margin ?? 0, ...[low, high, difference].map((end) => Math.abs(end ?? 0)))
  const interval = low !== null && high !== null ? `${formatPoints(low)} to ${formatPoints(high)}` : NONE
  const tone = evidenceHarm >= threshold ? 'bad' : evidenceNotWorse >= threshold ? 'good' : 'plain'
  return (
    <div className="test">
      <EvidenceBar name="not worse" evidence={evidenceNotWorse} threshold={threshold} words={wanted} />
      <EvidenceBar name="harm" evidence={evidenceHarm} threshold={threshold} alarmed={evidenceHarm >= threshold} words={feared} />
      <div className="difference">
        <div className="evidence-text">
          <span className="evidence-name">difference</span>
          <span className="figure">
            {difference === null ? NONE : formatPoints(difference)} <span className="dim">{interval}</span>
          </span>
        </div>
        <Whisker
          value={difference}
          low={low}
          high={high}
          reach={reach}
          tone={tone}
          bound={plan?.margin}
          label={`difference of error rates ${difference === null ? 'not measured' : formatPoints(difference)}, interval ${interval}; lower is better`}
        />
        <div className="scale">
          <span>better</span>
          <span>{plan && `allowed ${formatPoints(plan.margin)}`}</span>
          <span>worse</span>
        </div>
      </div>
      <dl className="facts">
        <div>
          <dt>paired labelled rows{plan && `, of at least ${formatCount(plan.minRows)}`}</dt>
          <dd className="figure">{formatCount(rows)}</dd>
        </div>
        <div>
          <dt>only the challenger right</dt>
          <dd className="figure">{formatCount(better)}</dd>
        </div>
        <div>
          <dt>only the champion right</dt>
          <dd className="figure">{formatCount(worse)}</dd>
        </div>
        {plan && (
          <div>
            <dt>chance of a wrong verdict, at most</dt>
            <dd className="figure">{plan.alpha * 100} %</dd>
          </div>
        )}
      </dl>
    </div>
  )
}
