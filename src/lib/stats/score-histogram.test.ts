import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { countScores, emptyCounts, histogramFrom, psiOfScores, type ScoreHistogram } from './score-histogram.ts'

const random = createRandom('scores')
function histogram(rows: number, score: () => number): ScoreHistogram {
  const counts = emptyCounts()
  countScores(counts, Float64Array.from({ length: rows }, score))
  return histogramFrom(counts)
}

test('scores of one distribution hardly differ, be they even, rare or beyond a probability', () => {
  for (const score of [() => random.next(), () => random.next() ** 8 / 1_000, () => (random.next() - 0.5) * 2_000])
    expect(psiOfScores(histogram(20_000, score), histogram(20_000, score))).toBeLessThan(0.01)
})

test('the index is that of the ten groups of the reference', () => {
  // Of the reference a tenth lies in each group; of the observed all lie in the upper half.
  const reference = histogram(100_000, () => random.next())
  const upper = histogram(100_000, () => 0.5 + random.next() / 2)
  const expected = 5 * (0.1 - 0) * Math.log(0.1 / (0.5 / 100_005)) + 5 * (0.1 - 0.2) * Math.log(0.1 / 0.2)
  expect(psiOfScores(reference, upper)! / expected).toBeCloseTo(1, 1)
})

test('rare scores that double are seen, although all lie near zero', () => {
  const rare = (scale: number) => histogram(20_000, () => (random.next() * scale) / 1_000)
  expect(psiOfScores(rare(1), rare(2))).toBeGreaterThan(0.25)
})

test('too few scores say nothing', () => {
  expect(
    psiOfScores(
      histogram(199, () => 0.5),
      histogram(20_000, () => 0.9),
    ),
  ).toBeNull()
})

test('the edges have a place', () => {
  const edges = histogramFrom(
    (() => {
      const counts = emptyCounts()
      countScores(counts, [0, 1, -1, 2, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, 1e-300, 1e300])
      return counts
    })(),
  )
  expect(Object.values(edges).reduce((sum, count) => sum + count, 0)).toBe(8)
})
