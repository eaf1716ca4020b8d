import type { LoopRun, LoopStep } from '../../../src/contract/loops.ts'
import { formatDuration, wordsFrom } from '../format.ts'
import { stepClass } from '../steps.ts'
import { DetectEvidence } from './detect-evidence.tsx'
import { GateEvidence } from './gate-evidence.tsx'
import { Instant } from './instant.tsx'
import { QuarantineEvidence, RetrainEvidence } from './retrain-evidence.tsx'
import { RolloutEvidence } from './rollout-evidence.tsx'
import { TriageEvidence } from './triage-evidence.tsx'

/** Every step of a run from first to last, with what it rests on. */
export function Timeline({ run, now }: { run: LoopRun; now: number }) {
  return (
    <ol className="timeline">
      {run.steps.map((step, i) => {
        const current = i === run.steps.length - 1 && run.state !== 'ended'
        const look = stepClass(run, i)
        const state = look === 'refused' ? 'refused' : current ? wordsFrom(run.state) : step.state === 'running' ? 'ended' : step.state
        return (
          <li key={`${step.name}/${step.startedAt}`} id={`step-${i}`} className={look}>
            <div className="step-head">
              <h2 className="step-name">{wordsFrom(step.name)}</h2>
              <span className="step-state">{state}</span>
              <span className="figure">{formatDuration((step.endedAt ?? run.endedAt ?? now) - step.startedAt)}</span>
              <Instant at={step.startedAt} only="time" />
            </div>
            <p className="step-summary" aria-live={current ? 'polite' : undefined}>
              {step.summary || (current ? 'beginning' : '')}
            </p>
            <Evidence run={run} step={step} last={i === run.steps.length - 1} />
          </li>
        )
      })}
      {run.outcome && (
        <li className={`outcome ${run.outcome}`}>
          <div className="step-head">
            <h2 className="step-name">{wordsFrom(run.outcome)}</h2>
            {run.endedAt !== null && <Instant at={run.endedAt} only="time" />}
          </div>
          <p className="step-summary">{run.reason}</p>
        </li>
      )}
    </ol>
  )
}

function Evidence({ run, step, last }: { run: LoopRun; step: LoopStep; last: boolean }) {
  switch (step.name) {
    case 'detect':
      return <DetectEvidence run={run} />
    case 'triage':
      return <TriageEvidence evidence={step.evidence} />
    case 'quarantine':
      return <QuarantineEvidence evidence={step.evidence} />
    case 'retrain':
      return <RetrainEvidence run={run} step={step} last={last} />
    case 'gate':
      return <GateEvidence run={run} step={step} last={last} />
    case 'shadow':
    case 'canary':
      return <RolloutEvidence run={run} step={step} stage={step.name} />
    default:
      return null
  }
}
