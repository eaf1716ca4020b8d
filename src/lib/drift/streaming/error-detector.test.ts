import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import {
  advanceErrorDetector,
  createErrorDetector,
  type ErrorDetectorState,
  errorDetectorState,
  forgetErrorEvidence,
  isErrorDetectorState,
  resetErrorDetector,
} from './error-detector.ts'

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
  expect(reading.threshold).toBeCloseTo(100_000 / 0.9, 6)
  const second = createErrorDetector(options, JSON.parse(JSON.stringify(errorDetectorState(first))))
  expect(advanceErrorDetector(second, 9, 10)).toEqual(advanceErrorDetector(first, 9, 10))
  expect(advanceErrorDetector(second, 500, 500).alarm).toBe(true)
  forgetErrorEvidence(second)
  expect(errorDetectorState(second)).toMatchObject({ errors: 5 + 9 + 500, labelled: 20 + 10 + 500 })
  expect(advanceErrorDetector(second, 0, 1).rows).toBe(1)
  resetErrorDetector(second)
  expect(errorDetectorState(second)).toEqual(errorDetectorState(createErrorDetector(options)))
})

test('a small rise after a long calm is found against the bound that was learned', () => {
  const random = createRandom('small')
  const detector = createErrorDetector(options)
  const found = (rate: number, blocks: number) => {
    for (let block = 1; block <= blocks; block++) if (advanceErrorDetector(detector, random.binomial(50, rate), 50).alarm) return block * 50
    return Number.POSITIVE_INFINITY
  }
  expect(found(0.2, 400)).toBe(Number.POSITIVE_INFINITY)
  expect(detector.bound).toBeLessThan(0.21)
  expect(detector.bound).toBeGreaterThan(0.2)
  expect(found(0.25, 200)).toBeLessThan(1_300)
})

test('a rise does not lift the bound, and a reset does', () => {
  const detector = createErrorDetector({ ...options, tolerance: 0.01 })
  const first = detector.bound
  for (let block = 0; block < 100; block++) advanceErrorDetector(detector, 10, 50)
  const learned = detector.bound
  expect(learned).toBeLessThan(first)
  for (let block = 0; block < 100; block++) advanceErrorDetector(detector, 20, 50)
  expect(detector.bound).toBe(learned)
  const kept = createErrorDetector({ ...options, tolerance: 0.01 }, errorDetectorState(detector))
  expect(kept.bound).toBeCloseTo(learned, 12)
  resetErrorDetector(detector)
  expect(detector.bound).toBe(first)
})

test('a creeping rise is found, however slowly it comes', () => {
  const random = createRandom('creep')
  const detector = createErrorDetector(options)
  let alarmAt = Number.POSITIVE_INFINITY
  for (let block = 0; block < 4_000 && alarmAt === Number.POSITIVE_INFINITY; block++)
    if (advanceErrorDetector(detector, random.binomial(50, 0.2 + (0.1 * block) / 4_000), 50).alarm) alarmAt = block * 50
  expect(alarmAt).toBeLessThan(100_000)
})

test('a baseline without a single error is watched', () => {
  const detector = createErrorDetector({ ...options, baselineRate: 0 })
  for (let block = 0; block < 400; block++) expect(advanceErrorDetector(detector, 0, 50).alarm).toBe(false)
  expect(detector.bound).toBeGreaterThan(0)
  expect(advanceErrorDetector(detector, 10, 50).alarm).toBe(true)
})

test('with a tolerance, a rise within it is left alone', () => {
  const random = createRandom('tolerated')
  const detector = createErrorDetector({ ...options, tolerance: 0.03 })
  for (let block = 0; block < 800; block++)
    expect(advanceErrorDetector(detector, random.binomial(50, block < 400 ? 0.2 : 0.22), 50).alarm).toBe(false)
})

test('a stored state of an older shape is recognised and refused', () => {
  const state = errorDetectorState(createErrorDetector(options))
  const { bound, ...older } = state
  expect(isErrorDetectorState(state)).toBe(true)
  expect(isErrorDetectorState(JSON.parse(JSON.stringify(state)))).toBe(true)
  for (const other of [
    null,
    undefined,
    {},
    older,
    { ...older, bound: 1 },
    { ...older, bound, capital: btoa('abcd') },
    { rows: 1, capital: btoa('a'.repeat(24)), bag: [1, 1] },
  ])
    expect(isErrorDetectorState(other)).toBe(false)
  expect(() => createErrorDetector(options, older as ErrorDetectorState)).toThrow('reset it')
})

test('what makes no sense is refused', () => {
  expect(() => createErrorDetector({ ...options, baselineRate: 1.2 })).toThrow('baselineRate')
  expect(() => createErrorDetector({ ...options, baselineRate: 1 })).toThrow('label more rows')
  expect(() => createErrorDetector({ ...options, tolerance: -0.1 })).toThrow('tolerance')
  for (const [errors, rows] of [
    [3, 2],
    [-1, 2],
    [0.5, 2],
    [Number.NaN, 2],
  ] as const)
    expect(() => advanceErrorDetector(createErrorDetector(options), errors, rows)).toThrow(`${errors} errors in 2 rows`)
})
