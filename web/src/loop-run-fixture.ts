import type { LoopRun } from '../../src/contract/loops.ts'

/** A run for tests: at the gate, begun by hand, nothing found yet, but for what is `known`. */
export function loopRun(known: Partial<LoopRun> = {}): LoopRun {
  return {
    id: 'loop_1',
    loop: 'phishing',
    deployment: 'phishing',
    state: 'running',
    step: 'gate',
    cause: { kind: 'manual', detection: null, at: 0, summary: '', facts: {} },
    quarantines: [],
    steps: [],
    startedAt: 0,
    outcome: null,
    reason: null,
    incident: null,
    training: null,
    challenger: null,
    verdict: null,
    rollout: null,
    endedAt: null,
    ...known,
  }
}
