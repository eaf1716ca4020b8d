import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { fitEstimatorReference } from './estimator-reference.ts'
import { type ClassifiedWindow, judgeClassified } from './judge-classified.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/** Rows of one feature whose score is the true probability, unless `turn` moves the truth. */
function drawRows(seed: string, count: number, { mean = 0, turn = 0, labelled = 1 } = {}) {
  const random = createRandom(seed)
  const x = Array.from({ length: count }, () => mean + 2 * random.normal())
  const labels = x.map((own) => Number(random.bernoulli(sigmoid(own - turn))))
  return { columns: [x], scores: x.map(sigmoid), labels: labels.map((label) => (random.bernoulli(labelled) ? label : Number.NaN)) }
}

const known = drawRows('reference', 3_000)
const reference = fitEstimatorReference({ ...known, features: known.columns }, { random: createRandom('fit') })
const input = (rows: ClassifiedWindow['rows'], more: Partial<ClassifiedWindow> = {}): ClassifiedWindow => ({
  kind: 'classification',
  reference,
  known: { scores: known.scores, labels: known.labels, features: known.columns },
  rows,
  threshold: 0.5,
  tolerance: 0.02,
  seed: 'w',
  ...more,
})
const errorOf = ({ scores, labels }: ClassifiedWindow['rows'], threshold = 0.5) =>
  Array.from(scores).filter((score, i) => Number(score >= threshold) !== labels[i]).length / scores.length

test('the same rows with and without labels have the same estimate; labels are only held against it', () => {
  const rows = drawRows('a', 1_000)
  const [with_, without] = [rows, { ...rows, labels: rows.labels.map(() => Number.NaN) }].map((own) => judgeClassified(input(own)))
  expect(with_!.metrics).toEqual(without!.metrics)
  expect(without).toMatchObject({ realised: null, logEvidence: null, dropped: false })
  expect(with_!.realised!.metrics.error_rate).toBeCloseTo(errorOf(rows), 12)
})

test('intervals of labelled rows hold their error in about 95 of 100 windows, also when few rows have labels', () => {
  let held = 0
  for (let seed = 0; seed < 60; seed++)
    held += Number(
      judgeClassified(input(drawRows(`h${seed}`, 300, { labelled: 0.3 }), { known: { ...input(known).known, features: undefined } }))
        .realised!.covered,
    )
  expect(held).toBeGreaterThanOrEqual(52)
})

test('moved inputs make the error higher and labels agree; a moved truth is only seen by labels', () => {
  const harder = drawRows('c', 1_500, { mean: 0 })
  const near = { ...harder, columns: [harder.columns[0]!.map((x) => x / 4)] }
  const random = createRandom('near')
  const scores = near.columns[0]!.map(sigmoid)
  const shifted = judgeClassified(input({ ...near, scores, labels: scores.map((score) => Number(random.bernoulli(score))) }))
  expect(shifted).toMatchObject({ dropped: true, realised: { covered: true } })
  expect(shifted.logEvidence!).toBeLessThan(2)
  const turned = judgeClassified(input(drawRows('d', 1_500, { turn: 2 })))
  expect(turned).toMatchObject({ dropped: false, realised: { covered: false } })
  expect(turned.logEvidence!).toBeGreaterThan(7)
})

test('another threshold is another estimate and another baseline', () => {
  const rows = drawRows('e', 2_000)
  const strict = judgeClassified(input(rows, { threshold: 0.9 })).metrics.error_rate!
  expect(strict.baseline).toBeCloseTo(errorOf(known, 0.9), 12)
  expect(Math.abs(strict.value - errorOf(rows, 0.9))).toBeLessThan(0.03)
  expect(strict.value).toBeGreaterThan(judgeClassified(input(rows)).metrics.error_rate!.value + 0.05)
})

test('no rows, few rows, scores that are no probabilities, one class', () => {
  expect(judgeClassified(input({ columns: [[]], scores: [], labels: [] }))).toMatchObject({
    rows: 0,
    method: null,
    metrics: {},
    realised: null,
  })
  expect(judgeClassified(input(drawRows('f', 29))).abstained).toMatch(/29 rows with a score; 30 are needed/)
  const rows = drawRows('g', 200)
  const odd = { ...rows, scores: rows.scores.map((score, i) => (i < 100 ? score : [Number.NaN, 3, -1, Number.POSITIVE_INFINITY][i % 4]!)) }
  expect(judgeClassified(input(odd)).rows).toBe(100)
  const one = judgeClassified(input({ ...rows, labels: rows.labels.map(() => 1) }))
  expect(one.realised!.metrics.roc_auc).toBeUndefined()
  const far = judgeClassified(input({ ...rows, columns: [rows.columns[0]!.map((x) => x + 500)] }))
  expect(far).toMatchObject({
    abstained: expect.stringMatching(/far beyond/),
    dropped: false,
    logEvidence: null,
    realised: { covered: null },
  })
})
