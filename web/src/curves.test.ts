import { describe, expect, it } from 'vitest'
import { type CurvePoint, curvePath, nearestPlace, placesOf, rangeOf, scaled, ticksOf, usualAlong, widened } from './curves.ts'

const points = (...values: (number | null)[]): CurvePoint[] => values.map((value, step) => ({ step, at: 1_000 + step * 10, value }))
const box = { left: 0, top: 0, width: 100, height: 10 }

describe('curves', () => {
  it('reads the range of what can be drawn', () => {
    expect(rangeOf([3, null, -1, Number.MAX_VALUE, -Number.MAX_VALUE, Number.NaN])).toEqual([-1, 3])
    expect(rangeOf([null])).toEqual([0, 1])
    expect(widened([0, 1])).toEqual([-0.05, 1.05])
    expect(widened([5, 5])).toEqual([4.5, 5.5])
    expect(widened([0, 0])).toEqual([-1, 1])
  })

  it('sets round ticks', () => {
    expect(ticksOf([0, 1], 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
    expect(ticksOf([-0.31, 0.72], 4)).toEqual([0, 0.5])
    expect(ticksOf([1, 50], 5)).toEqual([10, 20, 30, 40, 50])
    expect(ticksOf([7, 7], 5)).toEqual([7])
    for (const tick of ticksOf([0.1, 0.4], 3)) expect(String(tick).length).toBeLessThan(5)
  })

  it('draws a line, broken where there is no number, with infinities at the edge', () => {
    const line = points(0, 1, null, 2, Number.MAX_VALUE)
    expect(curvePath({ points: line, places: placesOf(line, 'step') }, { across: [0, 4], up: [0, 2], box })).toBe('M0 10L25 5M75 0L100 0')
    expect(scaled(3, [3, 3], 0, 10)).toBe(5)
  })

  it('is drawn over time when steps do not tell the points apart', () => {
    const still = points(1, 2).map((point) => ({ ...point, step: 0 }))
    expect(usualAlong([points(1, 2)])).toBe('step')
    expect(usualAlong([points(1, 2), still])).toBe('time')
    expect(usualAlong([points(1)])).toBe('step')
    expect(placesOf(still, 'time')).toEqual([0, 10])
  })

  it('finds the nearest point', () => {
    const places = [0, 10, 20]
    expect([-5, 4, 6, 14.9, 99].map((x) => nearestPlace(places, x))).toEqual([0, 0, 1, 1, 2])
    expect(nearestPlace([], 1)).toBe(-1)
  })
})
