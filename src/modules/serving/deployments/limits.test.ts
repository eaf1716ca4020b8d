import { expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import { within } from './deadline.ts'
import type { Scored } from './live.ts'
import { createQuotas } from './quotas.ts'
import { createRepeats } from './repeats.ts'

const answerOf = (score: number): Scored => ({ scores: Float32Array.of(score), versions: [1], recorded: true, fallback: false })

test('a request sent again gets the first answer, is not run again, and its key fits no other rows', async () => {
  const clock = createManualClock()
  const repeats = createRepeats(clock)
  let runs = 0
  const run = async () => answerOf(++runs)
  const rows = Float32Array.of(1, 2)
  const [first, second] = await Promise.all([repeats.once('k', rows, run), repeats.once('k', Float32Array.of(1, 2), run)])
  expect(second).toBe(first)
  expect(runs).toBe(1)
  expect(() => repeats.once('k', Float32Array.of(1, 3), run)).toThrow(/a key of its own/)
  clock.advance(10 * 60_000)
  expect((await repeats.once('k', Float32Array.of(1, 3), run)).scores[0]).toBe(2)
})

test('a request that failed may be tried anew under its key', async () => {
  const repeats = createRepeats(createManualClock())
  const rows = Float32Array.of(1)
  await expect(repeats.once('k', rows, () => Promise.reject(new Error('down')))).rejects.toThrow('down')
  expect((await repeats.once('k', rows, async () => answerOf(5))).scores[0]).toBe(5)
})

test('the oldest of 10,000 idempotency keys is forgotten first', async () => {
  const repeats = createRepeats(createManualClock())
  let runs = 0
  const run = async () => answerOf(++runs)
  for (let i = 0; i <= 10_000; i++) await repeats.once(`k${i}`, Float32Array.of(i), run)
  await repeats.once('k10000', Float32Array.of(10_000), run)
  expect(runs).toBe(10_001)
  await repeats.once('k0', Float32Array.of(0), run)
  expect(runs).toBe(10_002)
})

test.each([
  ['hour', Date.UTC(2026, 10, 30, 23, 59, 30), 30],
  ['day', Date.UTC(2026, 10, 30, 23, 0, 0), 3_600],
  ['month', Date.UTC(2026, 11, 31, 0, 0, 0), 86_400],
] as const)('a quota by the %s says how long until the next', (per, atMs, retryAfterSeconds) => {
  const clock = createManualClock()
  clock.advance(atMs - clock.now())
  const quotas = createQuotas(clock)
  const live = { project: 'p', name: 'd' }
  quotas.take(live, 'me', { requests: 1, per })
  quotas.take(live, 'you', { requests: 1, per })
  const again = () => quotas.take(live, 'me', { requests: 1, per })
  expect(again).toThrow(expect.objectContaining({ code: 'throttled', details: expect.objectContaining({ retryAfterSeconds }) }))
  clock.advance(retryAfterSeconds * 1_000)
  expect(again).not.toThrow()
})

test('an answer that is late is a timeout, and the work is told to end; one in time is the answer', async () => {
  const clock = createManualClock()
  let told = 0
  const late = within(clock, 50, new Promise<never>(() => {}), 'the model', () => told++)
  clock.advance(50)
  await expect(late).rejects.toMatchObject({ code: 'timeout', message: 'the model did not answer within 50 ms' })
  expect(told).toBe(1)
  expect(await within(clock, 50, Promise.resolve(7), 'the model', () => told++)).toBe(7)
  expect(await within(clock, undefined, Promise.resolve(8), 'the model')).toBe(8)
  clock.advance(1_000)
  expect(told).toBe(1)
})
