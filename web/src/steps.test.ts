import { expect, it } from 'vitest'
import type { LoopRun, LoopStep } from '../../src/contract/loops.ts'
import { loopRun } from './loop-run-fixture.ts'
import { stepClass, stepsAhead } from './steps.ts'

const step = (name: LoopStep['name'], evidence = {}): LoopStep => ({ name, state: 'done', summary: '', evidence, startedAt: 0, endedAt: 1 })

it('names the steps that would follow', () => {
  expect(stepsAhead(loopRun({ step: 'triage' }))).toEqual(['retrain', 'gate', 'approve', 'shadow', 'canary', 'close'])
  expect(stepsAhead(loopRun({ step: 'close' }))).toEqual([])
  expect(stepsAhead(loopRun({ step: 'triage', state: 'ended' }))).toEqual([])
})

it('tells a refusing gate from a passing one, and where the run is now', () => {
  const gate = (outcome: string) => step('gate', { checks: [{ outcome: 'pass' }, { outcome }] })
  const steps = [gate('fail'), gate('insufficient_data'), gate('pass'), step('approve')]
  const classes = (state: LoopRun['state']) => steps.map((_, i) => stepClass(loopRun({ steps, state }), i))
  expect(classes('ended')).toEqual(['refused', 'refused', 'done', 'done'])
  expect(stepClass(loopRun({ steps: [step('canary')], state: 'ended', outcome: 'rolled_back' }), 0)).toBe('refused')
  expect(classes('waiting_for_approval').at(-1)).toBe('current waiting_for_approval')
})
