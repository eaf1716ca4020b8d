import { expect, test } from 'vitest'
import { backoffDelayMs } from './backoff.ts'

const backoff = { baseMs: 1_000, capMs: 60_000 }

test.each([
  [1, 0, 0],
  [1, 0.5, 500],
  [2, 0.5, 1_000],
  [5, 0.5, 8_000],
  [7, 0.5, 30_000],
  [7, 0.999, 59_940],
  [5_000, 0.5, 30_000],
])('after %d failures, a draw of %d waits %d ms', (failures, random, expected) => {
  expect(backoffDelayMs(backoff, failures, random)).toBe(expected)
})
