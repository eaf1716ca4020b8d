import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { BIAS, FEATURES, trees, weights, writtenModels } from './fixtures/models.ts'
import { encodeModel } from './write-model.ts'

const random = createRandom('rows')
const ROWS = 500
/** Some values lie exactly on a threshold, and some are missing. */
const rows = Float32Array.from({ length: ROWS * FEATURES }, () =>
  random.bernoulli(0.1) ? random.choice([...random.choice(trees).threshold]) : random.bernoulli(0.05) ? Number.NaN : random.normal(),
)

async function run(name: string, input: Float32Array): Promise<Float32Array> {
  const session = await InferenceSession.create(writtenModels()[name]!)
  const { probability } = await session.run({ features: new Tensor('float32', input, [input.length / FEATURES, FEATURES]) })
  expect(probability!.dims).toEqual([input.length / FEATURES, 1])
  return probability!.data as Float32Array
}

function marginOf(row: Float32Array): number {
  let margin = BIAS
  for (const tree of trees) {
    let node = 0
    while (tree.feature[node]! >= 0) node = row[tree.feature[node]!]! <= tree.threshold[node]! ? tree.left[node]! : tree.right[node]!
    margin += tree.value[node]!
  }
  return margin
}

const sigmoid = (margin: number) => 1 / (1 + Math.exp(-margin))

test('onnxruntime computes the trees as they are walked here, missing values and ties included', async () => {
  const scores = await run('trees', rows)
  for (let i = 0; i < ROWS; i++) expect(scores[i]).toBeCloseTo(sigmoid(marginOf(rows.subarray(i * FEATURES, (i + 1) * FEATURES))), 5)
})

test('onnxruntime computes the logistic regression', async () => {
  const finite = rows.map((value) => (Number.isNaN(value) ? 0 : value))
  const scores = await run('logistic', finite)
  for (let i = 0; i < ROWS; i++) {
    const margin = weights.reduce((sum, weight, f) => sum + weight * finite[i * FEATURES + f]!, BIAS)
    expect(scores[i]).toBeCloseTo(sigmoid(margin), 5)
  }
})

test('weights that do not fill their shape are refused', () => {
  const spec = { producer: { name: 'x', version: '1' }, opsets: [], graphName: 'g', inputs: [], outputs: [], nodes: [] }
  expect(() => encodeModel({ ...spec, initializers: [{ name: 'w', shape: [2, 2], values: new Float32Array(3) }] })).toThrow(
    'w of shape [2,2] needs 4 values, not 3',
  )
})
