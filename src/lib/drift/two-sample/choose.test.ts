import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { andersonDarlingTest } from './anderson-darling.ts'
import { decide, defaultTest, defaultTolerances } from './choose.ts'
import { type TestName, type TestOutcome, testNames } from './result.ts'

const found = (pValue: number | null, value: number, rows = 200, named: TestName = 'kolmogorov_smirnov'): TestOutcome => ({
  test: named,
  statistic: value,
  effect: { name: 'distance', value },
  pValue,
  referenceRows: rows,
  currentRows: rows,
})
const short: TestOutcome = { test: 'psi', insufficient: 'PSI needs 10 rows in each sample; the current one has 3' }
const named = (...outcomes: TestOutcome[]) => outcomes.map((outcome, i) => ({ name: `f${i}`, outcome }))
const options = { alpha: 0.05, tolerance: 0.1 }

test('drift needs a small adjusted p and an effect that matters [P8-11]', () => {
  expect(decide(named(found(0.001, 0.3)), options)).toMatchObject({ verdict: 'drift', judged: [{ verdict: 'drift', adjustedP: 0.001 }] })
  expect(decide(named(found(0.001, -0.3)), options).verdict).toBe('drift')
  expect(decide(named(found(1e-30, 0.02, 1e6)), options)).toMatchObject({
    verdict: 'stable',
    reason: expect.stringContaining('too small to matter'),
  })
  expect(decide(named(found(0.2, 0.3)), options)).toMatchObject({ verdict: 'stable', reason: expect.stringContaining('chance') })
})

test('too little data is neither stable nor drift [P8-10]', () => {
  expect(decide(named(short), options)).toMatchObject({
    verdict: 'insufficient_data',
    reason: expect.stringContaining('the current one has 3'),
  })
  expect(decide([], options)).toMatchObject({ verdict: 'insufficient_data', reason: 'there is nothing to test' })
  expect(decide(named(short, found(0.5, 0.01)), options)).toMatchObject({
    verdict: 'stable',
    reason: expect.stringContaining('1 had too little'),
  })
  expect(decide(named(found(null, 0.9)), options)).toMatchObject({
    verdict: 'insufficient_data',
    reason: expect.stringContaining('1000 rows'),
  })
  expect(decide(named(found(null, 0.9, 1_000)), options).verdict).toBe('drift')
  expect(decide(named(found(null, 0.09, 1_000)), options).verdict).toBe('stable')
})

test('p-values are adjusted for all the tests that were made, and no others', () => {
  const quiet = Array.from({ length: 9 }, () => found(0.8, 0.3))
  const decision = decide(named(found(0.008, 0.3), short, ...quiet), options)
  expect(decision.verdict).toBe('stable')
  expect(decision.judged[0]!.adjustedP).toBeCloseTo(0.08, 12)
  expect(decide(named(found(0.004, 0.3), short, ...quiet), options)).toMatchObject({
    verdict: 'drift',
    reason: expect.stringMatching(/^1 of 10 drifted; 1 had too little data; f0: /),
  })
  const half = named(...[0.01, 0.012, 0.02, 0.3].map((p) => found(p, 0.3)))
  const verdicts = (adjustment: 'holm' | 'benjamini_hochberg') =>
    decide(half, { ...options, adjustment }).judged.map(({ verdict }) => verdict)
  expect(verdicts('holm')).toEqual(['drift', 'drift', 'drift', 'stable'])
  expect(decide(half, { ...options, alpha: 0.03, adjustment: 'benjamini_hochberg' }).judged.map(({ verdict }) => verdict)).toEqual([
    'drift',
    'drift',
    'drift',
    'stable',
  ])
  expect(decide(half, { ...options, alpha: 0.03 }).judged.map(({ verdict }) => verdict)).toEqual(['stable', 'stable', 'stable', 'stable'])
})

test('a report over many features where nothing changed is rarely wrong', () => {
  let wrong = 0
  for (let run = 0; run < 100; run++) {
    const random = createRandom(run)
    const column = () => Float64Array.from({ length: 60 }, () => random.normal())
    const outcomes = Array.from({ length: 12 }, (_, i) => ({ name: `f${i}`, outcome: andersonDarlingTest(column(), column()) }))
    if (decide(outcomes, { alpha: 0.05, tolerance: 0 }).verdict === 'drift') wrong++
  }
  expect(wrong).toBeLessThanOrEqual(11)
})

test('tolerances go by test where they are not one for all, and nonsense is refused', () => {
  expect(Object.keys(defaultTolerances).sort()).toEqual([...testNames].sort())
  expect(decide(named(found(0.001, 0.07)), { alpha: 0.05 }).verdict).toBe('stable')
  expect(decide(named(found(0.001, 0.07)), { alpha: 0.05, tolerance: { kolmogorov_smirnov: 0.05 } }).verdict).toBe('drift')
  expect(() => decide(named(found(0.001, 0.07)), { alpha: 0.05, tolerance: -1 })).toThrow(RangeError)
  expect(() => decide([], { alpha: 0 })).toThrow(RangeError)
})

test.each([
  ['numeric', 200, 'anderson_darling'],
  ['numeric', 5_000, 'wasserstein'],
  ['categorical', 50, 'fisher_exact'],
  ['categorical', 500, 'chi_squared'],
  ['categorical', 5_000, 'jensen_shannon'],
  ['binned', 500, 'g_test'],
  ['binned', 5_000, 'psi'],
  ['rows', 500, 'domain_classifier'],
  ['embedding', 500, 'mmd'],
  ['text', 500, 'jensen_shannon'],
] as const)('%s with %i rows goes to %s', (kind, rows, wanted) => {
  expect(defaultTest(kind, { reference: 10_000, current: rows })).toBe(wanted === 'fisher_exact' ? 'chi_squared' : wanted)
  expect(defaultTest(kind, { reference: rows, current: rows })).toBe(wanted)
})
