import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { holmAdjusted } from '../two-sample/multiplicity.ts'
import { attributeDrift } from './attribute-drift.ts'
import { decomposeLoss } from './decompose-loss.ts'
import { excessPValue, kolmogorovSmirnov, sharesPValue } from './exact-tests.ts'
import recorded from './fixtures/recorded.json' with { type: 'json' }
import { shapleyValues } from './shapley.ts'

const random = createRandom(1)
const normal = (count: number, mean = 0) => Array.from({ length: count }, () => random.normal() + mean)

test('Shapley values: the glove game, efficiency, symmetry, and a dummy', () => {
  // One left glove, two right ones: a pair is worth 1 (Shapley 1953 gives 4/6, 1/6, 1/6); the fourth player adds nothing.
  const glove = (isIn: readonly boolean[]) => Number(isIn[0]! && (isIn[1]! || isIn[2]!))
  const { values } = shapleyValues(4, glove, { random })
  for (const [i, value] of [4 / 6, 1 / 6, 1 / 6, 0].entries()) expect(values[i]).toBeCloseTo(value, 12)
  const many = (isIn: readonly boolean[]) => isIn.reduce((sum, own, i) => sum + (own ? i : 0), 0) ** 2
  const sampled = shapleyValues(12, many, { random, permutations: 30 })
  expect(sampled.exact).toBe(false)
  expect(sampled.values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(66 ** 2, 6)
  // By symmetry of the square of a sum, player i is worth 66 i.
  for (const [i, value] of sampled.values.entries()) expect(Math.abs(value - 66 * i)).toBeLessThanOrEqual(4 * sampled.errors[i]! + 1e-9)
  expect(shapleyValues(0, () => 3, { random }).values).toEqual([])
})

test('drift is attributed to the features that moved, and the shares sum to the whole', () => {
  for (const features of [4, 20]) {
    const names = Array.from({ length: features }, (_, f) => `f${f}`)
    const before = names.map(() => normal(800))
    const after = names.map((_, f) => normal(800, f === 2 ? 1 : f === 3 ? 0.5 : 0))
    const found = attributeDrift(names, before, after, createRandom(2))
    expect(found.features.slice(0, 2).map(({ feature }) => feature)).toEqual(['f2', 'f3'])
    expect(found.features.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(found.total, 9)
    expect(found.features.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9)
    expect(found.pValue).toBeLessThan(1e-6)
  }
})

test('without drift there is nothing to attribute', () => {
  let small = 0
  for (let run = 0; run < 60; run++)
    if (attributeDrift(['a', 'b'], [normal(200), normal(200)], [normal(200), normal(200)], createRandom(run)).pValue < 0.05) small++
  expect(small).toBeLessThanOrEqual(8)
  expect(() => attributeDrift(['a'], [normal(5)], [normal(50)], random)).toThrow('at least 20 rows')
  expect(() => attributeDrift([], [normal(50)], [normal(50)], random)).toThrow(RangeError)
})

/** Losses of a model that is wrong where x > 1, and in a changed concept everywhere a little more. */
function lossRows(mean: number, more: number) {
  const columns = [normal(1_500, mean), normal(1_500)]
  return { columns, losses: columns[0]!.map((x) => Number(random.bernoulli(Math.min(1, (x > 1 ? 0.5 : 0.1) + more)))) }
}

test('a loss by moved inputs and a loss by changed meaning are told apart, in parts that sum to the change', () => {
  const reference = lossRows(0, 0)
  const moved = decomposeLoss(['x', 'z'], reference, lossRows(0.8, 0), createRandom(3))
  expect(moved.covariate).toBeGreaterThan(0.06)
  expect(moved.concept.pValue).toBeGreaterThan(0.01)
  expect(moved.features[0]!.feature).toBe('x')
  expect(moved.features.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(moved.surface, 9)
  const changed = decomposeLoss(['x', 'z'], reference, lossRows(0, 0.15), createRandom(4))
  expect(changed.concept.value).toBeGreaterThan(0.1)
  expect(changed.concept.pValue).toBeLessThan(1e-6)
  expect(Math.abs(changed.covariate)).toBeLessThan(0.05)
  for (const one of [moved, changed]) expect(one.toShared + one.concept.value + one.fromShared).toBeCloseTo(one.after - one.before, 12)
  const apart = decomposeLoss(
    ['x', 'z'],
    reference,
    { columns: [normal(300, 40), normal(300)], losses: normal(300).map(() => 0) },
    createRandom(5),
  )
  expect(apart.text).toContain('share too few inputs')
})

test('tests agree with SciPy', () => {
  for (const [ownHits, own, hits, rows, pValue] of recorded.fisher as number[][])
    expect(excessPValue(ownHits!, own!, hits!, rows!) / pValue!).toBeCloseTo(1, 9)
  const [a, b] = [50, 40].map((count) => Array.from({ length: count }, (_, i) => ((i * 37) % 101) / 101 + (count === 40 ? 0.12 : 0)))
  expect(kolmogorovSmirnov(a!, b!).distance).toBeCloseTo(recorded.ks.distance, 12)
  // Stephens' correction against the exact value.
  expect(Math.abs(kolmogorovSmirnov(a!, b!).pValue - recorded.ks.pValue)).toBeLessThan(0.05)
  for (const [i, value] of holmAdjusted(recorded.holm.pValues).entries()) expect(value).toBeCloseTo(recorded.holm.adjusted[i]!, 12)
})

test('tests at their edges', () => {
  expect(excessPValue(0, 0, 0, 0)).toBeCloseTo(1, 12)
  expect(() => excessPValue(3, 2, 3, 4)).toThrow('cannot be')
  expect(kolmogorovSmirnov([], [1])).toEqual({ distance: 0, pValue: 1 })
  expect(kolmogorovSmirnov([1, 1], [1, 1])).toEqual({ distance: 0, pValue: 1 })
  expect(kolmogorovSmirnov([Number.NaN], [1])).toEqual({ distance: 0, pValue: 1 })
  expect(kolmogorovSmirnov([1, 2, Number.NEGATIVE_INFINITY], [1, 2, Number.NEGATIVE_INFINITY]).distance).toBe(0)
  expect(kolmogorovSmirnov([1, 2, 3], [2, 3, 4]).distance).toBeCloseTo(kolmogorovSmirnov([2, 3, 4], [1, 2, 3]).distance, 12)
  // Weights that leave one value of two are that value alone.
  expect(kolmogorovSmirnov([1, 5], [1, 1], [1, 0]).distance).toBe(0)
  expect(sharesPValue(0, 0, 1, 2)).toBe(1)
  expect(sharesPValue(2, 2, 3, 3)).toBe(1)
})
