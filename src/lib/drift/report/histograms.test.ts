import { describe, expect, test } from 'vitest'
import { compareHistograms, histogramsFrom } from './histograms.ts'

const compare = (baseline: unknown, current: unknown, threshold = 0.2) =>
  compareHistograms(histogramsFrom(baseline), histogramsFrom(current), { names: { baseline: 'a', current: 'b' }, threshold, alpha: 0.01 })

describe('the simple form', () => {
  test('PSI and KL of known shares, 0.5 rows of 1,000 added to each bin', () => {
    const { results, verdict } = compare({ x: [0.5, 0.5] }, { x: [0.8, 0.2] })
    const p = [500.5 / 1001, 500.5 / 1001] as const
    const q = [800.5 / 1001, 200.5 / 1001] as const
    const psi = (p[0] - q[0]) * Math.log(p[0] / q[0]) + (p[1] - q[1]) * Math.log(p[1] / q[1])
    const kl = q[0] * Math.log(q[0] / p[0]) + q[1] * Math.log(q[1] / p[1])
    expect(results[0]!.psi).toBeCloseTo(psi, 12)
    expect(results[0]!.kl_divergence).toBeCloseTo(kl, 12)
    expect([verdict, results[0]!.exceeds_threshold, results[0]!.severity]).toEqual(['drift', true, 'severe'])
  })

  test('emptying a bin of one percent is no alarm by itself', () => {
    expect(compare([0.01, 0.49, 0.5], [0, 0.5, 0.5]).verdict).toBe('stable')
  })

  test('a feature that is gone, or has other bins, never passes', () => {
    expect(compare({ a: [0.5, 0.5], b: [0.5, 0.5] }, { a: [0.5, 0.5] })).toMatchObject({
      verdict: 'drift',
      features_checked: 2,
      features_exceeded: 1,
      results: [{ feature: 'b', psi: null, exceeds_threshold: true, severity: 'severe' }, { feature: 'a' }],
    })
    expect(compare({ a: [0.5, 0.5] }, { a: [0.4, 0.3, 0.3] })).toMatchObject({
      verdict: 'not_comparable',
      results: [{ comparable: false }],
    })
    expect(compare([0.5, 0.5], { other: [0.5, 0.5] }).verdict).toBe('drift')
    expect(compare({ a: [0.5, 0.5] }, { a: [0.5, 0.5], fresh: [0.1, 0.9] })).toMatchObject({
      verdict: 'stable',
      reason: expect.stringMatching(/not in the baseline: fresh/),
    })
  })

  test('what is no distribution is refused with the name of the feature', () => {
    const refused = (value: unknown) => () => histogramsFrom(value)
    expect(refused({ a: [1.2, -0.2] })).toThrow(/feature a holds -0.2/)
    expect(refused({ a: [0.2, 0.2] })).toThrow(/feature a add up to 0.4/)
    expect(refused({ a: [Number.NaN, 1] })).toThrow(/feature a/)
    expect(refused({ a: [0.5, '0.5'] })).toThrow(/feature a holds "0.5"/)
    expect(refused({ a: [0, 0] })).toThrow(/no row/)
    expect(refused({ a: [1] })).toThrow(/two bins/)
    expect(refused({ a: 3 })).toThrow(/feature a/)
    expect(refused({})).toThrow(/no feature/)
    expect(refused('text')).toThrow(/an object of feature/)
    expect(() => compare([0.5, 0.5], [0.5, 0.5], -1)).toThrow(/threshold/)
  })

  test('counts tell what chance reaches at their sizes', () => {
    const report = compare({ a: [30, 20, 50] }, { a: [25, 30, 45] })
    // χ² of 0.99 with two degrees of freedom, by the tables 9.2103, times 1/100 + 1/100.
    expect(report.results[0]!.calibrated_threshold).toBeCloseTo(9.21034 * 0.02, 5)
    expect(report.results[0]!.p_value).toBeGreaterThan(0.01)
    expect(report.results[0]!.reason).toMatch(/chance alone makes up to 0.184 at these sizes/)
    expect(compare([0.5, 0.5], [0.4, 0.6]).results[0]!.calibrated_threshold).toBeNull()
  })

  test('swapping the sides keeps PSI; scaling counts of both by ten hardly moves it', () => {
    const there = compare([10, 20, 70], [30, 30, 40]).results[0]!.psi!
    expect(compare([30, 30, 40], [10, 20, 70]).results[0]!.psi!).toBeCloseTo(there, 12)
    expect(compare([100, 200, 700], [300, 300, 400]).results[0]!.psi!).toBeCloseTo(there, 1)
  })
})
