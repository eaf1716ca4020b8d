import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { createLatencies } from './latencies.ts'
import { createRateSearch } from './rate-search.ts'
import { createSupply, type Due, requestsDueIn } from './schedule.ts'
import { loadFailures } from './verdict.ts'

test.each([
  [300, 200, 60],
  [1_000, 1, 1],
  [999, 1, 1],
  [1_001, 1, 2],
  [0, 50, 0],
  [1_000, 0.5, 1],
  [10_000, 33.3, 333],
])('in %i ms at %d a second %i requests are due', (ms, rate, count) => {
  expect(requestsDueIn(ms, rate)).toBe(count)
})

const timing = { startMs: 1_000, warmupMs: 100, durationMs: 200, patienceMs: 50 }

test('in an open loop requests are due at their own times, whenever somebody takes them', () => {
  const supply = createSupply({ ...timing, rate: 100, patienceMs: 1_000 }, () => expect.unreachable())
  expect(supply.take(999)).toBeUndefined()
  expect(supply.waitMs(995)).toBe(5)
  const taken: Due[] = []
  for (let due = supply.take(1_500); due; due = supply.take(1_500)) taken.push(due)
  expect(taken.map(({ dueMs }) => dueMs)).toEqual(Array.from({ length: 30 }, (_, n) => 1_000 + n * 10))
  expect(taken.filter(({ counted }) => counted).length).toBe(20)
  expect(supply.waitMs(1_500)).toBeUndefined()
})

test('a request that nobody could send for too long is given up, and the next is taken', () => {
  const skipped: number[] = []
  const supply = createSupply({ ...timing, rate: 100 }, ({ n }) => skipped.push(n))
  expect(supply.take(1_081)?.n).toBe(4)
  expect(skipped).toEqual([0, 1, 2, 3])
  supply.skipOverdue(5_000)
  expect(skipped.length).toBe(29)
  expect(supply.take(5_000)).toBeUndefined()
})

test('in a closed loop a request is due whenever it can be sent, until the end', () => {
  const supply = createSupply(timing, () => expect.unreachable())
  expect(supply.take(1_050)).toEqual({ n: 0, dueMs: 1_050, counted: false })
  expect(supply.take(1_299)).toEqual({ n: 1, dueMs: 1_299, counted: true })
  expect([supply.take(1_300), supply.waitMs(1_300)]).toEqual([undefined, undefined])
  const stopped = createSupply(timing, () => expect.unreachable())
  stopped.stop()
  expect(stopped.take(1_050)).toBeUndefined()
})

test('percentiles are those of the sorted values, to three digits', () => {
  const random = createRandom('latencies')
  const values = Array.from({ length: 20_000 }, () => Math.exp(random.normal()) * 10)
  const latencies = createLatencies()
  for (const value of values) latencies.record(value)
  values.sort((a, b) => a - b)
  const summary = latencies.summary()
  for (const [name, share] of [
    ['p50', 0.5],
    ['p90', 0.9],
    ['p95', 0.95],
    ['p99', 0.99],
    ['p999', 0.999],
  ] as const)
    expect(summary[name]! / values[Math.ceil(share * values.length) - 1]!).toBeCloseTo(1, 2)
  expect(summary.max! / values.at(-1)!).toBeCloseTo(1, 2)
  expect(summary.mean! / (values.reduce((sum, value) => sum + value, 0) / values.length)).toBeCloseTo(1, 2)
  expect(createLatencies().summary()).toMatchObject({ p50: null, p99: null, max: null, mean: null })
})

test.each([1.7, 40, 100, 333, 5_000, 123_456])('the highest rate below %d is found to 5 %%', (capacity) => {
  const search = createRateSearch(100)
  let tries = 0
  for (let rate = search.next(); rate !== undefined; rate = search.next(), tries++) search.tell(rate <= capacity)
  expect(search.best).toBeLessThanOrEqual(capacity)
  expect(search.best! * 1.06).toBeGreaterThan(capacity)
  expect(tries).toBeLessThan(24)
})

test('where nothing is held, the search says so', () => {
  const search = createRateSearch(100)
  for (let rate = search.next(); rate !== undefined; rate = search.next()) search.tell(false)
  expect(search.best).toBeNull()
})

const good = { rate: 100, achieved: 99.5, errorRate: 0, ok: 1_000, p99Ms: 10 }
test.each([
  ['all is well', {}, []],
  ['the rate was not held', { achieved: 98 }, ['98.0 requests a second were answered; 100 were asked for']],
  ['a closed loop asks for no rate', { rate: null, achieved: 3 }, []],
  ['too many failed', { errorRate: 0.02 }, ['the error rate is 2.00 %; at most 1.00 % is allowed']],
  ['too slow', { p99Ms: 20.01 }, ['the 99th percentile is 20.0 ms; at most 20 ms is allowed']],
  ['no reply at all', { ok: 0, rate: null, p99Ms: null }, ['no request was answered']],
])('%s', (_name, facts, failures) => {
  expect(loadFailures({ ...good, ...facts }, { maxP99Ms: 20, maxErrorRate: 0.01 })).toEqual(failures)
})
