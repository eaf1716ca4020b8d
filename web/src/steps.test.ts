import { expect, it } from 'vitest'
import type { LoopRun, LoopStep } from '../../src/contract/loops.ts'
import { stepClass, stepsAhead } from './steps.ts'

const none = { outcome: null, reason: null, incident: null, training: null, challenger: null, verdict: null, rollout: null, endedAt: null }
const step = (name: LoopStep['name'], evidence = {}): LoopStep => ({ name, state: 'done', summary: '', evidence, startedAt: 0, endedAt: 1 })
const run = (known: Partial<LoopRun>): LoopRun => ({
  id: 'l',
  loop: 'l',
  deployment: 'd',
  state: 'running',
  step: 'gate',
  cause: { kind: 'manual', detection: null, at: 0, summary: '' },
  quarantines: [],
  steps: [],
  startedAt: 0,
  ...none,
  ...known,
})

it('names the steps that would follow', () => {
  expect(stepsAhead(run({ step: 'triage' }))).toEqual(['retrain', 'gate', 'approve', 'shadow', 'canary', 'close'])
  expect(stepsAhead(run({ step: 'close' }))).toEqual([])
  expect(stepsAhead(run({ step: 'triage', state: 'ended' }))).toEqual([])
})

it('tells a refusing gate from a passing one, and where the run is now', () => {
  const gate = (outcome: string) => step('gate', { checks: [{ outcome: 'pass' }, { outcome }] })
  const steps = [gate('fail'), gate('insufficient_data'), gate('pass'), step('approve')]
  const classes = (state: LoopRun['state']) => steps.map((_, i) => stepClass(run({ steps, state }), i))
  expect(classes('ended')).toEqual(['refused', 'refused', 'done', 'done'])
  expect(stepClass(run({ steps: [step('canary')], state: 'ended', outcome: 'rolled_back' }), 0)).toBe('refused')
  expect(classes('waiting_for_approval').at(-1)).toBe('current waiting_for_approval')
})
