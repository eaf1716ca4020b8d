import type { LoopRun } from '../../../src/contract/loops.ts'
import { wordsFrom } from '../format.ts'
import { Pill, type Tone } from './notes.tsx'

const outcomes: Readonly<Record<NonNullable<LoopRun['outcome']>, Tone>> = {
  promoted: 'good',
  quarantined: 'good',
  dismissed: 'plain',
  refused: 'watch',
  rolled_back: 'watch',
  aborted: 'watch',
  failed: 'bad',
}

/** How a run stands: the step it is in, or how it ended. */
export function RunState({ run }: { run: LoopRun }) {
  if (run.outcome) return <Pill tone={outcomes[run.outcome]}>{wordsFrom(run.outcome)}</Pill>
  if (run.state === 'waiting_for_approval') return <Pill tone="act">waits for approval</Pill>
  if (run.state === 'held') return <Pill tone="act">held in {wordsFrom(run.step)}</Pill>
  return <Pill tone="watch">{wordsFrom(run.step)}</Pill>
}
