import { expect, test } from 'vitest'
import { createRandom } from './random.ts'

test('the same seed gives the same draws, another seed or kind of seed does not', () => {
  const draws = (seed: number | string) => {
    const random = createRandom(seed)
    return Array.from({ length: 5 }, () => random.next())
  }
  expect(draws(7)).toEqual(draws(7))
  const firsts = [7, 8, '7', 'seven', ''].map((seed) => draws(seed)[0])
  expect(new Set(firsts).size).toBe(5)
})

test('a fork depends on its label only', () => {
  const early = createRandom(3).fork('labels')
  const parent = createRandom(3)
  parent.normal()
  const late = parent.fork('labels')
  expect(early.next()).toBe(late.next())
  expect(early.next()).not.toBe(parent.fork('other').next())
})

test('draws have the moments and frequencies they should', () => {
  const random = createRandom(11)
  const n = 200_000
  const counts = new Array<number>(10).fill(0)
  let sum = 0
  let squares = 0
  let beyond = 0
  let heads = 0
  for (let i = 0; i < n; i++) {
    counts[random.int(10)]!++
    const z = random.normal()
    sum += z
    squares += z * z
    if (Math.abs(z) > 1.959964) beyond++
    if (random.bernoulli(0.3)) heads++
  }
  const chiSquare = counts.reduce((total, count) => total + (count - n / 10) ** 2 / (n / 10), 0)
  expect(chiSquare).toBeLessThan(27.9) // 99.9 % point on 9 degrees of freedom
  expect(Math.abs(sum / n)).toBeLessThan(0.008)
  expect(Math.abs(squares / n - 1)).toBeLessThan(0.012)
  expect(Math.abs(beyond / n - 0.05)).toBeLessThan(0.002)
  expect(Math.abs(heads / n - 0.3)).toBeLessThan(0.004)
})

test('binomial draws have the right mean and variance, whatever the size', () => {
  const random = createRandom('binomial')
  for (const [n, p] of [
    [10, 0.3],
    [5_000, 0.9],
    [100_000, 0.01],
    [20, 0],
    [20, 1],
  ] as const) {
    const draws = Array.from({ length: 2_000 }, () => random.binomial(n, p))
    const mean = draws.reduce((a, b) => a + b) / draws.length
    const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length
    const spread = n * p * (1 - p)
    expect(Math.abs(mean - n * p)).toBeLessThanOrEqual(4 * Math.sqrt(spread / draws.length))
    expect(Math.abs(variance - spread)).toBeLessThanOrEqual(0.15 * spread)
  }
})

test('impossible draws are refused', () => {
  expect(() => createRandom(1).int(0)).toThrow(RangeError)
  expect(() => createRandom(1).choice([])).toThrow(RangeError)
  expect(['a', 'b']).toContain(createRandom(1).choice(['a', 'b']))
})
