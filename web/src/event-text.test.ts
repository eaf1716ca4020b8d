import { expect, it } from 'vitest'
import { collapse, textOf } from './event-text.ts'

const text = (name: string, data: Record<string, unknown>) => textOf({ id: 'e', name, subject: 's', data, at: 0 })

it('says what moved, where to, and why', () => {
  expect(text('loops.advanced', { state: 'running', step: 'gate', reason: 'waiting for labels' })).toBe(
    'the loop is at gate: waiting for labels',
  )
  expect(text('loops.advanced', { state: 'held', step: 'canary', reason: 'held by ana' })).toBe('the loop is held in canary: held by ana')
  expect(text('rollouts.started', { challenger: 3, state: 'shadow', held: false, verdict: null, reason: 'retrained' })).toBe(
    'version 3 is in shadow: retrained',
  )
  expect(text('rollouts.ended', { challenger: 3, state: 'rolled_back', verdict: 'harmful', reason: 'x' })).toBe(
    'version 3 is rolled back: harmful',
  )
  expect(text('deployments.route_changed', { mode: 'canary', challengerVersion: 5, reason: 'moved: image_count' })).toBe(
    'version 5 is in canary: moved: image_count',
  )
  expect(text('retraining.ended', { state: 'succeeded', version: 3, problem: null })).toBe('training succeeded: version 3')
})

it('keeps the newest of many looks at one step', () => {
  const look = (at: number, step: string, name = 'loops.advanced') => ({ id: String(at), name, subject: 'l', data: { step }, at })
  const all = [look(1, 'detect'), look(2, 'triage'), look(3, 'triage'), look(4, 'triage', 'alerts.fired')]
  expect(collapse(all).map(({ at }) => at)).toEqual([4, 3, 1])
})

it('falls back to what the contract says of the event, then to its name', () => {
  expect(text('drift.detected', {})).toBe('a monitor crossed its alarm threshold')
  expect(text('later.happened', { reason: 'new' })).toBe('later.happened: new')
})
