import { expect, test } from 'vitest'
import { profileFrom } from '../profile/profile.ts'
import { concentrationOf, distanceFrom } from './concentration.ts'

const uniform = Float64Array.from({ length: 1_000 }, (_, i) => i / 1_000)
const profile = profileFrom(['x'], [uniform]).features[0]!

test('the distance is 0 for the reference itself and 1 for values of another world', () => {
  expect(distanceFrom(profile, [...uniform])).toBeCloseTo(0, 6)
  expect(distanceFrom(profile, new Array(100).fill(Number.NaN))).toBeCloseTo(1, 6)
})

test('a shift that two groups make goes away without them', () => {
  const values = [...uniform, ...new Array(500).fill(0.999)]
  const groups = values.map((_, row) => (row < 1_000 ? `honest-${row % 200}` : `attacker-${row % 2}`))
  const found = concentrationOf({ features: [{ profile, values }], groups, most: 5 })
  expect(found.explained).toBeGreaterThan(0.9)
  expect(found.groups).toContain('attacker-0')
  expect(found.rowShare).toBeGreaterThan(0.3)
})

test('a shift that everybody makes stays without any few', () => {
  const values = [...uniform].map((value) => value / 2)
  const groups = values.map((_, row) => `honest-${row % 200}`)
  expect(concentrationOf({ features: [{ profile, values }], groups, most: 5 }).explained).toBeLessThan(0.1)
})
