import { expect, it } from 'vitest'
import type { Scope } from '../../src/contract/endpoint.ts'
import type { LoopRun } from '../../src/contract/loops.ts'
import { actionNames, refusalOf } from './actions.ts'

const none = { outcome: null, reason: null, incident: null, training: null, challenger: null, verdict: null, rollout: null, endedAt: null }
const base: LoopRun = {
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
}
const all: Scope[] = ['read', 'write', 'approve']
const open = (run: Partial<LoopRun>, scopes: readonly Scope[] = all) =>
  actionNames.filter((action) => refusalOf(action, { ...base, ...run }, scopes) === undefined)

it('offers what applies to the state of the run', () => {
  expect(open({})).toEqual(['hold', 'abort'])
  expect(open({ rollout: 'r', step: 'canary' })).toEqual(['hold', 'abort', 'roll_back'])
  expect(open({ state: 'waiting_for_approval' })).toEqual(['approve', 'hold', 'abort'])
  expect(open({ state: 'held' })).toEqual(['resume', 'abort'])
  expect(open({ state: 'ended', outcome: 'promoted', rollout: 'r' })).toEqual(['roll_back'])
  expect(open({ state: 'ended', outcome: 'rolled_back', rollout: 'r' })).toEqual([])
})

it('offers what the role may do and says what it lacks', () => {
  expect(open({ state: 'waiting_for_approval' }, ['read', 'write'])).toEqual(['hold', 'abort'])
  expect(refusalOf('approve', { ...base, state: 'waiting_for_approval' }, ['read'])).toContain('approve')
})
