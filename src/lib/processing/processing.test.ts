import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { calibrate, changesAfter, decide } from './after.ts'
import { changesBefore } from './before.ts'
import { featuresNamed, type Processing, type Rule, thresholdOf } from './processing.ts'

type Oracle = {
  readonly column: readonly (number | null)[]
  readonly standard: { readonly mean: number; readonly std: number; readonly values: number[] }
  readonly bounded: { readonly min: number; readonly max: number; readonly values: number[] }
  readonly asked: readonly number[]
  readonly platt: { readonly a: number; readonly b: number; readonly values: number[] }
  readonly isotonic: { readonly points: [number, number][]; readonly values: number[] }
}
/** Written by fixtures/record.py, with scikit-learn 1.9.1 and NumPy 2.4.6. */
const oracle = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, 'fixtures/recorded.json'), 'utf8')) as Oracle
const column = Float32Array.from(oracle.column, (value) => value ?? Number.NaN)
const close = (values: readonly number[], digits = 5) => values.map((value) => expect.closeTo(value, digits))

test.each(['standard', 'bounded'] as const)('a feature is filled in, bounded, logged and scaled as scikit-learn does it: %s', (kind) => {
  const { values, ...scale } = oracle[kind]
  const steps = { impute: 2.5, clip: [0.5, 9], log1p: true, scale } as const
  expect(Array.from(changesBefore({ before: { x: steps } }, ['x'])(column))).toEqual(close(values))
})

test('only the features named change, in a copy', () => {
  const rows = Float32Array.of(1, 2, 3, 4)
  expect(Array.from(changesBefore({ before: { b: { scale: { mean: 1, std: 2 } } } }, ['a', 'b'])(rows))).toEqual([1, 0.5, 3, 1.5])
  expect(Array.from(rows)).toEqual([1, 2, 3, 4])
  expect(changesBefore({}, ['a', 'b'])(rows)).toBe(rows)
  expect(changesBefore({ before: { a: { clip: [0, 1] } } }, ['a'])(Float32Array.of(Number.NaN))).toEqual(Float32Array.of(Number.NaN))
})

test('scores are calibrated as scikit-learn calibrates them', () => {
  const { asked, platt, isotonic } = oracle
  expect(asked.map((score) => calibrate({ method: 'platt', a: platt.a, b: platt.b }, score))).toEqual(close(platt.values, 10))
  expect(asked.map((score) => calibrate({ method: 'isotonic', points: isotonic.points }, score))).toEqual(close(isotonic.values, 10))
  expect(calibrate({ method: 'isotonic', points: isotonic.points }, Number.NaN)).toBeNaN()
})

const features = ['age', 'amount']
const row = (age: number, amount: number, score: number) => ({ features, values: Float32Array.of(age, amount), score: Math.fround(score) })
const decided = (rules: readonly Rule[], of: ReturnType<typeof row>) => decide({ after: { rules } }, 0.5, of)

test('without processing the threshold decides; a version’s own comes first', () => {
  expect(decide(null, 0.5, row(1, 1, 0.5))).toEqual({ prediction: 1, band: null, reason: null })
  expect(decide({ after: { threshold: 0.7 } }, 0.5, row(1, 1, 0.6)).prediction).toBe(0)
  expect([thresholdOf(null, 0.5), thresholdOf({}, 0.5), thresholdOf({ after: { threshold: 0 } }, 0.5)]).toEqual([0.5, 0.5, 0])
})

test('the band is the highest that the score reaches, in whatever order they stand', () => {
  const bands = [
    { name: 'high', atLeast: 0.9 },
    { name: 'low', atLeast: 0.1 },
    { name: 'middle', atLeast: 0.5 },
  ]
  const bandOf = (score: number) => decide({ after: { bands } }, 0.5, row(1, 1, score)).band
  expect([0.05, 0.1001, 0.5, 0.89, 0.95].map(bandOf)).toEqual([null, 'low', 'middle', 'middle', 'high'])
})

test('the first rule that holds decides, and says why', () => {
  const rules: Rule[] = [
    { when: { feature: 'age', op: '<', value: 18 }, set: { prediction: 0 }, reason: 'a minor' },
    { when: { score: true, op: '>=', value: 0.9 }, set: { prediction: 0 }, reason: 'too good' },
    { when: { feature: 'amount', op: 'missing' }, set: { prediction: 1 }, reason: 'unknown amount' },
  ]
  expect(decided(rules, row(17, 1, 0.95))).toMatchObject({ prediction: 0, reason: 'a minor' })
  expect(decided(rules, row(30, 1, 0.95))).toMatchObject({ prediction: 0, reason: 'too good' })
  expect(decided(rules, row(30, Number.NaN, 0.2))).toMatchObject({ prediction: 1, reason: 'unknown amount' })
  expect(decided(rules, row(30, 1, 0.6))).toMatchObject({ prediction: 1, reason: null })
})

test.each([
  ['<', [true, false, false]],
  ['<=', [true, true, false]],
  ['>', [false, false, true]],
  ['>=', [false, true, true]],
  ['==', [false, true, false]],
  ['!=', [true, false, true]],
] as const)('%s compares the floats a row is made of, and nothing holds of what is missing', (op, expected) => {
  const rules: Rule[] = [{ when: { feature: 'age', op, value: 0.1 }, set: { prediction: 1 }, reason: 'it holds' }]
  expect([0.05, 0.1, 0.2].map((age) => decided(rules, row(age, 0, 0)).prediction === 1)).toEqual(expected)
  expect(decided(rules, row(Number.NaN, 0, 0)).prediction).toBe(0)
})

test('calibration comes first, then the rule that sets the score; both models of a deployment see the same', () => {
  const processing: Processing = {
    after: {
      calibration: { method: 'platt', a: -2, b: 1 },
      rules: [
        { when: { feature: 'age', op: '<', value: 18 }, set: { score: 0 }, reason: 'a minor' },
        { when: { feature: 'age', op: '<', value: 20 }, set: { score: 0.25 }, reason: 'nearly one' },
      ],
    },
  }
  const change = changesAfter(processing, features)
  const scores = change(Float32Array.of(0.5, 0.5, 0.75), Float32Array.of(17, 0, 19, 0, 40, 0))
  expect(Array.from(scores)).toEqual([0, 0.25, expect.closeTo(1 / (1 + Math.exp(-0.5)), 6)])
  expect(decide(processing, 0.5, row(17, 0, scores[0]!))).toEqual({ prediction: 0, band: null, reason: 'a minor' })
  expect(featuresNamed({ before: { amount: {} }, ...processing })).toEqual(['amount', 'age', 'age'])
  const plain = Float32Array.of(0.5)
  expect(changesAfter({}, features)(plain, Float32Array.of(1, 2))).toBe(plain)
})
