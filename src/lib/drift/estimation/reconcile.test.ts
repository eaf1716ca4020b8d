import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { chunksByRows, chunksByTime } from './chunks.ts'
import { contradictionOf, contradictionReason } from './contradiction.ts'
import { type ReconciledChunk, reconcile } from './reconcile.ts'

const chunk = (realised: number, at = 0): ReconciledChunk => ({ chunk: `${at}`, estimate: 0.9, low: 0.88, high: 0.92, realised })

test('repeated misses are called concept drift, with the evidence', () => {
  const found = reconcile([0.9, 0.91, 0.8, 0.78, 0.79].map(chunk))
  expect(found).toMatchObject({ verdict: 'not_to_be_trusted', coverage: { share: 0.4 } })
  expect(found.bias!.mean).toBeCloseTo(0.064, 10)
  expect(found.text).toContain('concept drift. 3 of 5 intervals missed')
  expect(found.text).toContain('too high by 0.0640')
  // P(Bin(5, 0.05) ≥ 3), from SciPy.
  expect(found.missPValue).toBeCloseTo(0.001158125, 9)
})

test('right intervals are distrusted no more often than stated', () => {
  const random = createRandom(1)
  let distrusted = 0
  for (let run = 0; run < 2_000; run++) {
    const chunks = Array.from({ length: 20 }, (_, i) => chunk(0.9 + (0.02 / 1.959964) * random.normal(), i))
    if (reconcile(chunks).verdict === 'not_to_be_trusted') distrusted++
  }
  expect(distrusted).toBeLessThan(35)
})

test('nothing, and little, is not judged', () => {
  expect(reconcile([])).toMatchObject({ verdict: 'too_few', coverage: null, bias: null })
  expect(reconcile([chunk(0.1)])).toMatchObject({ verdict: 'too_few', bias: { t: 0 } })
  expect(reconcile([chunk(Number.NaN), chunk(0.9), chunk(0.9), chunk(0.9)])).toMatchObject({ verdict: 'holding', bias: { t: 0 } })
  expect(() => reconcile([], { level: 1 })).toThrow('level lies in (0, 1)')
})

test('evidence is the same in any order, counts labels only, and its reason speaks', () => {
  const rows = {
    probabilities: new Array(200).fill(0.9),
    decisions: new Array(200).fill(1),
    labels: Array.from({ length: 200 }, (_, i) => (i % 4 === 0 ? Number.NaN : i % 2)),
  }
  const found = contradictionOf(rows)
  const turned = contradictionOf({ ...rows, labels: rows.labels.toReversed() })
  expect(turned.evidence).toBeCloseTo(found.evidence, 8)
  expect(found).toMatchObject({ rows: 150, contradicted: true })
  expect(contradictionReason(found)!.text).toContain('150 labels that did arrive')
  const none = contradictionOf({ probabilities: [], decisions: [], labels: [] })
  expect(none).toMatchObject({ rows: 0, expectedError: Number.NaN, evidence: 0, contradicted: false })
  expect(contradictionReason(none)).toBeNull()
  expect(() => contradictionOf({ probabilities: [1], decisions: [], labels: [] })).toThrow(RangeError)
})

test('fewer errors than expected contradict an estimate too', () => {
  const rows = { probabilities: new Array(400).fill(0.6), decisions: new Array(400).fill(1), labels: new Array(400).fill(1) }
  expect(contradictionOf(rows).contradicted).toBe(true)
})

test('chunks by rows and by time hold every row once', () => {
  expect(chunksByRows(10, 4).map(({ from, to }) => [from, to])).toEqual([
    [0, 4],
    [4, 8],
    [8, 10],
  ])
  expect(chunksByRows(9, 4).map(({ from, to }) => [from, to])).toEqual([
    [0, 4],
    [4, 9],
  ])
  expect(chunksByRows(0, 4)).toEqual([])
  expect(() => chunksByRows(3, 0)).toThrow(RangeError)
  expect(chunksByTime([0, 500, 1_000, 5_000], 1_000)).toEqual([
    { from: 0, to: 2, name: '1970-01-01T00:00:00.000Z' },
    { from: 2, to: 3, name: '1970-01-01T00:00:01.000Z' },
    { from: 3, to: 4, name: '1970-01-01T00:00:05.000Z' },
  ])
  expect(() => chunksByTime([1, 0], 10)).toThrow('times must ascend')
})
