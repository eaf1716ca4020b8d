import { expect, test } from 'vitest'
import recorded from './fixtures/latencies.json' with { type: 'json' }
import {
  createLatencyHistogram,
  latenciesFromJson,
  latenciesToJson,
  latencyQuantile,
  mergeLatencies,
  recordLatency,
} from './latency-histogram.ts'

function histogramOf(us: readonly number[]) {
  const histogram = createLatencyHistogram()
  for (const one of us) recordLatency(histogram, one)
  return histogram
}

test('quantiles are within 1 % of those of NumPy, the extremes exact', () => {
  const histogram = histogramOf(recorded.us)
  for (const [share, us] of recorded.quantiles) expect(Math.abs(latencyQuantile(histogram, share!) - us!)).toBeLessThanOrEqual(0.01 * us!)
  expect(latencyQuantile(histogram, 1)).toBe(Math.max(...recorded.us))
  expect(histogram.sumUs).toBe(recorded.us.reduce((a, b) => a + b))
})

test('every value from 1 µs to half an hour comes back within 1 %', () => {
  for (let us = 1; us < 2 ** 31; us = Math.ceil(us * 1.007)) {
    const two = histogramOf([0, us, 2 ** 31])
    expect(Math.abs(latencyQuantile(two, 0.5) - us)).toBeLessThanOrEqual(us / 100)
  }
})

test('merging is the same as recording everything in one', () => {
  const [left, right] = [histogramOf(recorded.us.slice(0, 700)), histogramOf(recorded.us.slice(700))]
  mergeLatencies(left, right)
  mergeLatencies(left, createLatencyHistogram())
  expect(left).toEqual(histogramOf(recorded.us))
  expect(latenciesFromJson(JSON.parse(JSON.stringify(latenciesToJson(left))))).toEqual(left)
  expect(latenciesFromJson(JSON.parse(JSON.stringify(latenciesToJson(createLatencyHistogram()))))).toEqual(createLatencyHistogram())
})

test('nothing recorded is no number; nonsense is refused', () => {
  expect(latencyQuantile(createLatencyHistogram(), 0.5)).toBeNaN()
  expect(() => latencyQuantile(createLatencyHistogram(), 1.1)).toThrow('a quantile lies in [0, 1]')
  expect(() => recordLatency(createLatencyHistogram(), -1)).toThrow('not -1')
  expect(() => recordLatency(createLatencyHistogram(), Number.NaN)).toThrow('not NaN')
  expect(() => latenciesFromJson({ count: 1, sumUs: 1, minUs: 1, maxUs: 1, buckets: [[99_999, 1]] })).toThrow('no bucket 99999')
})
