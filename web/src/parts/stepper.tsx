import type { LoopRun } from '../../../src/contract/loops.ts'
import { formatDuration, wordsFrom } from '../format.ts'
import { stepClass, stepsAhead } from '../steps.ts'

/** The run at a glance: each step done with its time, the one it is in, and those that would follow. */
export function Stepper({ run, now }: { run: LoopRun; now: number }) {
  return (
    <ol className="stepper" aria-label="Steps of the run">
      {run.steps.map((step, i) => {
        const current = i === run.steps.length - 1 && run.state !== 'ended'
        return (
          <li key={`${step.name}/${step.startedAt}`} className={stepClass(run, i)} aria-current={current ? 'step' : undefined}>
            <a href={`#step-${i}`}>
              <span className="step-name">{wordsFrom(step.name)}</span>
              <span className="figure dim">{formatDuration((step.endedAt ?? run.endedAt ?? now) - step.startedAt)}</span>
            </a>
          </li>
        )
      })}
      {stepsAhead(run).map((name) => (
        <li key={name} className="ahead">
          <span className="step-name">{wordsFrom(name)}</span>
          <span className="dim">–</span>
        </li>
      ))}
    </ol>
  )
}
