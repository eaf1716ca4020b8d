import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { calibrateAll, chooseCalibrator, fitCalibrator, foldsFor, logOdds, probabilityOf } from './calibrator.ts'

function world(rows: number, truthOf: (score: number) => number, seed: number) {
  const random = createRandom(seed)
  const scores = Array.from({ length: rows }, () => random.next())
  return { scores, labels: scores.map((score) => Number(random.bernoulli(truthOf(score)))) }
}

test('finds the slope and offset that made the labels', () => {
  const { scores, labels } = world(40_000, (score) => probabilityOf(0.5 * logOdds(score) - 1), 1)
  const platt = fitCalibrator('platt', scores, labels)
  expect(platt.kind === 'platt' && Math.abs(platt.slope - 0.5)).toBeLessThan(0.03)
  expect(platt.kind === 'platt' && Math.abs(platt.offset + 1)).toBeLessThan(0.05)
  const temperature = fitCalibrator('temperature', scores, labels)
  expect(temperature).toMatchObject({ kind: 'platt', offset: 0 })
})

test('calibrated scores are left alone; bent ones are not', () => {
  let kept = 0
  for (let seed = 0; seed < 20; seed++) {
    const { scores, labels } = world(1_000, (score) => score, seed)
    if (chooseCalibrator(scores, labels, createRandom(seed)).kind === 'identity') kept++
  }
  // Three comparisons at one standard error each.
  expect(kept).toBeGreaterThanOrEqual(12)
  const bent = world(3_000, (score) => score ** 3, 5)
  const choice = chooseCalibrator(bent.scores, bent.labels, createRandom(5))
  expect(choice.kind).not.toBe('identity')
  expect(choice.heldOutBrier[choice.kind]).toBeLessThan(choice.heldOutBrier.identity)
  const steps = world(4_000, (score) => (score < 0.3 ? 0.05 : score < 0.8 ? 0.5 : 0.55), 6)
  expect(chooseCalibrator(steps.scores, steps.labels, createRandom(6)).kind).toBe('isotonic')
})

test('separable labels, and only one class, stay finite', () => {
  for (const kind of ['platt', 'temperature', 'isotonic'] as const)
    for (const labels of [
      [0, 0, 1, 1],
      [1, 1, 1, 1],
    ])
      for (const p of calibrateAll(fitCalibrator(kind, [0, 0.2, 0.8, 1], labels), [0, 0.5, 1])) {
        expect(p).toBeGreaterThanOrEqual(0)
        expect(p).toBeLessThanOrEqual(1)
      }
  expect(() => chooseCalibrator([0.5], [1], createRandom(1))).toThrow('at least 10 rows')
})

test('folds share out each class evenly', () => {
  const labels = Array.from({ length: 103 }, (_, i) => Number(i % 10 === 0))
  const fold = foldsFor(labels, createRandom(2))
  const positives = [0, 1, 2, 3, 4].map((f) => labels.filter((label, i) => label === 1 && fold[i] === f).length)
  expect(Math.max(...positives) - Math.min(...positives)).toBeLessThanOrEqual(1)
})
