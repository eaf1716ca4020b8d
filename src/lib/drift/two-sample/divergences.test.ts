import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { kolmogorovTail } from '../../stats/distributions.ts'
import recorded from '../../stats/fixtures/divergences.json' with { type: 'json' }
import { profileFrom } from '../profile/profile.ts'
import { createSketch, observe, observeColumns } from '../profile/sketch.ts'
import { gTest, psiTest } from './count-tests.ts'
import { binnedCounts, hellingerOf, jensenShannonOf, kullbackLeiblerOf, psiOf, shiftOf, totalVariationOf } from './divergences.ts'
import evidently from './fixtures/evidently.json' with { type: 'json' }
import nannyml from './fixtures/nannyml.json' with { type: 'json' }

test.each(recorded)('$reference against $observed agrees with SciPy', ({ reference, observed, psi, jensenShannon }) => {
  expect(psiOf(reference, observed)).toBeCloseTo(psi, 12)
  expect(jensenShannonOf(reference, observed)).toBeCloseTo(jensenShannon, 12)
})

test('bins that do not match are refused', () => {
  expect(() => psiOf([1], [1, 2])).toThrow('1 reference bins do not match 2 observed')
  expect(() => jensenShannonOf([1], [1, 2])).toThrow(RangeError)
})

test('the shift of a feature counts missing values', () => {
  const profile = profileFrom(['x'], [Float64Array.from({ length: 1_000 }, (_, i) => i % 4)])
  const same = createSketch(profile)
  const gone = createSketch(profile)
  expect(shiftOf(same, 0).psi).toBeNaN()
  for (let i = 0; i < 1_000; i++) {
    observe(same, Float32Array.of(i % 4))
    observe(gone, Float32Array.of(i % 2 === 0 ? Number.NaN : i % 4))
  }
  expect(shiftOf(same, 0)).toEqual({ psi: 0, jensenShannon: 0, missing: 0 })
  expect(shiftOf(gone, 0).missing).toBe(0.5)
  expect(shiftOf(gone, 0).psi).toBeGreaterThan(1)
})

test('counts of frozen bins are whole, and missing values are the last of them', () => {
  const profile = profileFrom(['x'], [Float64Array.of(1, 2, 3, 4, Number.NaN, 4, 4)])
  const sketch = createSketch(profile)
  for (const value of [4, 4, 1, Number.NaN]) observe(sketch, Float32Array.of(value))
  expect(binnedCounts(sketch, 0)).toEqual({ reference: [1, 1, 1, 3, 1], current: [1, 0, 0, 2, 1] })
})

test.each([psiTest, gTest])('bins cut at the quantiles of the reference keep p-values uniform when nothing changed: %o', (run) => {
  const random = createRandom(5)
  const draw = (rows: number) => Float64Array.from({ length: rows }, () => random.normal())
  const pValues = Array.from({ length: 500 }, () => {
    const sketch = createSketch(profileFrom(['x'], [draw(400)], { bins: 8 }))
    observeColumns(sketch, [draw(300)])
    const { reference, current } = binnedCounts(sketch, 0)
    return (run(reference, current) as { pValue: number }).pValue
  }).sort((a, b) => a - b)
  const farthest = pValues.reduce((worst, p, i) => Math.max(worst, Math.abs((i + 1) / 500 - p)), 0)
  expect(kolmogorovTail(Math.sqrt(500) * farthest)).toBeGreaterThan(0.01)
})

describe('what other libraries compute of the same categories', () => {
  test.each(evidently)('Evidently: $reference against $current', ({ reference, current, ...theirs }) => {
    // It smooths no count but empty ones; its Jensen–Shannon is in nats, and its Kullback–Leibler the reverse of ours.
    expect(psiOf(reference, current, 0)).toBeCloseTo(theirs.psi, 10)
    expect(kullbackLeiblerOf(current, reference, 0)).toBeCloseTo(theirs.kullbackLeibler, 10)
    expect(jensenShannonOf(reference, current) * Math.sqrt(Math.LN2)).toBeCloseTo(theirs.jensenShannon, 10)
    expect(hellingerOf(reference, current)).toBeCloseTo(theirs.hellinger, 7)
  })

  test.each(nannyml)('NannyML: $reference against $current', ({ reference, current, ...theirs }) => {
    expect(jensenShannonOf(reference, current)).toBeCloseTo(theirs.jensenShannon, 10)
    expect(hellingerOf(reference, current)).toBeCloseTo(theirs.hellinger, 10)
    // L∞ is the largest gap of any one category: never more than the total variation, and the same for two categories.
    expect(totalVariationOf(reference, current)).toBeGreaterThanOrEqual(theirs.largestGap - 1e-12)
    if (reference.length === 2) expect(totalVariationOf(reference, current)).toBeCloseTo(theirs.largestGap, 10)
  })
})
