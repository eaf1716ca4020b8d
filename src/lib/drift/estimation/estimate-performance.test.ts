import { expect, test } from 'vitest'
import { createRandom, type Random } from '../../random.ts'
import type { Abstention } from './abstention.ts'
import { probabilityOf } from './calibrator.ts'
import { contradictionOf } from './contradiction.ts'
import { estimateAdaptive } from './estimate-adaptive.ts'
import { estimatePerformance, type PerformanceEstimate } from './estimate-performance.ts'
import { type EstimatorReference, fitEstimatorReference } from './estimator-reference.ts'
import { type BinaryMetric, metricsFrom, prepareScores } from './expected-metrics.ts'

/** A model that sees x and misses z: its score is calibrated on average, not where z moves. */
function rowsOf(random: Random, count: number, shift: { x?: number; z?: number; flip?: boolean } = {}) {
  const x = Array.from({ length: count }, () => random.normal() + (shift.x ?? 0))
  const z = Array.from({ length: count }, () => random.normal() + (shift.z ?? 0))
  const truth = x.map((own, i) => probabilityOf((shift.flip ? -1 : 1) * (1.5 * own + 0.8 * z[i]!)))
  return { scores: x.map((own) => probabilityOf(1.9 * own)), labels: truth.map((p) => Number(random.bernoulli(p))), features: [x, z] }
}

const random = createRandom(11)
const known = rowsOf(random, 4_000)
const reference = fitEstimatorReference(known, { random: createRandom(1) })
const given = (found: PerformanceEstimate | Abstention): PerformanceEstimate => {
  if (found.abstained) throw new Error(found.reasons.map(({ text }) => text).join('; '))
  return found
}

test('intervals hold what comes true at about the stated rate, under covariate shift of what the model sees', () => {
  const metrics: BinaryMetric[] = [
    'accuracy',
    'f1',
    'roc_auc',
    'average_precision',
    'log_loss',
    'brier',
    'precision',
    'recall',
    'specificity',
  ]
  const inside = new Map(metrics.map((metric) => [metric, 0]))
  const runs = 40
  for (let run = 0; run < runs; run++) {
    const chance = createRandom(100 + run)
    const own = fitEstimatorReference(rowsOf(chance, 1_500), { random: chance, replicates: 15 })
    const rows = rowsOf(chance, 500, { x: 0.5 })
    const found = given(estimatePerformance(own, rows, { random: chance, draws: 30 }))
    const realised = metricsFrom(prepareScores(rows.scores), rows.labels)
    for (const metric of metrics) {
      const { low, high } = found.metrics[metric]!
      if (realised[metric] >= low && realised[metric] <= high) inside.set(metric, inside.get(metric)! + 1)
    }
  }
  // Nominal 38 of 40; 33 or fewer would come by chance once in 300.
  for (const [metric, count] of inside) expect([metric, count >= 34]).toEqual([metric, true])
})

test('the analytic sampling error of accuracy is that of the draws', () => {
  const rows = rowsOf(createRandom(3), 2_000)
  const found = given(estimatePerformance(reference, rows, { random: createRandom(4), draws: 400 })).metrics.accuracy!
  const poissonBinomial = Math.sqrt(rows.scores.reduce((sum, score) => sum + score * (1 - score), 0)) / 2_000
  expect(found.samplingError / poissonBinomial).toBeGreaterThan(0.85)
  expect(found.samplingError / poissonBinomial).toBeLessThan(1.15)
})

test('the adaptive estimate follows a shift of what the model does not see, CBPE does not', () => {
  const rows = rowsOf(createRandom(5), 3_000, { z: 1.2 })
  const realised = metricsFrom(prepareScores(rows.scores), rows.labels).accuracy
  const plain = given(estimatePerformance(reference, rows, { random: createRandom(6) })).metrics.accuracy!.value
  const adaptive = estimateAdaptive(reference, known, rows, { random: createRandom(6) })
  expect(adaptive).toMatchObject({ abstained: false, method: 'pape' })
  expect(Math.abs(given(adaptive).metrics.accuracy!.value - realised)).toBeLessThan(0.5 * Math.abs(plain - realised))
})

test('without a shift the adaptive estimate is CBPE and says so', () => {
  const found = estimateAdaptive(reference, known, rowsOf(createRandom(7), 1_000), { random: createRandom(8) })
  expect(found).toMatchObject({ abstained: false, method: 'cbpe', notes: ['the inputs look like the reference: CBPE'] })
})

const codesOf = (found: PerformanceEstimate | Abstention) => (found.abstained ? found.reasons.map(({ code }) => code) : [])

test('no support, no estimate', () => {
  const options = { random: createRandom(9) }
  const far = rowsOf(createRandom(10), 500, { x: 0, z: 9 })
  expect(codesOf(estimatePerformance(reference, far, options))).toEqual(['outside_features'])
  expect(codesOf(estimateAdaptive(reference, known, { ...far, features: far.features }, options))).toContain('outside_features')
  // Inside every range and yet nowhere near a reference row.
  const chance = createRandom(20)
  const line = Array.from({ length: 3_000 }, () => chance.normal())
  const along = {
    scores: line.map((x) => probabilityOf(x)),
    labels: line.map((x) => Number(chance.bernoulli(probabilityOf(x)))),
    features: [line, line.map((x) => x + 0.1 * chance.normal())],
  }
  const across = { scores: along.scores, features: [line, line.map((x) => (x > 0 ? x - 2.5 : x + 2.5))] }
  const narrow = fitEstimatorReference(along, { random: createRandom(21) })
  expect(codesOf(estimateAdaptive(narrow, along, across, options))).toEqual(['no_overlap'])
  expect(codesOf(estimatePerformance(reference, rowsOf(createRandom(10), 10), options))).toEqual(['too_few_rows'])
  expect(codesOf(estimatePerformance(reference, { scores: [] }, options))).toEqual(['too_few_rows'])
  expect(codesOf(estimatePerformance(reference, { scores: new Array(100).fill(Number.NaN) }, options))).toEqual(['too_few_rows'])
  const few = fitEstimatorReference(rowsOf(createRandom(12), 100), { random: createRandom(1) })
  expect(codesOf(estimatePerformance(few, rowsOf(createRandom(13), 200), options))).toContain('reference_too_small')
  const low = {
    scores: Array.from({ length: 1_000 }, (_, i) => (i % 300) / 1_000),
    labels: Array.from({ length: 1_000 }, (_, i) => Number(i % 7 === 0)),
  }
  const lowReference = fitEstimatorReference(low, { random: createRandom(1) })
  expect(codesOf(estimatePerformance(lowReference, { scores: new Array(200).fill(0.9) }, options))).toEqual(['outside_scores'])
})

test('a reference whose labels do not follow any function of the score is calibrated to it, and one whose noise depends on order is not refused', () => {
  const chance = createRandom(14)
  const noise = {
    scores: Array.from({ length: 2_000 }, () => chance.next()),
    labels: Array.from({ length: 2_000 }, () => Number(chance.bernoulli(0.3))),
  }
  const found = given(estimatePerformance(fitEstimatorReference(noise, { random: chance }), noise, { random: chance }))
  expect(found.metrics.roc_auc!.value).toBeGreaterThan(0.45)
  expect(found.metrics.roc_auc!.value).toBeLessThan(0.56)
})

test('a score that rises and then falls in truth cannot be calibrated by a rising function, and is refused', () => {
  const chance = createRandom(15)
  const scores = Array.from({ length: 3_000 }, () => chance.next())
  const labels = scores.map((score) => Number(chance.bernoulli(4 * score * (1 - score))))
  const bent = fitEstimatorReference({ scores, labels }, { random: chance })
  expect(codesOf(estimatePerformance(bent, { scores }, { random: chance }))).toEqual(['uncalibratable'])
})

test('concept drift is told by the labels that arrive, and its absence is not', () => {
  const held = (flip: boolean, seed: number) => {
    const rows = rowsOf(createRandom(seed), 300, { flip })
    return contradictionOf({ probabilities: rows.scores, decisions: rows.scores.map((s) => Number(s >= 0.5)), labels: rows.labels })
  }
  expect(held(true, 1)).toMatchObject({ contradicted: true })
  const alarms = Array.from({ length: 200 }, (_, seed) => held(false, seed)).filter(({ contradicted }) => contradicted)
  expect(alarms.length).toBeLessThanOrEqual(4)
})

test('the frozen reference survives JSON, and stays small', () => {
  const text = JSON.stringify(reference)
  expect(text.length).toBeLessThan(100_000)
  const again = JSON.parse(text) as EstimatorReference
  const rows = rowsOf(createRandom(16), 300)
  const options = () => ({ random: createRandom(17) })
  expect(estimatePerformance(again, rows, options())).toEqual(estimatePerformance(reference, rows, options()))
})

test('rows in another order give the same estimate; wrong input is refused', () => {
  const rows = rowsOf(createRandom(18), 400)
  const turned = { scores: rows.scores.toReversed(), features: rows.features.map((column) => column.toReversed()) }
  const [a, b] = [rows, turned].map((own) => given(estimatePerformance(reference, own, { random: createRandom(19) })))
  for (const metric of ['accuracy', 'roc_auc', 'log_loss'] as const)
    expect(a!.metrics[metric]!.value).toBeCloseTo(b!.metrics[metric]!.value, 10)
  expect(() => estimatePerformance(reference, { ...rows, features: [[1]] }, { random })).toThrow('1 features do not match')
  expect(() => fitEstimatorReference({ scores: [2], labels: [1] }, { random })).toThrow('score 0 is 2')
  expect(() => fitEstimatorReference({ scores: [0.2], labels: [0.5] }, { random })).toThrow('label 0 is 0.5')
})
