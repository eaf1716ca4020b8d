import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import recorded from './fixtures/recorded.json' with { type: 'json' }
import { recordedRows } from './fixtures/recorded-rows.ts'
import { atKnots, fitIsotonic, thinKnots } from './isotonic.ts'

const { scores, labels } = recordedRows()

test('agrees with scikit-learn, with and without weights', () => {
  const plain = fitIsotonic(scores, labels)
  const weighted = fitIsotonic(
    scores,
    labels,
    scores.map((_, i) => 1 + (i % 3)),
  )
  for (const [i, point] of recorded.isotonic.points.entries()) {
    expect(atKnots(plain, point)).toBeCloseTo(recorded.isotonic.plain[i]!, 10)
    expect(atKnots(weighted, point)).toBeCloseTo(recorded.isotonic.weighted[i]!, 10)
  }
})

test('never falls, keeps the mean, and does not care for the order of rows', () => {
  const random = createRandom(1)
  const xs = Array.from({ length: 300 }, () => random.int(50) / 50)
  const ys = xs.map((x) => Number(random.bernoulli(x)))
  const knots = fitIsotonic(xs, ys)
  for (let i = 1; i < knots.ys.length; i++) expect(knots.ys[i]).toBeGreaterThanOrEqual(knots.ys[i - 1]!)
  const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length
  expect(mean(xs.map((x) => atKnots(knots, x)))).toBeCloseTo(mean(ys), 10)
  const turned = fitIsotonic(xs.toReversed(), ys.toReversed())
  expect(turned.xs).toEqual(knots.xs)
  for (const [i, y] of turned.ys.entries()) expect(y).toBeCloseTo(knots.ys[i]!, 12)
  const thin = thinKnots(knots, 5)
  expect([thin.xs.length, thin.xs[0], thin.xs.at(-1)]).toEqual([5, knots.xs[0], knots.xs.at(-1)])
})

test('one row is a constant; ties are one point; NaN asks back NaN; nothing is refused', () => {
  expect(atKnots(fitIsotonic([0.5], [1]), 0)).toBe(1)
  expect(fitIsotonic([0.5, 0.5], [1, 0])).toEqual({ xs: [0.5], ys: [0.5] })
  expect(atKnots(fitIsotonic([0, 1], [0, 1]), Number.NaN)).toBeNaN()
  expect(() => fitIsotonic([Number.NaN], [1])).toThrow('at least one finite score')
  expect(() => fitIsotonic([1], [])).toThrow(RangeError)
})
