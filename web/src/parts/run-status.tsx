import type { Run } from '../../../src/contract/runs.ts'
import { Pill, type Tone } from './notes.tsx'

const tones: Readonly<Record<Run['status'], Tone>> = {
  RUNNING: 'watch',
  SCHEDULED: 'plain',
  FINISHED: 'good',
  FAILED: 'bad',
  KILLED: 'bad',
}

/** How a training run stands. */
export function RunStatus({ status }: { status: Run['status'] }) {
  return <Pill tone={tones[status]}>{status.toLowerCase()}</Pill>
}
