import { expect, test } from 'vitest'
import { createBuckets } from './token-bucket.ts'

function bucketsAt() {
  const time = { ms: 0 }
  return { time, buckets: createBuckets({ now: () => time.ms, after: () => () => {} }) }
}

test('a second’s worth may come at once, then one each time a token has filled', () => {
  const { time, buckets } = bucketsAt()
  const take = () => buckets.take('a', 4, 1)
  expect([take(), take(), take(), take(), take()]).toEqual([0, 0, 0, 0, 0.25])
  time.ms = 249
  expect(take()).toBeCloseTo(0.001, 9)
  time.ms = 250
  expect(take()).toBe(0)
  expect(take()).toBeCloseTo(0.25, 9)
})

test('waiting longer than a second gives no more than a second’s worth', () => {
  const { time, buckets } = bucketsAt()
  for (let i = 0; i < 4; i++) buckets.take('a', 4, 1)
  time.ms = 3_600_000
  expect(Array.from({ length: 5 }, () => buckets.take('a', 4, 1))).toEqual([0, 0, 0, 0, 0.25])
})

test('a rate below one a second still lets one through, then makes the next wait its full time', () => {
  const { time, buckets } = bucketsAt()
  expect([buckets.take('a', 0.5, 1), buckets.take('a', 0.5, 1)]).toEqual([0, 2])
  time.ms = 2_000
  expect(buckets.take('a', 0.5, 1)).toBe(0)
})

test('keys do not share tokens', () => {
  const { buckets } = bucketsAt()
  expect([buckets.take('a', 1, 1), buckets.take('a', 1, 1), buckets.take('b', 1, 1)]).toEqual([0, 1, 0])
})

test('of more than 10,000 keys the first is forgotten, and begins full again', () => {
  const { buckets } = bucketsAt()
  for (let i = 0; i <= 10_000; i++) buckets.take(`key ${i}`, 1, 1)
  expect([buckets.take('key 10000', 1, 1), buckets.take('key 0', 1, 1)]).toEqual([1, 0])
})
