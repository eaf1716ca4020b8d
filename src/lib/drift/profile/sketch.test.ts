import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { binOf, profileFrom } from './profile.ts'
import {
  countsOf,
  createSketch,
  mergeSketches,
  momentsOf,
  observe,
  observeColumns,
  resetSketch,
  sketchFromJson,
  sketchToJson,
} from './sketch.ts'

const random = createRandom('sketch')
const reference = [
  Float64Array.from({ length: 500 }, () => 1e3 + 10 * random.normal()),
  Float64Array.from({ length: 500 }, () => random.int(3) / 10),
  Float64Array.from({ length: 500 }, () => 4),
]
const profile = profileFrom(['wide', 'few', 'constant'], reference)

function rows(count: number): Float32Array {
  const values = new Float32Array(count * 3)
  for (let i = 0; i < count; i++) {
    const odd = random.next()
    values[3 * i] = odd < 0.02 ? Number.NaN : odd < 0.04 ? 1e30 : odd < 0.05 ? Number.NEGATIVE_INFINITY : 1e3 + 12 * random.normal()
    values[3 * i + 1] = random.int(4) / 10
    values[3 * i + 2] = 4
  }
  return values
}

function sketchOf(values: Float32Array, from = 0, to = values.length / 3) {
  const sketch = createSketch(profile)
  for (let row = from; row < to; row++) observe(sketch, values, 3 * row)
  return sketch
}

test('counts land in the bin that holds the value', () => {
  const sketch = sketchOf(Float32Array.of(Number.NaN, 0.1, 4, 1e3, 0.3, 5, 1e30, 0, 4))
  expect(countsOf(sketch, 0)).toMatchObject({ missing: 1, aboveMax: 1, belowMin: 0 })
  expect(countsOf(sketch, 0).bins.reduce((a, b) => a + b)).toBe(2)
  expect(countsOf(sketch, 0).bins.at(-1)).toBe(1)
  expect(countsOf(sketch, 1)).toMatchObject({ bins: [1, 1, 1], aboveMax: 1 })
  expect(countsOf(sketch, 2)).toMatchObject({ bins: [3], aboveMax: 1, belowMin: 0 })
})

test('the reference itself, rounded to 32 bits, gives back the expected shares', () => {
  const sketch = createSketch(profile)
  observeColumns(
    sketch,
    reference.map((column) => Float32Array.from(column)),
  )
  profile.features.forEach((feature, f) => {
    const { bins, belowMin, aboveMax } = countsOf(sketch, f)
    expect(bins.map((count) => count / sketch.rows)).toEqual(feature.expected)
    expect([belowMin, aboveMax]).toEqual([0, 0])
  })
})

test('merging is the same as concatenating, to the last bit, however the rows are cut', () => {
  for (let trial = 0; trial < 50; trial++) {
    const values = rows(1 + random.int(300))
    const total = values.length / 3
    const cuts = [0, random.int(total + 1), random.int(total + 1), total].sort((a, b) => a - b)
    const merged = createSketch(profile)
    for (const part of [2, 0, 1]) mergeSketches(merged, sketchOf(values, cuts[part], cuts[part + 1]))
    const whole = sketchOf(values)
    expect(merged.cells).toEqual(whole.cells)
    expect(merged.rows).toBe(whole.rows)
    expect(sketchFromJson(profile, JSON.parse(JSON.stringify(sketchToJson(whole)))).cells).toEqual(whole.cells)
  }
})

test('squares carry without loss', () => {
  const far = Float32Array.from({ length: 3 * 5_000 }, () => 1e9)
  const whole = sketchOf(far)
  const doubled = sketchOf(far)
  mergeSketches(doubled, whole)
  const [high, low] = countsOf(doubled, 0).squares
  expect(BigInt(high) * 2n ** 52n + BigInt(low)).toBe(10_000n * (2n ** 20n) ** 2n)
  expect(low).toBeLessThan(2 ** 52)
})

test('moments follow the window', () => {
  const sketch = createSketch(profile)
  for (let i = 0; i < 20_000; i++) observe(sketch, Float64Array.of(1e3 + 5 + 20 * random.normal(), 0.1, 4))
  const { count, mean, variance } = momentsOf(sketch, 0)
  expect(count).toBe(20_000)
  expect(Math.abs(mean - 1e3 - 5)).toBeLessThan(0.6)
  expect(Math.abs(Math.sqrt(variance) - 20)).toBeLessThan(0.4)
  resetSketch(sketch)
  expect(sketch.rows).toBe(0)
  expect(sketch.cells.every((cell) => cell === 0)).toBe(true)
})

test('what does not fit is refused', () => {
  const other = createSketch(profileFrom(['wide'], [reference[0]!]))
  expect(() => mergeSketches(createSketch(profile), other)).toThrow('same profile')
  expect(() => observe(createSketch(profile), new Float32Array(3), 1)).toThrow('a row of 3 values does not fit at 1 of 3')
  expect(() => sketchFromJson(profile, sketchToJson(other))).toThrow('1 features, the profile 3')
  expect(() => observeColumns(createSketch(profile), [reference[0]!])).toThrow('1 columns do not match 3')
})

test('whatever the edges, a value lands in the bin that a search of them finds', () => {
  const edgeLists = [
    [0, 1e-300, 1, 1 + 2 ** -52, 1e9, 1e300],
    Array.from({ length: 63 }, (_, i) => Math.exp(i / 2 - 20)),
    [-1e308, 1e308],
    [5],
    [0.1, 0.2, 0.3, 0.30000000000000004, 0.4],
  ]
  for (const edges of edgeLists) {
    const expected = Array.from({ length: edges.length + 1 }, () => 1 / (edges.length + 1))
    const feature = { name: 'f', edges, expected, missing: 0, min: -1, max: 1, mean: 0, variance: 1 }
    const near = edges.flatMap((edge) => [edge, edge * (1 - 2 ** -53), edge * (1 + 2 ** -52), edge - 1e-9, edge + 1e-9])
    const drawn = Array.from({ length: 500 }, () => edges[0]! + (edges.at(-1)! / 2 - edges[0]! / 2) * 2 * random.next())
    for (const value of [...near, ...drawn, Number.MAX_VALUE, -Number.MAX_VALUE].filter(Number.isFinite)) {
      const sketch = createSketch({ sampleSize: 10, features: [feature] })
      observe(sketch, Float64Array.of(value))
      expect(countsOf(sketch, 0).bins.indexOf(1), `${value} among ${edges}`).toBe(binOf(edges, value))
    }
  }
})
