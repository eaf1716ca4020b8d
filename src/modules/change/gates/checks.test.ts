import { expect, test } from 'vitest'
import { GateSpec } from '../../../contract/gates.ts'
import { createRandom } from '../../../lib/random.ts'
import { checkNewest, checkSlice, type Pair } from './checks.ts'
import { conclude } from './conclude.ts'

const THRESHOLD = { threshold: 0.5, challengerThreshold: 0.5 }
const spec = (given: object = {}) => GateSpec.parse({ metric: 'error_rate', minRows: 200, ...given })

/** Rows of alternating labels on which each version is wrong with its own probability. */
function pairOf(rows: number, championError: number, challengerError: number, seed = 'pair'): Pair {
  const random = createRandom(seed)
  const labels = Float32Array.from({ length: rows }, (_, i) => i % 2)
  const scored = (error: number) => labels.map((label) => (random.bernoulli(error) ? 1 - label : label) * 0.8 + 0.1)
  return { labels, champion: scored(championError), challenger: scored(challengerError) }
}
const perfect = (rows: number) => pairOf(rows, 0, 0)

test.each<[string, object, Pair, string]>([
  ['one row too few', {}, pairOf(199, 0.3, 0), 'insufficient_data'],
  ['enough rows, and better', {}, pairOf(200, 0.3, 0), 'pass'],
  ['the same is not better', {}, perfect(400), 'fail'],
  ['the same is not better by log loss, where the interval is 0 alone', { metric: 'log_loss' }, perfect(400), 'fail'],
  ['the same is not worse within a margin', { require: 'not_worse', margin: 0.01 }, perfect(400), 'pass'],
  ['the same is not worse by nothing at all', { require: 'not_worse', margin: 0 }, perfect(400), 'fail'],
  ['worse by more than the margin', { require: 'not_worse', margin: 0.05 }, pairOf(2_000, 0.1, 0.25), 'fail'],
  ['much worse', {}, pairOf(2_000, 0.05, 0.3), 'fail'],
  ['better by F1', { metric: 'f1' }, pairOf(1_000, 0.3, 0.05), 'pass'],
  ['better by log loss', { metric: 'log_loss' }, pairOf(1_000, 0.3, 0.05), 'pass'],
  ['better by the Brier score', { metric: 'brier' }, pairOf(1_000, 0.3, 0.05), 'pass'],
])('newest window, %s', (_name, given, pair, outcome) => {
  expect(checkNewest(spec(given), pair, THRESHOLD)).toMatchObject({ rows: pair.labels.length, outcome })
})

test('equal versions pass "better" no more often than the confidence allows', () => {
  const passed = Array.from({ length: 200 }, (_, i) => checkNewest(spec(), pairOf(300, 0.2, 0.2, `null ${i}`), THRESHOLD).outcome)
  // A two-sided 95 % interval lies above 0 in 2.5 % of cases: 5 of 200 expected; 14 has probability 0.0006.
  expect(passed.filter((outcome) => outcome === 'pass').length).toBeLessThan(14)
})

const features = ['age', 'size']
/** A matrix whose ages are the row numbers. */
const matrixOf = ({ labels }: Pair) => ({
  values: Float32Array.from({ length: labels.length * 2 }, (_, i) => (i % 2 === 0 ? i / 2 : 7)),
  labels,
  rows: labels.length,
})
const slice = (given: object = {}) => spec({ slices: [{ name: 'part', ...given }] }).slices[0]!

test.each<[string, object, number, string]>([
  ['the whole reference', {}, 100, 'pass'],
  ['from a bound on', { feature: 'age', atLeast: 60 }, 40, 'pass'],
  ['below a bound', { feature: 'age', below: 60 }, 60, 'pass'],
  ['between two', { feature: 'age', atLeast: 20, below: 40 }, 20, 'pass'],
  ['nineteen rows say nothing', { feature: 'age', atLeast: 20, below: 39 }, 19, 'insufficient_data'],
  ['a feature that is not there', { feature: 'colour', atLeast: 0 }, 0, 'insufficient_data'],
])('slice, %s', (_name, given, rows, outcome) => {
  const pair = perfect(100)
  expect(checkSlice(spec(), slice(given), pair, matrixOf(pair), features, THRESHOLD)).toMatchObject({ rows, outcome })
})

test.each([
  [1, 'pass'],
  [2, 'fail'],
])('a slice may lose what maxRegression allows: %i of 100 wrong', (wrong, outcome) => {
  const pair = perfect(100)
  const challenger = pair.challenger.map((score, row) => (row < wrong ? 1 - score : score))
  const part = slice({ maxRegression: 0.015 })
  expect(checkSlice(spec(), part, { ...pair, challenger }, matrixOf(pair), features, THRESHOLD).outcome).toBe(outcome)
})

test('one failed check refuses; a thin newest window leaves the verdict open; a thin slice does not', () => {
  const pass = checkNewest(spec(), pairOf(1_000, 0.3, 0.05), THRESHOLD)
  const fail = checkNewest(spec(), pairOf(1_000, 0.05, 0.3), THRESHOLD)
  const thin = checkNewest(spec(), pairOf(10, 0, 0), THRESHOLD)
  expect(conclude([pass]).verdict).toBe('pass')
  expect(conclude([pass, fail]).verdict).toBe('refuse')
  expect(conclude([thin, fail]).verdict).toBe('refuse')
  expect(conclude([thin, pass]).verdict).toBe('insufficient_data')
  expect(conclude([pass, thin])).toMatchObject({ verdict: 'pass', reason: expect.stringContaining('nothing can be said on 10 rows') })
})
