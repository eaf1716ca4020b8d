import { expect, it } from 'vitest'
import type { TrafficPoint } from '../../src/contract/telemetry.ts'
import { areaPath, highest, linePath, seriesFrom } from './series.ts'

const point = (at: number, requests: number): TrafficPoint => ({
  at,
  requests,
  latencyUs: { p50: 1, p95: 1, p99: 1 },
  meanScore: null,
  labelled: 0,
  errorRate: null,
})

it('draws every whole bucket, gaps too, and not the one still filling', () => {
  const reply = { bucketMs: 10, points: [point(60, 6), point(80, 8), point(100, 1)] }
  const series = seriesFrom(reply, (found) => found?.requests ?? 0, { windowMs: 50, nowMs: 105 })
  expect(series).toEqual([6, 0, 8, 0])
  expect(highest(series)).toBe(8)
  expect(highest([null])).toBe(0)
})

it('breaks the line where nothing is known', () => {
  expect(linePath([0, 4, null, 2], { width: 30, height: 10, top: 4 })).toBe('M0 10L10 0M30 5')
  expect(areaPath(linePath([null, 4, 2], { width: 20, height: 10, top: 4 }), 10)).toBe('M10 0L20 5V10H10Z')
  expect(areaPath(linePath([1, null, 2], { width: 20, height: 10, top: 4 }), 10)).toBe('')
  expect(linePath([3], { width: 30, height: 10, top: 0 })).toBe('M0 10')
})
