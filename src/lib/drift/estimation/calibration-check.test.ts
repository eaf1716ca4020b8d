import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { chiSquaredTail } from '../../stats/distributions.ts'
import { checkCalibration } from './calibration-check.ts'
import recorded from './fixtures/recorded.json' with { type: 'json' }
import { recordedRows } from './fixtures/recorded-rows.ts'

const { scores, labels } = recordedRows()

test.each(recorded.chiSquared)('the tail of χ² at %f with %i degrees agrees with SciPy', (x, degrees, tail) => {
  expect(chiSquaredTail(x, degrees) / tail).toBeCloseTo(1, 10)
})

test('the reliability table agrees with scikit-learn', () => {
  const { reliability } = checkCalibration(scores, labels)
  expect(reliability.length).toBe(10)
  for (const [i, bin] of reliability.entries()) {
    expect(bin.observedRate).toBeCloseTo(recorded.calibrationCurve.observed[i]!, 12)
    expect(bin.meanProbability).toBeCloseTo(recorded.calibrationCurve.mean[i]!, 12)
  }
})

test('Spiegelhalter’s z agrees with its formula in NumPy', () => {
  const { spiegelhalter } = checkCalibration(scores, labels)
  expect(spiegelhalter!.z).toBeCloseTo(recorded.spiegelhalter.z, 10)
  expect(spiegelhalter!.pValue).toBeCloseTo(recorded.spiegelhalter.pValue, 10)
})

test('true probabilities are rejected at the stated rate, false ones always', () => {
  const random = createRandom(3)
  let [spiegelhalter, hosmer] = [0, 0]
  const runs = 400
  for (let run = 0; run < runs; run++) {
    const p = Array.from({ length: 500 }, () => random.next())
    const check = checkCalibration(
      p,
      p.map((one) => Number(random.bernoulli(one))),
    )
    if (check.spiegelhalter!.pValue < 0.05) spiegelhalter++
    if (check.hosmerLemeshow!.pValue < 0.05) hosmer++
  }
  expect(spiegelhalter / runs).toBeLessThan(0.085)
  expect(hosmer / runs).toBeLessThan(0.085)
  const p = Array.from({ length: 500 }, () => random.next())
  const wrong = checkCalibration(
    p,
    p.map((one) => Number(random.bernoulli(one ** 3))),
  )
  expect(wrong.hosmerLemeshow!.pValue).toBeLessThan(1e-6)
  expect(wrong.expectedCalibrationError).toBeGreaterThan(0.15)
})

test('no rows, certain rows and one row have no test', () => {
  expect(checkCalibration([], [])).toMatchObject({ rows: 0, expectedCalibrationError: 0, spiegelhalter: null, hosmerLemeshow: null })
  expect(checkCalibration([0, 1], [0, 1])).toMatchObject({ expectedCalibrationError: 0, spiegelhalter: null })
  expect(checkCalibration([0.4], [1]).hosmerLemeshow).toBeNull()
  expect(() => checkCalibration([0.4], [])).toThrow(RangeError)
})
