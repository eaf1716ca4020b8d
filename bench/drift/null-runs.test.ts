import { expect, test } from 'vitest'
import { poissonInterval } from '../../src/lib/stats/poisson.ts'
import { errorNullRuns, featureNullRuns } from './null-runs.ts'

test('over 1,000 streams without change the labelled error alarms within its budget', () => {
  const runs = errorNullRuns({ streams: 1_000, rows: 10_000, referenceRows: 2_000, budget: 1_000 })
  expect(runs.alarms).toBeGreaterThan(0)
  expect(poissonInterval(runs.alarms, 0.001).high).toBeLessThanOrEqual(runs.rows / 1_000)
})

test('over 200 streams without change the features alarm within their budget', () => {
  const runs = featureNullRuns(4, { streams: 200, rows: 2_000, referenceRows: 500, budget: 300 })
  expect(poissonInterval(runs.alarms, 0.001).high).toBeLessThanOrEqual(runs.rows / 300)
})
