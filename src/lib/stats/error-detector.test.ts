import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { advanceErrorDetector, createErrorDetector, errorDetectorState, resetErrorDetector } from './error-detector.ts'

const options = { baselineRate: 0.2, baselineSampleSize: 2_000, falseAlarmEveryRows: 100_000 }

function delay(seed: string, before: number, after: number): number {
  const random = createRandom(seed)
  const errors = Array.from({ length: 2_000 }, () => (random.bernoulli(0.2) ? 1 : 0)).reduce<number>((a, b) => a + b, 0)
  const detector = createErrorDetector({ ...options, baselineRate: errors / 2_000 })
  for (let row = 0; row < before + 3_000; row++)
    if (advanceErrorDetector(detector, random.bernoulli(row < before ? 0.2 : after) ? 1 : 0, 1).alarm) return row - before
  return Number.POSITIVE_INFINITY
}

test('a rise from 0.2 to 0.4 is found in about a hundred labels, never before it happens', () => {
  const delays = Array.from({ length: 40 }, (_, i) => delay(`rise ${i}`, 2_000, 0.4)).sort((a, b) => a - b)
  expect(delays[0]).toBeGreaterThanOrEqual(0)
  expect(delays[20]).toBeLessThan(120)
  expect(delays[39]).toBeLessThan(350)
})

test('no rise, no alarm; an improvement is no alarm either', () => {
  for (let i = 0; i < 20; i++) expect(delay(`same ${i}`, 0, i % 2 === 0 ? 0.2 : 0.1)).toBe(Number.POSITIVE_INFINITY)
})

test('blocks are counted whole, the state is plain data, and a reset forgets', () => {
  const first = createErrorDetector(options)
  const reading = advanceErrorDetector(first, 5, 20)
  expect(reading).toMatchObject({ rows: 20, alarm: false })
  expect(reading.threshold).toBeCloseTo(100_000 / 0.95, 6)
  const second = createErrorDetector(options, JSON.parse(JSON.stringify(errorDetectorState(first))))
  expect(advanceErrorDetector(second, 9, 10)).toEqual(advanceErrorDetector(first, 9, 10))
  expect(advanceErrorDetector(second, 500, 500).alarm).toBe(true)
  resetErrorDetector(second)
  expect(advanceErrorDetector(second, 0, 1).rows).toBe(1)
})

test('what makes no sense is refused', () => {
  expect(() => createErrorDetector({ ...options, baselineRate: 1.2 })).toThrow('baselineRate')
  expect(() => createErrorDetector({ ...options, baselineRate: 1 })).toThrow('label more rows')
  expect(() => createErrorDetector({ ...options, tolerance: -0.1 })).toThrow('tolerance')
  expect(() => advanceErrorDetector(createErrorDetector(options), 3, 2)).toThrow('3 errors in 2 rows')
})
