import { afterAll, beforeAll, expect, test } from 'vitest'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { registry } from '../../src/contract/registry.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { numericCsvHeader, numericCsvLine } from '../../src/lib/numeric-csv.ts'
import { logisticModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { deployment, openWorld, type Row, rowsOf, type World } from '../world.ts'

/** Log odds are a + b − 1, of features as the model gets them. */
const file = logisticModel({ name: 'test', version: '1' }, Float32Array.of(1, 1), -1)
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const processing = {
  before: { a: { impute: 0.5, clip: [0, 10], scale: { mean: 5, std: 2 } }, b: { impute: 0, log1p: true } },
  after: {
    calibration: { method: 'platt', a: -4, b: 2 },
    threshold: 0.6,
    bands: [
      { name: 'doubtful', atLeast: 0.4 },
      { name: 'sure', atLeast: 0.8 },
    ],
    rules: [
      { when: { feature: 'b', op: '>', value: 100 }, set: { score: 1 }, reason: 'more than anybody has' },
      { when: { feature: 'a', op: '<', value: 0 }, set: { prediction: 0 }, reason: 'a cannot be negative' },
    ],
  },
} as const
const expectedScore = (a: number | null, b: number | null) => {
  const scaled = (Math.min(Math.max(a ?? 0.5, 0), 10) - 5) / 2
  return 1 / (1 + Math.exp(-4 * sigmoid(scaled + Math.log1p(b ?? 0) - 1) + 2))
}

let world: World
let referenceRows: readonly Row[]
beforeAll(async () => {
  world = await openWorld()
  const { digest } = await world.admin.call(registry.uploadArtifact, { body: file as never })
  referenceRows = rowsOf(world.random, 500)
  const text = numericCsvHeader(['a', 'b', 'label']) + referenceRows.map(({ a, b, label }) => numericCsvLine([a, b, label])).join('')
  const reference = (await world.admin.call(registry.uploadArtifact, { body: text as never })).digest
  const version = { model: 'risk', artifact: digest, features: ['a', 'b'], processing, reference, alias: 'champion' } as const
  await world.admin.call(registry.registerVersion, version as never)
  await world.admin.call(documents.apply, { documents: [deployment('risk', 'risk', { threshold: 0.1 })] })
  await world.settle()
})
afterAll(() => world.close())

const ask = (a: number | null, b: number | null) => world.admin.call(deployments.predict, { deployment: 'risk', features: { a, b } })

test('steps before and after the model are part of the version: score, threshold, band and reason', async () => {
  for (const [a, b] of [
    [9, 3],
    [4, null],
    [null, 0.5],
    [1_000, 20],
  ] as const) {
    const { score, prediction, band, reason } = await ask(a, b)
    const expected = expectedScore(a, b)
    expect(score).toBeCloseTo(expected, 5)
    expect({ prediction, band, reason }).toEqual({
      prediction: expected >= 0.6 ? 1 : 0,
      band: expected >= 0.8 ? 'sure' : expected >= 0.4 ? 'doubtful' : null,
      reason: null,
    })
  }
})

test('rules set the score or the prediction, and say why', async () => {
  expect(await ask(0, 101)).toMatchObject({ score: 1, prediction: 1, band: 'sure', reason: 'more than anybody has' })
  expect(await ask(-1, 101)).toMatchObject({ score: 1, prediction: 0, reason: 'a cannot be negative' })
})

test('every protocol gives the same prediction, and the record keeps the features as they came', async () => {
  const data = [9, 3, -1, 101, 4, 1]
  const response = await fetch(`${world.url}/v2/models/risk/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await world.token('operator')}` },
    body: JSON.stringify({ id: 'same', inputs: [{ name: 'x', shape: [3, 2], datatype: 'FP32', data }] }),
  })
  const { outputs } = (await response.json()) as { outputs: { name: string; data: number[] }[] }
  const of = (name: string) => outputs.find((output) => output.name === name)!.data
  const asked = [await ask(9, 3), await ask(-1, 101), await ask(4, 1)]
  expect(of('score')).toEqual(asked.map(({ score }) => score))
  expect(of('prediction')).toEqual(asked.map(({ prediction }) => prediction))
  await world.settle()
  const { records } = await world.admin.call(telemetry.listRecords, { deployment: 'risk', limit: 100 })
  const recorded = records.filter(({ recordId }) => recordId.startsWith('same#')).sort((x, y) => x.recordId.localeCompare(y.recordId))
  expect(recorded.flatMap(({ features }) => features)).toEqual(data)
  expect(recorded.map(({ prediction }) => prediction)).toEqual(of('prediction'))
})

test('the profile that drift is measured against is of processed scores, judged at the version’s own threshold', async () => {
  const profile = await world.admin.call(drift.getProfile, { model: 'risk', version: 1 })
  const scores = referenceRows.map(({ a, b }) => expectedScore(a, b))
  const wrong = scores.filter((score, row) => (score >= 0.6 ? 1 : 0) !== referenceRows[row]!.label).length
  expect(profile.features.map(({ name }) => name)).toEqual(['a', 'b', 'score'])
  expect(profile.features[0]!.mean).toBeCloseTo(referenceRows.reduce((sum, { a }) => sum + a, 0) / 500, 5)
  expect(profile.features[2]!.mean).toBeCloseTo(scores.reduce((sum, score) => sum + score, 0) / 500, 5)
  expect(profile.errorRate).toBeCloseTo(wrong / 500, 9)
})

test.each([
  ['a feature that is not there', { before: { c: { impute: 0 } } }, /processing names c; the features of the version are a, b/],
  [
    'a rule that sets the score by the score',
    { after: { rules: [{ when: { score: true, op: '<', value: 1 }, set: { score: 0 }, reason: 'why' }] } },
    /rules/,
  ],
  [
    'falling calibration',
    {
      after: {
        calibration: {
          method: 'isotonic',
          points: [
            [0, 0.5],
            [1, 0.4],
          ],
        },
      },
    },
    /must not fall/,
  ],
  ['no width to scale by', { before: { a: { scale: { mean: 0, std: 0 } } } }, /scale/],
])('%s is refused when the version is registered', async (_name, wrong, message) => {
  const { digest } = await world.admin.call(registry.uploadArtifact, { body: file as never })
  const version = { model: 'wrong', artifact: digest, features: ['a', 'b'], processing: wrong }
  await expect(world.admin.call(registry.registerVersion, version as never)).rejects.toMatchObject({ code: 'invalid', message })
})
