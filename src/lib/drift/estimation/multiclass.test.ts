import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { calibrateMulticlass, decideFrom, estimateMulticlass, fitMulticlassReference } from './multiclass.ts'
import { multiclassMetricsFrom } from './multiclass-metrics.ts'

/** Three classes whose true probabilities are a softmax; the model's are sharper by `temperature`. */
function rowsOf(seed: number, count: number, temperature: number, shift = 0) {
  const random = createRandom(seed)
  const columns = [0, 1, 2].map(() => new Float64Array(count))
  const labels = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const logits = [random.normal() + shift, random.normal(), random.normal()]
    const soft = (scale: number) => {
      const powers = logits.map((logit) => Math.exp(logit * scale))
      const sum = powers.reduce((total, power) => total + power, 0)
      return powers.map((power) => power / sum)
    }
    for (const [k, p] of soft(1 / temperature).entries()) columns[k]![i] = p
    const truth = soft(1)
    const draw = random.next()
    labels[i] = draw < truth[0]! ? 0 : draw < truth[0]! + truth[1]! ? 1 : 2
  }
  return { columns, labels }
}

test('a model that is too sure is brought down, and intervals hold what comes true', () => {
  let inside = 0
  for (let seed = 0; seed < 10; seed++) {
    const known = rowsOf(seed, 1_500, 0.4)
    const reference = fitMulticlassReference(known.columns, known.labels, { random: createRandom(seed), replicates: 10 })
    expect(reference.calibrator).toMatchObject({ kind: 'temperature' })
    if (reference.calibrator.kind === 'temperature') expect(Math.abs(reference.calibrator.temperature - 2.5)).toBeLessThan(0.6)
    const rows = rowsOf(500 + seed, 400, 0.4, 0.7)
    const found = estimateMulticlass(reference, rows.columns, { random: createRandom(seed), draws: 30 })
    if (found.abstained) throw new Error(found.reasons[0]!.text)
    const hard = [0, 1, 2].map((k) => Array.from(rows.labels, (label) => Number(label === k)))
    const realised = multiclassMetricsFrom(rows.columns, decideFrom(rows.columns), hard)
    if (realised.accuracy >= found.metrics.accuracy!.low && realised.accuracy <= found.metrics.accuracy!.high) inside++
    expect(Math.abs(found.metrics.f1!.value - realised.f1)).toBeLessThan(0.12)
    expect(found.metrics.roc_auc!.high).toBeGreaterThan(realised.roc_auc - 0.05)
  }
  expect(inside).toBeGreaterThanOrEqual(8)
})

test('calibrated probabilities sum to one; calibrated scores are left alone', () => {
  const known = rowsOf(3, 1_000, 1)
  const reference = fitMulticlassReference(known.columns, known.labels, { random: createRandom(1), replicates: 2 })
  expect(reference.calibrator).toEqual({ kind: 'temperature', temperature: 1 })
  const isotonic = {
    kind: 'isotonic',
    classes: [{ kind: 'identity' }, { kind: 'identity' }, { kind: 'platt', slope: 0.5, offset: 0 }],
  } as const
  const out = calibrateMulticlass(isotonic, known.columns)
  for (let i = 0; i < 1_000; i++) expect(out[0]![i]! + out[1]![i]! + out[2]![i]!).toBeCloseTo(1, 12)
})

test('abstains with too few rows or classes hardly seen, and refuses wrong input', () => {
  const known = rowsOf(4, 400, 1)
  const reference = fitMulticlassReference(known.columns, known.labels, { random: createRandom(1), replicates: 2 })
  const few = estimateMulticlass(reference, rowsOf(5, 10, 1).columns, { random: createRandom(1) })
  expect(few).toMatchObject({ abstained: true, reasons: [{ code: 'too_few_rows' }] })
  const lacking = fitMulticlassReference(
    known.columns,
    known.labels.map((label) => (label === 2 ? 1 : label)),
    { random: createRandom(1), replicates: 2 },
  )
  expect(lacking.faults.map(({ code }) => code)).toContain('reference_too_small')
  expect(() => estimateMulticlass(reference, known.columns.slice(1), { random: createRandom(1) })).toThrow('2 classes do not match')
  expect(() => fitMulticlassReference(known.columns, [7], { random: createRandom(1) })).toThrow(RangeError)
  expect(() => fitMulticlassReference([[1], [0]], [2], { random: createRandom(1) })).toThrow('label 0 is 2')
})
