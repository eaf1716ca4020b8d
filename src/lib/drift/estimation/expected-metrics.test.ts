import { expect, test } from 'vitest'
import { binaryMetrics, metricsFrom, prepareScores } from './expected-metrics.ts'
import recorded from './fixtures/recorded.json' with { type: 'json' }
import { recordedRows } from './fixtures/recorded-rows.ts'
import { decideFrom } from './multiclass.ts'
import { multiclassMetricsFrom } from './multiclass-metrics.ts'

const { scores, truth, labels } = recordedRows()
const values = { truePositive: 30, falsePositive: -5, trueNegative: 1, falseNegative: -20 }

test.each(Object.entries(recorded.labelled))('%s with labels agrees with scikit-learn', (metric, value) => {
  expect(metricsFrom(prepareScores(scores), labels)[metric as 'accuracy']).toBeCloseTo(value, 10)
})

test.each(Object.entries(recorded.estimated))('%s expected from the same probabilities agrees with NannyML', (metric, value) => {
  const distinct = scores.map((score, i) => score + i * 1e-7)
  const own = metricsFrom(prepareScores(distinct, 0.5, values), truth)[metric as 'accuracy']
  // The peer rounds cumulated positives to five digits.
  expect(Math.abs(own / value - 1)).toBeLessThan(1e-6)
})

test.each(Object.entries(recorded.multiclass))('%s of three classes agrees with scikit-learn', (metric, value) => {
  const probabilities = [truth, truth.map((t, i) => (1 - t) * scores[i]!), truth.map((t, i) => (1 - t) * (1 - scores[i]!))]
  const classes = labels.map((label, i) => (i * 31 + label) % 3)
  const hard = [0, 1, 2].map((k) => classes.map((own) => Number(own === k)))
  expect(multiclassMetricsFrom(probabilities, decideFrom(probabilities), hard)[metric as 'accuracy']).toBeCloseTo(value, 10)
})

test('ranking metrics do not depend on the order of rows that tie', () => {
  const forward = metricsFrom(prepareScores(scores), truth)
  const backward = metricsFrom(prepareScores(scores.toReversed()), truth.toReversed())
  for (const metric of binaryMetrics.filter((name) => name !== 'business_value')) expect(backward[metric]).toBeCloseTo(forward[metric], 10)
})

test('a metric without ground is NaN, certain scores and labels stay finite', () => {
  expect(metricsFrom(prepareScores([0.1]), [0]).precision).toBeNaN()
  expect(metricsFrom(prepareScores([]), []).accuracy).toBeNaN()
  expect(metricsFrom(prepareScores([0.9, 0.8]), [1, 1]).roc_auc).toBeNaN()
  expect(metricsFrom(prepareScores([1, 0]), [1, 0])).toMatchObject({ brier: 0, roc_auc: 1 })
  expect(metricsFrom(prepareScores([1]), [0]).log_loss).toBeCloseTo(-Math.log(Number.EPSILON), 1)
})
