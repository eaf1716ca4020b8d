import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { fitDirectLossReference } from './direct-loss.ts'
import type { RegressedWindow } from './judge-regressed.ts'
import { judgeWindow } from './judge-window.ts'

/** Rows of one feature; the prediction is right on average and off by more where the feature is greater. */
function drawRows(seed: string, count: number, { low = 0, noise = 1, labelled = 1 } = {}) {
  const random = createRandom(seed)
  const x = Array.from({ length: count }, () => low + (1 - low) * random.next())
  const scores = x.map((own) => 40 - 30 * own)
  const labels = scores.map((score, i) => score + noise * (1 + 9 * x[i]!) * random.normal())
  return { columns: [x], scores, labels: labels.map((label) => (random.bernoulli(labelled) ? label : Number.NaN)) }
}
type Rows = ReturnType<typeof drawRows>

const referenceOf = ({ columns, scores, labels }: Rows) =>
  fitDirectLossReference({ features: columns, predictions: scores, labels }, { random: createRandom('fit'), trees: 30 })
const known = drawRows('reference', 1_500)
const reference = referenceOf(known)
const judge = (rows: Rows, more: Partial<RegressedWindow> = {}) =>
  judgeWindow({ kind: 'regression', reference, rows, tolerance: 0.05, ...more })
const maeOf = ({ scores, labels }: Rows) => {
  const errors = labels.flatMap((label, i) => (Number.isNaN(label) ? [] : [Math.abs(label - scores[i]!)]))
  return errors.reduce((sum, error) => sum + error, 0) / errors.length
}

test('the same rows with and without labels have the same estimate; labels are only held against it', () => {
  const rows = drawRows('a', 500, { labelled: 0.4 })
  const [with_, without] = [rows, { ...rows, labels: rows.labels.map(() => Number.NaN) }].map((own) => judge(own))
  expect(with_!.metrics).toEqual(without!.metrics)
  expect(without).toMatchObject({ method: 'dle', rows: 500, realised: null, logEvidence: null, dropped: false, notes: [] })
  expect(with_!.realised!.rows).toBe(rows.labels.filter((label) => !Number.isNaN(label)).length)
  expect(with_!.realised!.metrics.mae).toBeCloseTo(maeOf(rows), 12)
  expect(with_!.metrics.mae!.baseline).toBeCloseTo(maeOf(known), 12)
})

test('intervals of labelled rows hold their error in about 95 of 100 windows, also when few rows have labels', () => {
  let held = 0
  for (let seed = 0; seed < 60; seed++) held += Number(judge(drawRows(`h${seed}`, 200, { labelled: 0.3 })).realised!.covered)
  expect(held).toBeGreaterThanOrEqual(52)
})

test('inputs with greater errors are a drop that labels agree with; greater errors of the same inputs only labels see', () => {
  const harder = judge(drawRows('b', 600, { low: 0.7 }))
  expect(harder).toMatchObject({ dropped: true, realised: { covered: true } })
  expect(harder.logEvidence!).toBeLessThan(1)
  const farther = judge(drawRows('c', 600, { noise: 1.6 }))
  expect(farther).toMatchObject({ dropped: false, realised: { covered: false } })
  expect(farther.logEvidence!).toBeGreaterThan(7)
  expect(judge(drawRows('d', 600, { noise: 0.5 })).logEvidence!).toBeLessThan(0)
})

test('the tolerance is a share of the error of the reference', () => {
  const rows = drawRows('e', 1_000, { low: 0.7 })
  const { low, baseline } = judge(rows).metrics.mae!
  const rise = low / baseline! - 1
  expect(rise).toBeGreaterThan(0.2)
  expect([rise - 0.01, rise + 0.01].map((tolerance) => judge(rows, { tolerance }).dropped)).toEqual([true, false])
})

test('no rows, few rows, predictions that are not finite, rows far away', () => {
  expect(judge({ columns: [[]], scores: [], labels: [] })).toMatchObject({ rows: 0, method: null, metrics: {}, realised: null })
  expect(judge(drawRows('f', 29)).abstained).toMatch(/29 rows; 30 are needed/)
  const rows = drawRows('g', 200)
  const odd = { ...rows, scores: rows.scores.map((score, i) => (i < 100 ? score : [Number.NaN, Number.POSITIVE_INFINITY][i % 2]!)) }
  expect(judge(odd)).toMatchObject({ rows: 100, abstained: null })
  const far = { ...rows, columns: [rows.columns[0]!.map((x) => x + 500)] }
  expect(judge(far)).toMatchObject({
    abstained: expect.stringMatching(/far beyond/),
    dropped: false,
    logEvidence: null,
    realised: { rows: 200, covered: null },
  })
})

test('a reference whose errors do not depend on the inputs says so; one that was not learnt abstains', () => {
  const random = createRandom('even')
  const even = { ...known, labels: known.scores.map((score) => score + random.normal()) }
  const found = judge(drawRows('h', 300), { reference: referenceOf(even) })
  expect(found).toMatchObject({ abstained: null, dropped: false, notes: [expect.stringMatching(/the estimate can hardly differ/)] })
  const { columns, scores, labels } = known
  const hasty = fitDirectLossReference({ features: columns, predictions: scores, labels }, { random: createRandom('fit'), trees: 2 })
  expect(judge(drawRows('i', 300), { reference: hasty }).abstained).toMatch(/misses that of held-out rows by \d+\.\d % of its mean/)
})
