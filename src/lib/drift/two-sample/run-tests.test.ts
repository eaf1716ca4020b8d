import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { defaultTest } from './choose.ts'
import { type TestName, testNames } from './result.ts'
import { blockFrom } from './row-block.ts'
import { testCounts, testNumbers, testRows } from './run-tests.ts'

const random = createRandom(1)
const numbers = () => Float64Array.from({ length: 100 }, () => random.normal())
const rows = () => {
  const make = () => {
    const first = random.normal()
    return [first, first + 0.1 * random.normal(), first + 0.1 * random.normal()]
  }
  return blockFrom(Array.from({ length: 100 }, make))
}
const [a, b, c, d] = [numbers(), numbers(), rows(), rows()]
const onCounts = (name: TestName) => testCounts(name, [60, 70, 80], [50, 70, 90])
const onNumbers = (name: TestName) => testNumbers(name, a, b)
const onRows = (name: TestName) => testRows(name, c, d)
const elsewhere = [
  'centroid_cosine',
  'centroid_distance',
  'pairwise_cosine',
  'neighbour_distance',
  'cluster_angles',
  'cluster_shares',
  'component_projections',
  'character_ngrams',
  'out_of_vocabulary',
]

test.each(testNames)('%s is made under its own name by some of the three, and refused by the others', (name) => {
  const made = [onCounts, onNumbers, onRows].flatMap((run) => {
    try {
      return [run(name)]
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
      expect(String(error)).toContain(`${name} is no test on`)
      return []
    }
  })
  for (const outcome of made) expect(outcome).toMatchObject({ test: name, pValue: expect.any(Number) })
  expect(made.length > 0).toBe(!elsewhere.includes(name))
})

test('the default of each kind can be made by name', () => {
  for (const size of [50, 500, 5_000]) {
    const sizes = { reference: size, current: size }
    expect(onNumbers(defaultTest('numeric', sizes))).toHaveProperty('pValue')
    expect(onCounts(defaultTest('categorical', sizes))).toHaveProperty('pValue')
    expect(onCounts(defaultTest('binned', sizes))).toHaveProperty('pValue')
    expect(onRows(defaultTest('rows', sizes))).toHaveProperty('pValue')
    expect(onRows(defaultTest('embedding', sizes))).toHaveProperty('pValue')
  }
})
