import { describe, expect, test } from 'vitest'
import { createRandom, type Random } from '../../random.ts'
import { kolmogorovTail } from '../../stats/distributions.ts'
import { countCategories, countPair, poolRare } from './count-pairs.ts'
import {
  chiSquaredTest,
  criticalPsi,
  gTest,
  hellingerTest,
  jensenShannonTest,
  kullbackLeiblerTest,
  psiLabel,
  psiTest,
  totalVariationTest,
} from './count-tests.ts'
import { totalVariationOf } from './divergences.ts'
import { fisherExactTest } from './fisher-exact.ts'
import recorded from './fixtures/counts.json' with { type: 'json' }
import type { TestOutcome, TestResult } from './result.ts'

function close(actual: number | null, wanted: number, relative = 1e-9) {
  expect(Math.abs(actual! - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted) + 1e-13)
}

function resultOf(outcome: TestOutcome): TestResult {
  if ('insufficient' in outcome) throw new Error(outcome.insufficient)
  return outcome
}

describe.each(recorded)('$reference against $current', (row) => {
  const { reference, current } = row

  test('divergences and contingency tests agree with SciPy [P8-02]', () => {
    if (!('psi' in row) || !row.psi) return expect(reference).toHaveLength(2)
    for (const [run, [statistic, pValue]] of [
      [psiTest, row.psi],
      [kullbackLeiblerTest, row.kl],
      [jensenShannonTest, row.js],
      [hellingerTest, row.hellinger],
      [chiSquaredTest, row.chi],
      [gTest, row.g],
    ] as const) {
      const result = resultOf(run!(reference, current))
      close(result.statistic, statistic!, 1e-8)
      close(result.pValue, pValue!, 1e-7)
    }
    close(resultOf(chiSquaredTest(reference, current)).effect.value, row.cramer!)
    close(resultOf(totalVariationTest(reference, current)).statistic, row.tvd!)
  })

  test('Fisher’s exact test agrees with SciPy', () => {
    if (reference.length > 2) return expect('psi' in row).toBe(true)
    close(resultOf(fisherExactTest(reference, current)).pValue, row.fisher!, 1e-8)
  })
})

test('the expectation is not a second sample: 55/45 against a known 50/50 of many rows is found at 0.01', () => {
  expect(resultOf(chiSquaredTest([500_000, 500_000], [550, 450])).pValue).toBeCloseTo(0.0016, 3)
})

type CountTest = (reference: readonly number[], current: readonly number[]) => TestOutcome
const tests: readonly (readonly [name: string, run: CountTest])[] = [
  ['PSI', psiTest],
  ['Kullback–Leibler', kullbackLeiblerTest],
  ['Jensen–Shannon', jensenShannonTest],
  ['Hellinger', hellingerTest],
  ['total variation', (a, b) => totalVariationTest(a, b, { draws: 199 })],
  ['χ²', chiSquaredTest],
  ['G', gTest],
  ['Fisher by permutation', (a, b) => fisherExactTest(a, b, { draws: 99 })],
]
const draw = (random: Random, rows: number, shares: readonly number[]) => {
  const counts = shares.map(() => 0)
  for (let row = 0; row < rows; row++) {
    const at = random.next()
    let [cell, below] = [0, shares[0]!]
    while (at >= below && cell < shares.length - 1) below += shares[++cell]!
    counts[cell]!++
  }
  return counts
}
const even = [0.2, 0.2, 0.2, 0.2, 0.2]

describe.each(tests)('%s', (_, run) => {
  test('p-values are uniform when nothing changed', () => {
    const random = createRandom(11)
    const pValues = Array.from({ length: 500 }, () => resultOf(run(draw(random, 300, even), draw(random, 200, even))).pValue!)
    pValues.sort((a, b) => a - b)
    const farthest = pValues.reduce((worst, p, i) => Math.max(worst, Math.abs((i + 1) / 500 - p)), 0)
    expect(kolmogorovTail(Math.sqrt(500) * Math.max(0, farthest - 0.01))).toBeGreaterThan(0.01)
  })

  test('finds moved shares, and more of them the further they moved', () => {
    const effects = [0, 10, 30, 80].map((moved) => resultOf(run([100, 100, 100, 100], [100 + moved, 100, 100, 100 - moved])).effect.value)
    expect(effects[0]).toBeCloseTo(0, 12)
    expect(effects.toSorted((a, b) => a - b)).toEqual(effects)
    expect(resultOf(run([100, 100, 100, 100], [180, 100, 100, 20])).pValue).toBeLessThanOrEqual(0.01)
  })

  test('the order of the cells and cells empty on both sides do not matter', () => {
    const before = resultOf(run([30, 40, 50], [50, 40, 35]))
    const after = resultOf(run([50, 0, 30, 40], [35, 0, 50, 40]))
    close(after.effect.value, before.effect.value)
    expect(Math.abs(after.pValue! - before.pValue!)).toBeLessThan(0.1)
  })

  test('an effect does not grow with either sample', () => {
    const small = resultOf(run([300, 200, 100], [250, 200, 150])).effect.value
    if (_ === 'Fisher by permutation') return expect(run([3_000, 2_000, 1_000], [2_500, 2_000, 1_500])).toHaveProperty('insufficient')
    expect(resultOf(run([30_000, 20_000, 10_000], [250, 200, 150])).effect.value).toBeCloseTo(small, 2)
    expect(resultOf(run([30_000, 20_000, 10_000], [25_000, 20_000, 15_000])).effect.value).toBeCloseTo(small, 2)
  })

  test('too few rows are said, not judged [P8-10]', () => {
    expect(run([0, 0], [50, 50])).toHaveProperty('insufficient')
    expect(run([], [])).toHaveProperty('insufficient')
  })

  test('one cell that both fill shows nothing', () => {
    const { effect, pValue } = resultOf(run([40], [70]))
    expect([Math.abs(effect.value), pValue]).toEqual([0, 1])
  })

  test('counts that are not whole numbers of rows in the same cells are refused', () => {
    expect(() => run([1, 2], [1, 2, 3])).toThrow(RangeError)
    for (const bad of [0.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => run([bad, 20], [20, 20])).toThrow(RangeError)
  })
})

test('a PSI that folklore calls drift is chance at few rows, and the critical value says so [P8-06]', () => {
  const random = createRandom(4)
  const shares = Array.from({ length: 10 }, () => 0.1)
  const runs = Array.from({ length: 400 }, () => resultOf(psiTest(draw(random, 100, shares), draw(random, 100, shares))))
  const critical = criticalPsi({ referenceRows: 100, currentRows: 100, bins: 10, alpha: 0.05 })
  expect(critical).toBeGreaterThan(0.3)
  expect(runs.filter(({ statistic }) => psiLabel(statistic) !== 'stable').length).toBeGreaterThan(200)
  expect(runs.filter(({ statistic }) => statistic > critical).length).toBeLessThan(40)
  expect(runs.filter(({ pValue }) => pValue! <= 0.05).length).toBeLessThan(40)
  expect([0.05, 0.15, 0.3].map(psiLabel)).toEqual(['stable', 'moderate', 'significant'])
  expect(() => criticalPsi({ referenceRows: 9, currentRows: 9, bins: 1, alpha: 0.05 })).toThrow(RangeError)
})

test('rare cells are pooled and counted', () => {
  expect(poolRare(countPair([100, 3, 2, 100], [100, 4, 3, 100]))).toMatchObject({
    reference: [100, 100, 5],
    current: [100, 100, 7],
    pooled: 2,
  })
  expect(poolRare(countPair([100, 1, 80], [100, 0, 110]))).toMatchObject({ reference: [100, 81], current: [100, 110], pooled: 2 })
  expect(resultOf(chiSquaredTest([100, 3, 2, 100], [100, 4, 3, 100])).note).toBe(
    '2 cells with fewer than 5 expected rows were pooled into one',
  )
  expect(chiSquaredTest([6, 6], [6, 6])).not.toHaveProperty('insufficient')
  expect(chiSquaredTest([4, 4, 4], [4, 4, 4])).toHaveProperty('insufficient', expect.stringContaining('the 3 cells pool into one'))
})

test('Fisher’s log odds ratio points at the cell that grew', () => {
  expect(resultOf(fisherExactTest([50, 5], [40, 20])).effect.value).toBeGreaterThan(1)
  expect(resultOf(fisherExactTest([50, 5], [55, 1])).effect.value).toBeLessThan(-0.5)
})

test('categories are counted in the order of their first row', () => {
  expect(countCategories(['b', 'a', 'b'], ['c', 'a'])).toEqual({ categories: ['b', 'a', 'c'], reference: [2, 1, 0], current: [0, 1, 1] })
})

test('total variation is symmetric, 0 to 1', () => {
  expect(totalVariationOf([1, 0], [0, 5])).toBe(1)
  expect(totalVariationOf([3, 1], [1, 1])).toBe(totalVariationOf([1, 1], [3, 1]))
})
