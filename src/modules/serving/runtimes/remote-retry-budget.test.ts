import { expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import { createRetryBudget } from './remote-retry-budget.ts'

const takenOf = (budget: { take(): boolean }, tries: number) => Array.from({ length: tries }, budget.take).filter(Boolean).length

test('a fifth of the calls of the last ten seconds may be tried again, and three at any rate', () => {
  const clock = createManualClock()
  const budget = createRetryBudget(clock)
  expect(takenOf(budget, 10)).toBe(3)
  for (let i = 0; i < 100; i++) budget.call()
  expect(takenOf(budget, 100)).toBe(17)
  clock.advance(5_000)
  for (let i = 0; i < 50; i++) budget.call()
  expect(takenOf(budget, 100)).toBe(10)
})

test('what is older than ten seconds counts no longer', () => {
  const clock = createManualClock()
  const budget = createRetryBudget(clock)
  for (let i = 0; i < 100; i++) budget.call()
  expect(takenOf(budget, 100)).toBe(20)
  clock.advance(10_000)
  expect(takenOf(budget, 100)).toBe(3)
})
