import { describe, expect, it } from 'vitest'
import type { Estimate } from '../../src/contract/estimates.ts'
import { drawEstimates, shownErrorOf } from './estimate-drawing.ts'

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

  it('shows the error rate of a classifier and the mean absolute error of a regression, on its own scale', () => {
    const mae = (value: number) => ({ value, interval: { low: value - 40, high: value + 40 }, baseline: 310 })
    const regressed = (hour: number, value: number, more: Partial<Estimate> = {}) =>
      window(hour, null, { method: 'dle', abstained: null, metrics: { mae: mae(value) }, ...more })
    expect(shownErrorOf([])).toMatchObject({ metric: 'error_rate', unit: 'share' })
    expect(shownErrorOf([window(0, 0.2)])).toMatchObject({ metric: 'error_rate', unit: 'share' })
    expect(shownErrorOf([window(2, null), regressed(1, 320), window(0, 0.2)])).toMatchObject({ metric: 'mae', unit: 'label' })
    expect(shownErrorOf([window(2, 0.2), regressed(1, 320)])).toMatchObject({ metric: 'error_rate' })
    const labelled = window(3, null, { realised: { rows: 40, metrics: { mae: 500 }, covered: null } })
    expect(shownErrorOf([labelled])).toMatchObject({ metric: 'mae' })

    const { up, points, baseline } = drawEstimates([regressed(0, 300), regressed(1, 350), labelled], 'mae', box)
    expect([up[0] < 260 && up[0] > 200, up[1] > 500 && up[1] < 600, baseline]).toEqual([true, true, 310])
    expect(points.map(({ value, realised }) => [value, realised])).toEqual([
      [300, null],
      [350, null],
      [null, 500],
    ])
  })
})
