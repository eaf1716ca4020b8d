import { describe, expect, it } from 'vitest'
import type { Estimate } from '../../src/contract/estimates.ts'
import { drawEstimates } from './estimate-drawing.ts'

const box = { left: 10, top: 0, width: 100, height: 100 }

function window(hour: number, value: number | null, more: Partial<Estimate> = {}): Estimate {
  return {
    monitor: 'm',
    deployment: 'd',
    modelVersion: 1,
    fromMs: hour * 3_600_000,
    toMs: (hour + 1) * 3_600_000,
    rows: 100,
    method: value === null ? null : 'cbpe',
    abstained: value === null ? 'too few rows' : null,
    notes: [],
    metrics: value === null ? {} : { error_rate: { value, interval: { low: value - 0.1, high: value + 0.1 }, baseline: 0.2 } },
    dropped: false,
    realised: null,
    suspicion: null,
    ...more,
  }
}

describe('a drawing of estimates', () => {
  it('goes from the oldest to the newest, whatever the order they come in', () => {
    const { points } = drawEstimates([window(2, 0.4), window(0, 0.2), window(1, 0.3)], 'error_rate', box)
    expect(points.map(({ x, value }) => [x, value])).toEqual([
      [10, 0.2],
      [60, 0.3],
      [110, 0.4],
    ])
  })

  it('breaks where a window abstained', () => {
    const { bands, line, points } = drawEstimates([window(0, 0.2), window(1, 0.2), window(2, null), window(3, 0.2)], 'error_rate', box)
    expect(bands).toHaveLength(2)
    expect(line.match(/M/g)).toHaveLength(2)
    expect(points[2]).toMatchObject({ value: null, abstained: 'too few rows' })
  })

  it('has room for everything that is drawn: intervals, the baseline and what came true', () => {
    const realised = { rows: 40, metrics: { error_rate: 0.9 }, covered: false }
    const { up, baseline, points } = drawEstimates([window(0, 0.5, { realised })], 'error_rate', box)
    expect(baseline).toBe(0.2)
    expect(up[0]).toBeLessThan(0.2)
    expect(up[1]).toBeGreaterThan(0.9)
    expect(points[0]).toMatchObject({ realised: 0.9, covered: false, x: 60 })
  })

  it('is empty without windows, and without the metric', () => {
    expect(drawEstimates([], 'error_rate', box)).toMatchObject({ points: [], bands: [], line: '', baseline: null })
    expect(drawEstimates([window(0, 0.2)], 'roc_auc', box)).toMatchObject({ bands: [], line: '', baseline: null })
  })
})
