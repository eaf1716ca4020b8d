import { expect, test } from 'vitest'
import recorded from './fixtures/divergences.json' with { type: 'json' }
import { profileFrom } from './profile.ts'
import { jensenShannonOf, psiOf, shiftOf } from './psi.ts'
import { createSketch, observe } from './sketch.ts'

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
