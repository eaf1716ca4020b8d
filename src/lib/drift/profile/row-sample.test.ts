import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { addToSample, createRowSample, mergeSamples, sampledNumbers } from './row-sample.ts'

const chunkOf = (from: number, rows: number) => ({
  rows,
  columns: [Float64Array.from({ length: rows }, (_, i) => from + i), Array.from({ length: rows }, (_, i) => `r${from + i}`)],
})

describe('a sample of rows', () => {
  test('keeps everything while there is room, and rows whole', () => {
    const sample = createRowSample(2, 10)
    addToSample(sample, chunkOf(0, 4), createRandom(1))
    expect(sample.rows).toBe(4)
    const numbers = sampledNumbers(sample, 0)
    expect([...numbers].sort()).toEqual([0, 1, 2, 3])
    expect(sample.columns[1]).toEqual([...numbers].map((value) => `r${value}`))
  })

  test('is uniform over all rows, however they were cut into chunks and merged', () => {
    const hits = new Float64Array(10)
    for (let seed = 0; seed < 200; seed++) {
      const left = createRowSample(2, 50)
      const right = createRowSample(2, 50)
      const random = createRandom(seed)
      for (let from = 0; from < 600; from += 100) addToSample(left, chunkOf(from, 100), random.fork(from))
      addToSample(right, chunkOf(600, 400), random.fork('right'))
      mergeSamples(left, right)
      expect(left.priorities).toHaveLength(50)
      for (const value of sampledNumbers(left, 0)) hits[Math.floor(value / 100)]!++
    }
    // 10,000 draws over ten tenths: a chi-squared statistic of 9 degrees of freedom stays below 27.9 with 99.9 %.
    expect(hits.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0)).toBeLessThan(27.9)
  })

  test('of no room keeps nothing but counts', () => {
    const sample = createRowSample(2, 0)
    addToSample(sample, chunkOf(0, 9), createRandom(1))
    expect(sample).toMatchObject({ rows: 9, priorities: [], columns: [[], []] })
  })

  test('writes what is missing as null', () => {
    const sample = createRowSample(2, 4)
    addToSample(sample, { rows: 2, columns: [Float64Array.of(Number.NaN, 1), [null, 'x']] }, createRandom(3))
    const first = sample.columns[0]!.indexOf(null)
    expect(sample.columns[1]![first]).toBeNull()
    expect(JSON.parse(JSON.stringify(sample))).toEqual(sample)
  })

  test('refuses other shapes', () => {
    expect(() => createRowSample(1, 1.5)).toThrow(/whole number/)
    expect(() => addToSample(createRowSample(3, 4), chunkOf(0, 1), createRandom(1))).toThrow(/2 columns/)
    expect(() => mergeSamples(createRowSample(1, 4), createRowSample(1, 5))).toThrow(/same capacity/)
  })
})
