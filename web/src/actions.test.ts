import { expect, it } from 'vitest'
import type { Scope } from '../../src/contract/endpoint.ts'
import type { LoopRun } from '../../src/contract/loops.ts'
import { actionNames, refusalOf } from './actions.ts'
import { loopRun } from './loop-run-fixture.ts'

const all: Scope[] = ['read', 'write', 'approve']
const open = (run: Partial<LoopRun>, scopes: readonly Scope[] = all) =>
  actionNames.filter((action) => refusalOf(action, loopRun(run), scopes) === undefined)

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
  expect(refusalOf('approve', loopRun({ state: 'waiting_for_approval' }), ['read'])).toContain('approve')
})
