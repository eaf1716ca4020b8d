import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { readModel } from '../../src/lib/onnx/read-model.ts'
import { createRandom } from '../../src/lib/random.ts'
import { rocAucOf } from '../../src/lib/stats/classification.ts'
import { onnxFrom, scoreRows, trainTrees } from './gbt.ts'
import { batchFrom, createWorld, featureNames, samplePages } from './world.ts'

test('learns an interaction that no single feature shows', () => {
  const random = createRandom('xor')
  const rows = Float32Array.from({ length: 3 * 4_000 }, () => random.normal())
  const labels = Uint8Array.from({ length: 4_000 }, (_, i) => (rows[3 * i]! > 0 !== rows[3 * i + 1]! > 0 ? 1 : 0))
  const model = trainTrees(rows, labels, { trees: 40, depth: 4 })
  const fresh = Float32Array.from({ length: 3 * 2_000 }, () => random.normal())
  const truths = Array.from({ length: 2_000 }, (_, i) => (fresh[3 * i]! > 0 !== fresh[3 * i + 1]! > 0 ? 1 : 0))
  expect(rocAucOf(truths, scoreRows(model, fresh, 3))).toBeGreaterThan(0.98)
})

test('missing values are learnt from, and one class alone gives its share', () => {
  const random = createRandom('missing')
  const labels = Uint8Array.from({ length: 1_000 }, () => (random.bernoulli(0.5) ? 1 : 0))
  const rows = Float32Array.from({ length: 1_000 }, (_, i) => (labels[i] === 1 ? Number.NaN : random.normal()))
  const scores = scoreRows(trainTrees(rows, labels, { trees: 20 }), Float32Array.of(Number.NaN, 0), 1)
  expect(scores[0]).toBeGreaterThan(0.9)
  expect(scores[1]).toBeLessThan(0.1)
  expect(scoreRows(trainTrees(rows, new Uint8Array(1_000), { trees: 2 }), Float32Array.of(1), 1)[0]).toBeLessThan(0.01)
})

test('the ONNX file scores pages as the model does', async () => {
  const { rows, labels } = batchFrom(samplePages(createWorld(9), 'evasion', 3_000))
  const model = trainTrees(rows, labels, { trees: 30 })
  const bytes = onnxFrom(model, featureNames.length)
  expect(readModel(bytes)).toMatchObject({
    inputs: [{ name: 'features', elementType: 'float', shape: ['N', 30] }],
    outputs: [{ name: 'probability', elementType: 'float', shape: ['N', 1] }],
  })
  const session = await InferenceSession.create(bytes)
  const { probability } = await session.run({ features: new Tensor('float32', rows, [3_000, 30]) })
  const own = scoreRows(model, rows, featureNames.length)
  const furthest = own.reduce((most, score, i) => Math.max(most, Math.abs(score - (probability!.data[i] as number))), 0)
  expect(furthest).toBeLessThan(1e-5)
})

test('the same rows give the same model; rows that do not fit are refused', () => {
  const { rows, labels } = batchFrom(samplePages(createWorld(1), 'calm', 500))
  expect(trainTrees(rows, labels, { trees: 5 })).toEqual(trainTrees(rows, labels, { trees: 5 }))
  expect(() => trainTrees(new Float32Array(7), new Uint8Array(2))).toThrow('7 values do not fill 2 rows')
})
