import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { normalQuantile } from './distributions.ts'
import recorded from './fixtures/paired.json' with { type: 'json' }
import { comparePaired, errorInterval, type GateRule, gateOutcome, mcnemarP } from './paired.ts'

const { labels, champion, challenger } = recorded
const comparison = comparePaired({ labels, champion, challenger })
const rule: GateRule = { metric: 'error', minRows: 500, minPerLabel: 50, minImprovement: 0 }

test('agrees with SciPy, statsmodels and a bootstrap over rows', () => {
  expect(comparison).toMatchObject({
    rows: 600,
    onlyChampionWrong: recorded.onlyChampionWrong,
    onlyChallengerWrong: recorded.onlyChallengerWrong,
  })
  for (const [a, b, p] of recorded.mcnemar) expect(mcnemarP(a!, b!)).toBeCloseTo(p!, 10)
  const { f1, brier } = comparison.metrics
  expect(brier.interval!.low).toBeCloseTo(recorded.brierInterval[0]!, 10)
  expect(brier.interval!.high).toBeCloseTo(recorded.brierInterval[1]!, 10)
  // Two bootstraps of the same table differ by chance alone.
  expect(Math.abs(f1.interval!.low - recorded.f1Interval[0]!)).toBeLessThan(0.006)
  expect(Math.abs(f1.interval!.high - recorded.f1Interval[1]!)).toBeLessThan(0.006)
})

test('an improvement is positive whichever way the metric points', () => {
  for (const metric of Object.values(comparison.metrics)) {
    expect(metric.improvement).toBeGreaterThan(0)
    expect(metric.interval!.low).toBeLessThan(metric.improvement!)
    expect(metric.interval!.high).toBeGreaterThan(metric.improvement!)
  }
  const swapped = comparePaired({ labels, champion: challenger, challenger: champion })
  expect(swapped.metrics.error.improvement).toBe(-comparison.metrics.error.improvement!)
  expect(swapped.mcnemarP).toBe(comparison.mcnemarP)
})

test('the interval of the error covers as often as it says, for small samples too', () => {
  const random = createRandom('coverage')
  const z = normalQuantile(0.975)
  for (const rows of [40, 400]) {
    let covered = 0
    for (let i = 0; i < 2_000; i++) {
      const a = random.binomial(rows, 0.12)
      const interval = errorInterval(a, random.binomial(rows - a, 0.05 / 0.88), rows, z)!
      if (interval.low <= 0.07 && interval.high >= 0.07) covered++
    }
    expect(covered / 2_000).toBeGreaterThan(0.935)
  }
})

test('the gate passes what is surely better, fails what is not, and says when it cannot know', () => {
  expect(gateOutcome(comparison, rule)).toMatchObject({ verdict: 'pass' })
  expect(gateOutcome(comparison, { ...rule, minImprovement: 0.2 }).verdict).toBe('fail')
  const same = comparePaired({ labels, champion, challenger: champion })
  expect(same.metrics.f1).toMatchObject({ improvement: 0, interval: { low: 0, high: 0 } })
  expect(gateOutcome(same, rule).verdict).toBe('fail')
  expect(gateOutcome(same, { ...rule, minImprovement: -0.01 }).verdict).toBe('pass')
  expect(gateOutcome(comparison, { ...rule, minRows: 601 })).toEqual({
    verdict: 'insufficient data',
    reason: '600 labelled rows, the rule asks for 601',
  })
  expect(gateOutcome(comparison, { ...rule, minPerLabel: 400 }).verdict).toBe('insufficient data')
  const empty = comparePaired({ labels: [], champion: [], challenger: [] })
  expect(gateOutcome(empty, { ...rule, minRows: 0, minPerLabel: 0 }).verdict).toBe('insufficient data')
  const benign = comparePaired({ labels: [0, 0], champion: [0.1, 0.1], challenger: [0.1, 0.2] })
  expect(gateOutcome(benign, { ...rule, metric: 'f1', minRows: 0, minPerLabel: 0 }).reason).toBe('f1 is not defined on these rows')
})

test('rows that do not pair and labels that are neither 0 nor 1 are refused', () => {
  expect(() => comparePaired({ labels: [1], champion: [0.1], challenger: [] })).toThrow(
    '1 labels do not match 1 champion and 0 challenger scores',
  )
  expect(() => comparePaired({ labels: [2], champion: [0.1], challenger: [0.2] })).toThrow('label 0 is 2')
  expect(() => comparePaired({ labels, champion, challenger, confidence: 95 })).toThrow('confidence')
})
