import { expect, test } from 'vitest'
import { delayAtRate, outcomeTable } from './equal-rate.ts'

const rung = (falseAlarms: number, delay: number) => ({
  detector: `${falseAlarms}`,
  falseAlarms,
  stableRows: 10_000,
  delays: [delay, delay, delay],
})
const ladder = [rung(100, 10), rung(10, 20), rung(1, 30), rung(0, 40)]

test('between two rungs the delay is linear in the log of the rate', () => {
  expect(delayAtRate(ladder, 0.001, 0.5)).toBe(20)
  expect(delayAtRate(ladder, 0.01 / Math.sqrt(10), 0.5)).toBeCloseTo(15, 9)
})

test('a rate above the ladder has no counterpart; one below its last alarms is met by the rung without any', () => {
  expect(delayAtRate(ladder, 0.02, 0.5)).toBeUndefined()
  expect(delayAtRate(ladder, 0.00005, 0.5)).toBe(40)
  expect(delayAtRate(ladder, 0, 0.9)).toBe(40)
  expect(delayAtRate(ladder.slice(0, 3), 0, 0.9)).toBe(30)
})

test('a missed change is infinite, and shown as missed', () => {
  expect(delayAtRate([rung(10, Number.POSITIVE_INFINITY)], 0.001, 0.5)).toBe(Number.POSITIVE_INFINITY)
  expect(outcomeTable([rung(10, Number.POSITIVE_INFINITY)], [rung(10, 5)])).toMatch(/\| 5 +\| 5 +\| 0 % +\| missed +\| missed +\|/)
})
