import { expect, test } from 'vitest'
import { brierOf, confusionOf, errorRateOf, f1Of, logLossOf, prAucOf, precisionOf, recallOf, rocAucOf } from './classification.ts'
import recorded from './fixtures/classification.json' with { type: 'json' }

test('agrees with scikit-learn, ties and certain scores included', () => {
  const { labels, scores } = recorded
  const confusion = confusionOf(labels, scores)
  expect(confusion).toEqual(recorded.confusion)
  expect(errorRateOf(confusion)).toBeCloseTo(recorded.errorRate, 12)
  expect(precisionOf(confusion)).toBeCloseTo(recorded.precision, 12)
  expect(recallOf(confusion)).toBeCloseTo(recorded.recall, 12)
  expect(f1Of(confusion)).toBeCloseTo(recorded.f1, 12)
  expect(rocAucOf(labels, scores)).toBeCloseTo(recorded.rocAuc, 12)
  expect(prAucOf(labels, scores)).toBeCloseTo(recorded.prAuc, 12)
  expect(brierOf(labels, scores)).toBeCloseTo(recorded.brier, 12)
  expect(logLossOf(labels, scores)).toBeCloseTo(recorded.logLoss, 9)
})

test('what is undefined is null, not a number', () => {
  const none = confusionOf([], [])
  expect([errorRateOf(none), precisionOf(none), recallOf(none), f1Of(none), brierOf([], []), logLossOf([], [])]).toEqual(
    new Array(6).fill(null),
  )
  expect(rocAucOf([1, 1], [0.2, 0.4])).toBe(null)
  expect(prAucOf([0, 0], [0.2, 0.4])).toBe(null)
  expect(f1Of(confusionOf([0, 0], [0.1, 0.2]))).toBe(null)
})

test('labels and scores that do not pair are refused', () => {
  for (const metric of [confusionOf, rocAucOf, prAucOf, brierOf, logLossOf])
    expect(() => metric([1], [0.1, 0.2])).toThrow('1 labels do not match 2 scores')
})
