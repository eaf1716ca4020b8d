import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { medianOf, profileFrom } from './profile.ts'

test('quantile bins share the rows evenly and the shares sum to one', () => {
  const random = createRandom(1)
  const column = Float64Array.from({ length: 1_200 }, () => random.normal())
  const [feature] = profileFrom(['x'], [column]).features
  expect(feature!.edges).toHaveLength(11)
  expect(feature!.edges).toEqual([...feature!.edges].sort((a, b) => a - b))
  for (const share of feature!.expected) expect(share).toBeCloseTo(1 / 12, 12)
  expect(feature!.min).toBe(Math.min(...column))
  expect(feature!.max).toBe(Math.max(...column))
})

test('few distinct values get a bin each, with edges between them', () => {
  const [feature] = profileFrom(['https'], [Float32Array.of(0, 1, 1, 1, Number.NaN)]).features
  expect(feature).toMatchObject({ edges: [0.5], expected: [0.2, 0.6], missing: 0.2, min: 0, max: 1, mean: 0.75, variance: 0.25 })
})

test('a heavily tied feature keeps its mode in a bin of its own', () => {
  const column = Float64Array.from({ length: 1_000 }, (_, i) => (i < 600 ? 0 : i))
  const [feature] = profileFrom(['redirects'], [column]).features
  expect(feature!.edges[0]).toBe(300)
  expect(feature!.expected[0]).toBe(0.6)
  expect(feature!.expected.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
})

test('a column without a finite number, and an infinite value, count as missing', () => {
  const profile = profileFrom(['empty', 'edge'], [Float64Array.of(Number.NaN, Number.NaN), Float64Array.of(Number.POSITIVE_INFINITY, 2)])
  expect(profile.features[0]).toMatchObject({ edges: [], expected: [0], missing: 1 })
  expect(profile.features[1]).toMatchObject({ edges: [], expected: [0.5], missing: 0.5, max: 2 })
  expect(JSON.parse(JSON.stringify(profile))).toEqual(profile)
})

test('input that does not fit is refused', () => {
  expect(() => profileFrom(['a'], [])).toThrow('1 names do not match 0 columns')
  expect(() => profileFrom([], [])).toThrow(RangeError)
  expect(() => profileFrom(['a', 'b'], [new Float64Array(2), new Float64Array(3)])).toThrow('column b has 3 rows, the first has 2')
  expect(() => profileFrom(['a'], [new Float64Array(2)], { bins: 1 })).toThrow(RangeError)
})

test('the median lies in its bin, whatever is missing', () => {
  const random = createRandom('median')
  const column = Float64Array.from({ length: 5_000 }, (_, i) => (i % 10 === 0 ? Number.NaN : random.normal() * 3 + 10))
  const [feature] = profileFrom(['x'], [column]).features
  const sorted = column.filter(Number.isFinite).sort()
  expect(Math.abs(medianOf(feature!) - sorted[sorted.length / 2]!)).toBeLessThan(0.2)
  expect(medianOf(profileFrom(['x'], [Float64Array.of(Number.NaN)]).features[0]!)).toBeNaN()
  expect(medianOf(profileFrom(['x'], [Float64Array.of(7, 7, 7)]).features[0]!)).toBe(7)
})
