import { expect, test } from 'vitest'
import { createRandom, type Random } from '../../../lib/random.ts'
import { addPairs, type ScoredPair, type StageEvidence, verdictOf } from './evidence.ts'

const THRESHOLD = { champion: 0.5, challenger: 0.5 }
const plan = { margin: 0.02, alpha: 0.05 }
const MIN_ROWS = 100

/** A row with label 1 that each version has right or wrong. */
const pair = (champion: boolean, challenger: boolean): ScoredPair => ({
  label: 1,
  championScore: champion ? 0.9 : 0.1,
  challengerScore: challenger ? 0.9 : 0.1,
})
const repeated = (count: number, one: ScoredPair) => Array.from({ length: count }, () => one)
const drawn = (random: Random, count: number, championError: number, challengerError: number) =>
  Array.from({ length: count }, () => pair(!random.bernoulli(championError), !random.bernoulli(challengerError)))

/** The first verdict of a test looked at after every 50 rows. */
function firstVerdict(random: Random, championError: number, challengerError: number, rows: number): string {
  let evidence: StageEvidence | null = null
  for (let seen = 0; seen < rows; seen += 50) {
    evidence = addPairs(evidence, drawn(random, 50, championError, challengerError), THRESHOLD, plan)
    const verdict = verdictOf(evidence, MIN_ROWS)
    if (verdict !== 'undecided') return verdict
  }
  return 'undecided'
}
const verdicts = (runs: number, championError: number, challengerError: number, seed: string) =>
  Array.from({ length: runs }, (_, run) => firstVerdict(createRandom(`${seed} ${run}`), championError, challengerError, 2_000))

// 20 of 200 is twice the 5 % each wrong verdict may have; at exactly 5 % more than 20 has probability 0.002.
test('an equal challenger is rarely called harmful, looked at 40 times', () => {
  expect(verdicts(200, 0.1, 0.1, 'equal').filter((verdict) => verdict === 'harm').length).toBeLessThanOrEqual(20)
})

test('a challenger worse by the margin rarely passes, looked at 40 times', () => {
  expect(verdicts(200, 0.1, 0.12, 'margin').filter((verdict) => verdict === 'pass').length).toBeLessThanOrEqual(20)
})

test('a much better challenger passes, a much worse one is caught', () => {
  expect(new Set(verdicts(20, 0.3, 0.02, 'better'))).toEqual(new Set(['pass']))
  expect(new Set(verdicts(20, 0.02, 0.3, 'worse'))).toEqual(new Set(['harm']))
})

test('rows are counted as better, worse and tied, and the difference is the challenger’s error less the champion’s', () => {
  const pairs = [...repeated(3, pair(false, true)), ...repeated(1, pair(true, false)), ...repeated(6, pair(true, true))]
  const { shown } = addPairs(null, pairs, THRESHOLD, plan)
  expect(shown).toMatchObject({ rows: 10, better: 3, worse: 1, threshold: 20 })
  expect(shown.difference).toBeCloseTo(-0.2, 12)
  expect(shown.low!).toBeLessThan(-0.2)
  expect(shown.high!).toBeGreaterThan(-0.2)
})

test('a score at the threshold counts as positive', () => {
  const at = { label: 0, championScore: 0.499, challengerScore: 0.5 }
  expect(addPairs(null, [at], THRESHOLD, plan).shown).toMatchObject({ better: 0, worse: 1 })
})

test('no rows show nothing', () => {
  const { shown } = addPairs(null, [], THRESHOLD, plan)
  expect(shown).toMatchObject({ rows: 0, difference: null, low: null, high: null, evidenceNotWorse: 1, evidenceHarm: 1 })
})

test('how rows fall into batches, and a trip through JSON, change nothing', () => {
  const random = createRandom('batches')
  const pairs = drawn(random, 300, 0.2, 0.1)
  const whole = addPairs(null, pairs, THRESHOLD, plan).shown
  let parts: StageEvidence | null = null
  for (let from = 0; from < pairs.length; from += 7)
    parts = JSON.parse(JSON.stringify(addPairs(parts, pairs.slice(from, from + 7), THRESHOLD, plan)))
  expect(parts!.shown).toMatchObject({ rows: whole.rows, better: whole.better, worse: whole.worse })
  expect(parts!.shown.evidenceNotWorse).toBeCloseTo(whole.evidenceNotWorse, 6)
})

test.each([
  ['enough evidence on too few rows', { rows: 99, evidenceNotWorse: 20, evidenceHarm: 0 }, 'undecided'],
  ['enough evidence on enough rows', { rows: 100, evidenceNotWorse: 20, evidenceHarm: 0 }, 'pass'],
  ['evidence just short', { rows: 1_000, evidenceNotWorse: 19.99, evidenceHarm: 0 }, 'undecided'],
  ['harm is believed on few rows', { rows: 5, evidenceNotWorse: 0, evidenceHarm: 20 }, 'harm'],
  ['harm goes before a pass', { rows: 100, evidenceNotWorse: 20, evidenceHarm: 20 }, 'harm'],
])('verdict: %s', (_name, shown, verdict) => {
  const { state, shown: none } = addPairs(null, [], THRESHOLD, plan)
  expect(verdictOf({ state, shown: { ...none, ...shown } }, MIN_ROWS)).toBe(verdict)
})

test('evidence beyond what JSON can hold is shown as the most', () => {
  const { shown } = addPairs(null, repeated(200_000, pair(false, true)), THRESHOLD, plan)
  expect(shown.evidenceNotWorse).toBe(1e300)
})

test('each version is right or wrong at its own threshold', () => {
  const scored = { label: 1, championScore: 0.4, challengerScore: 0.4 }
  expect(addPairs(null, [scored], { champion: 0.3, challenger: 0.5 }, plan).shown).toMatchObject({ better: 0, worse: 1 })
  expect(addPairs(null, [scored], { champion: 0.5, challenger: 0.3 }, plan).shown).toMatchObject({ better: 1, worse: 0 })
})
