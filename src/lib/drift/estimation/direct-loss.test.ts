import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { boostTrees, featuresUsed, predictRows } from './boosted-trees.ts'
import { type DirectLossReference, estimateDirectLoss, fitDirectLossReference, realisedLosses } from './direct-loss.ts'
import { domainWeights } from './domain-weights.ts'

/** The error grows with x, so that rows with larger x are worse predicted. */
function rowsOf(seed: number, count: number, shift = 0) {
  const random = createRandom(seed)
  const x = Array.from({ length: count }, () => Math.min(2, Math.max(0, random.next() + shift * random.next())))
  const noise = Array.from({ length: count }, () => random.normal())
  return { features: [x], predictions: x.map((own) => 10 + 3 * own), labels: x.map((own, i) => 10 + 3 * own + (0.2 + own) * noise[i]!) }
}
const realisedOf = ({ predictions, labels }: ReturnType<typeof rowsOf>) => {
  const errors = labels.map((label, i) => Math.abs(label - predictions[i]!))
  return {
    mae: errors.reduce((sum, e) => sum + e, 0) / errors.length,
    rmse: Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length),
  }
}

test('follows the loss where the inputs go, within its intervals', () => {
  let [inside, nearer] = [0, 0]
  const runs = 10
  for (let run = 0; run < runs; run++) {
    const known = rowsOf(run, 1_500)
    const reference = fitDirectLossReference(known, { random: createRandom(run), trees: 25 })
    const random = createRandom(100 + run)
    const all = rowsOf(1_000 + run, 1_600)
    // The upper half of x only.
    const rows = all.features[0]!.flatMap((x, i) => (x > 0.5 && random.bernoulli(0.8) ? [i] : []))
    const own = {
      features: [rows.map((i) => all.features[0]![i]!)],
      predictions: rows.map((i) => all.predictions[i]!),
      labels: rows.map((i) => all.labels[i]!),
    }
    const found = estimateDirectLoss(reference, own)
    if (found.abstained) throw new Error(found.reasons[0]!.text)
    const realised = realisedOf(own)
    const { low, high, value } = found.metrics.mae!
    if (realised.mae >= low && realised.mae <= high) inside++
    if (Math.abs(value - realised.mae) < Math.abs(reference.realised.mae! - realised.mae)) nearer++
  }
  expect(inside).toBeGreaterThanOrEqual(8)
  expect(nearer).toBe(runs)
})

const reference = fitDirectLossReference(rowsOf(1, 800), { random: createRandom(2), trees: 30 })

test('RMSE is the root of MSE; MAPE is there only when no label is 0 and all have one sign', () => {
  const found = estimateDirectLoss(reference, rowsOf(3, 200))
  if (found.abstained) throw new Error('no estimate')
  expect(found.metrics.rmse!.value ** 2).toBeCloseTo(found.metrics.mse!.value, 10)
  expect(found.metrics.mape!.value).toBeGreaterThan(0)
  const rows = rowsOf(4, 300)
  const zero = fitDirectLossReference({ ...rows, labels: [0, ...rows.labels.slice(1)] }, { random: createRandom(2), trees: 30 })
  expect(zero.relative).toBeNull()
  expect(estimateDirectLoss(zero, rows)).toMatchObject({ metrics: { mape: null } })
  const both = { ...rows, labels: rows.labels.map((label, i) => (i === 7 ? -label : label)) }
  expect(realisedLosses(both).mape).toBeNull()
  expect(realisedLosses({ ...rows, labels: rows.labels.map((label) => -label) }).mape).toBeGreaterThan(1)
})

test('abstains without support, survives JSON, and refuses wrong input', () => {
  const codes = (found: ReturnType<typeof estimateDirectLoss>) => (found.abstained ? found.reasons.map(({ code }) => code) : [])
  const far = rowsOf(5, 100)
  const moved = { features: [far.features[0]!.map((x) => x + 9)], predictions: far.predictions.map((p) => p + 27) }
  expect(codes(estimateDirectLoss(reference, moved))).toEqual(['outside_scores', 'outside_features'])
  expect(codes(estimateDirectLoss(reference, { features: [[0.5]], predictions: [11] }))).toEqual(['too_few_rows'])
  expect(codes(estimateDirectLoss(fitDirectLossReference(rowsOf(1, 50), { random: createRandom(1), trees: 2 }), rowsOf(2, 60)))).toContain(
    'reference_too_small',
  )
  const again = JSON.parse(JSON.stringify(reference)) as DirectLossReference
  expect(estimateDirectLoss(again, rowsOf(6, 100))).toEqual(estimateDirectLoss(reference, rowsOf(6, 100)))
  expect(() => estimateDirectLoss(reference, { features: [], predictions: [] })).toThrow('0 features do not match')
  expect(() => fitDirectLossReference({ features: [], predictions: [1], labels: [] }, { random: createRandom(1) })).toThrow(RangeError)
  const bad = { ...far, labels: [Number.NaN, ...far.labels.slice(1)] }
  expect(() => fitDirectLossReference(bad, { random: createRandom(1) })).toThrow('both must be finite')
})

test('trees learn a step and a missing value, whatever the unit of the feature', () => {
  const random = createRandom(7)
  const x = Array.from({ length: 2_000 }, (_, i) => (i % 5 === 0 ? Number.NaN : random.next()))
  const y = x.map((own) => (Number.isNaN(own) ? 3 : own > 0.4 ? 1 : 0))
  const learn = (column: number[]) => boostTrees([column, y.map(() => 1)], y, { loss: 'squared', random: createRandom(8) })
  const model = learn(x)
  for (const [i, value] of predictRows(model, [x, y]).entries())
    if (Math.abs(x[i]! - 0.4) > 0.03 || Number.isNaN(x[i]!)) expect(value).toBeCloseTo(y[i]!, 1)
  expect(featuresUsed(model)).toEqual([0])
  const scaled = x.map((own) => own * 1_024)
  expect(predictRows(learn(scaled), [scaled, y])).toEqual(predictRows(model, [x, y]))
  expect(predictRows(boostTrees([[1, 2]], [5, 5], { loss: 'squared', random }), [[9]])).toEqual(Float64Array.of(5))
  expect(() => boostTrees([[1]], [1, 2], { loss: 'squared', random })).toThrow('column 0 has 1 rows')
  expect(() => boostTrees([], [], { loss: 'squared', random })).toThrow('at least one row')
})

test('domain weights are flat without a shift and follow one; together they sum to the rows', () => {
  const random = createRandom(9)
  const draw = (mean: number, count = 1_500) => [Array.from({ length: count }, () => random.normal() + mean)]
  const before = draw(0)
  const same = domainWeights(before, draw(0), createRandom(1))
  expect(Math.abs(same.auc - 0.5)).toBeLessThan(0.04)
  expect(same.effectiveRows).toBeGreaterThan(1_200)
  const moved = domainWeights(before, draw(1, 700), createRandom(1))
  expect(moved.auc).toBeGreaterThan(0.7)
  const mean = before[0]!.reduce((sum, x, i) => sum + x * moved.weights[i]!, 0) / 1_500
  expect(mean).toBeGreaterThan(0.75)
  expect(moved.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1_500, 6)
  expect(() => domainWeights([[1]], [], random)).toThrow(RangeError)
  expect(() => domainWeights([[]], [[1]], random)).toThrow('needs rows of both')
})
