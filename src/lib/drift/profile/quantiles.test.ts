import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { addToQuantiles, createQuantiles, mergeQuantiles, quantilesOf, ranksOf } from './quantiles.ts'

const shares = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]

function sketchOf(values: Iterable<number>, seed = 1) {
  const sketch = createQuantiles({ seed })
  for (const value of values) addToQuantiles(sketch, value)
  return sketch
}

function shuffled(count: number, seed: number): Float64Array {
  const random = createRandom(seed)
  const values = Float64Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1))
    ;[values[i], values[j]] = [values[j]!, values[i]!]
  }
  return values
}

describe('a quantile sketch', () => {
  test('of fewer rows than its size is exact', () => {
    const sketch = sketchOf([5, 1, 4, 2, 3])
    expect(quantilesOf(sketch, [0, 0.2, 0.5, 1])).toEqual([1, 1, 3, 5])
    expect(ranksOf(sketch, [0, 1, 3.5, 9])).toEqual([0, 0.2, 0.6, 1])
  })

  test('of many rows is off by less than 1.5 % of them, and stays small', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const rows = 200_000
      const sketch = sketchOf(shuffled(rows, seed), seed)
      for (const [i, value] of quantilesOf(sketch, shares).entries()) expect(Math.abs(value / rows - shares[i]!)).toBeLessThan(0.015)
      expect(sketch.levels.flat().length).toBeLessThan(4 * 256)
      const weight = sketch.levels.reduce((sum, values, level) => sum + values.length * 2 ** level, 0)
      expect(weight).toBe(rows)
    }
  })

  test('sorted rows are no worse than shuffled ones', () => {
    const rows = 100_000
    const sketch = sketchOf(Float64Array.from({ length: rows }, (_, i) => i))
    for (const [i, value] of quantilesOf(sketch, shares).entries()) expect(Math.abs(value / rows - shares[i]!)).toBeLessThan(0.015)
  })

  test('merged from parts of any size is as good as one of all rows', () => {
    const rows = shuffled(100_000, 9)
    const parts = [rows.subarray(0, 10), rows.subarray(10, 30_000), rows.subarray(30_000)].map((part, i) => sketchOf(part, i + 1))
    const merged = createQuantiles()
    for (const part of parts) mergeQuantiles(merged, part)
    expect(merged.rows).toBe(100_000)
    for (const [i, value] of quantilesOf(merged, shares).entries()) expect(Math.abs(value / 100_000 - shares[i]!)).toBeLessThan(0.015)
  })

  test('goes to JSON and back and then on as if nothing had happened', () => {
    const rows = shuffled(20_000, 4)
    const whole = sketchOf(rows)
    const resumed = JSON.parse(JSON.stringify(sketchOf(rows.subarray(0, 7_777)))) as typeof whole
    for (const value of rows.subarray(7_777)) addToQuantiles(resumed, value)
    expect(resumed).toEqual(whole)
  })

  test('without rows knows nothing, and refuses what is no number', () => {
    const empty = createQuantiles()
    expect(quantilesOf(empty, [0.5])).toEqual([Number.NaN])
    expect(ranksOf(empty, [0])).toEqual([Number.NaN])
    expect(() => addToQuantiles(empty, Number.NaN)).toThrow(/finite/)
    expect(() => addToQuantiles(empty, Number.POSITIVE_INFINITY)).toThrow(/finite/)
    expect(() => quantilesOf(empty, [1.2])).toThrow(/0 to 1/)
    expect(() => mergeQuantiles(createQuantiles({ size: 64 }), empty)).toThrow(/sizes 64 and 256/)
  })
})
