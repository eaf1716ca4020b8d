import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { expectedLoss, expectLosses, fitLoss, isBiased, openness, tableAlong } from './loss-model.ts'

const ALPHA = 1e-4

/** Losses with an exponential distribution whose mean is 1 and `slope` times the square of a feature; a prediction that says nothing. */
function rowsOf(seed: string, count: number, slope: number) {
  const random = createRandom(seed)
  const x = Float64Array.from({ length: count }, () => random.next())
  const predictions = Float64Array.from({ length: count }, () => 5 + random.normal())
  return { columns: [x, predictions], losses: x.map((own) => -Math.log(1 - random.next()) * (1 + slope * own * own)) }
}

test('a loss that follows the inputs is explained; one that does not is not, and neither is biased', () => {
  const steep = rowsOf('steep', 1_500, 20)
  const follows = fitLoss(steep.columns, steep.losses, createRandom(1), 40)
  expect(follows.heldOut.explained).toBeGreaterThan(0.1)
  expect(isBiased(follows, ALPHA)).toBe(false)
  const flat = rowsOf('flat', 1_500, 0)
  const alike = fitLoss(flat.columns, flat.losses, createRandom(1), 40)
  expect(alike.heldOut.explained).toBeLessThan(0.01)
  expect(isBiased(alike, ALPHA)).toBe(false)
})

test('a loss that was not learnt well enough is biased along some input', () => {
  const { columns, losses } = rowsOf('steep', 1_500, 20)
  const hasty = fitLoss(columns, losses, createRandom(1), 2)
  expect(hasty.heldOut.miss).toBeGreaterThan(0.3)
  expect(hasty.heldOut.pValue).toBeLessThan(1e-10)
  expect(isBiased(hasty, ALPHA)).toBe(true)
  expect(isBiased(hasty, 0)).toBe(false)
})

test('intervals hold the mean of the labels that come in about 95 of 100 windows', () => {
  let held = 0
  for (let run = 0; run < 60; run++) {
    const { columns, losses } = rowsOf(`known${run}`, 400, 8)
    const found = expectedLoss(fitLoss(columns, losses, createRandom(run), 15), rowsOf(`w${run}`, 200, 8).columns, 0.95)
    const realised = rowsOf(`w${run}`, 200, 8).losses.reduce((sum, loss) => sum + loss, 0) / 200
    held += Number(realised >= found.low && realised <= found.high)
  }
  expect(held).toBeGreaterThanOrEqual(52)
})

test('what the reference leaves open uses Student’s quantile with four degrees of freedom', () => {
  const estimate = { value: 1, low: 0, high: 2, samplingError: 0.3, calibrationError: 0.1 }
  // From SciPy: stats.t.ppf(0.975, 4).
  expect(openness(estimate, 0.95)).toBeCloseTo(0.27764451, 7)
})

test('the table lies along the prediction and adds up to the means, also where many predict the same', () => {
  const { columns, losses } = rowsOf('table', 500, 8)
  const loss = fitLoss(columns, losses, createRandom(1), 10)
  const expected = expectLosses(loss, columns)
  const table = tableAlong(columns[1]!, losses, expected)
  expect(table).toHaveLength(10)
  expect(table.reduce((sum, { rows }) => sum + rows, 0)).toBe(500)
  for (const side of ['expected', 'realised'] as const) {
    const mean = table.reduce((sum, bin) => sum + bin.rows * bin[side], 0)
    expect(mean).toBeCloseTo(
      (side === 'expected' ? expected : losses).reduce((sum, value) => sum + value, 0),
      8,
    )
  }
  for (const [i, { from, to }] of table.entries()) {
    expect(from).toBeLessThanOrEqual(to)
    if (i > 0) expect(from).toBeGreaterThan(table[i - 1]!.to)
  }
  const same = tableAlong(
    losses.map(() => 7),
    losses,
    expected,
  )
  expect(same).toMatchObject([{ from: 7, to: 7, rows: 500 }])
})
