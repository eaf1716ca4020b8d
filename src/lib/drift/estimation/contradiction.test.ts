import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { excessEvidence } from './contradiction.ts'

/** Losses with a heavy tail (log-normal), whose means are `factor` times what is expected of them. */
function drawLosses(seed: string, count: number, factor = 1) {
  const random = createRandom(seed)
  const expected = Float64Array.from({ length: count }, () => 1 + 4 * random.next())
  return { expected, losses: expected.map((mean) => factor * mean * Math.exp(1.2 * random.normal() - 0.72)) }
}

test('while losses are as expected, the evidence is an e-value: its mean is 1 at most, and it is rarely large', () => {
  const values = Array.from({ length: 2_000 }, (_, run) => Math.exp(excessEvidence(drawLosses(`null${run}`, 60), 0)))
  expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeLessThan(1.2)
  // Markov: 20 of 2,000 at most, on average.
  expect(values.filter((value) => value >= 100).length).toBeLessThanOrEqual(20)
})

test('losses above the margin are found, below it and below what was expected not', () => {
  expect(excessEvidence(drawLosses('double', 400, 2), 0.1)).toBeGreaterThan(7)
  expect(excessEvidence(drawLosses('double', 400, 2), 1.2)).toBeLessThan(1)
  expect(excessEvidence(drawLosses('half', 400, 0.5), 0)).toBeLessThan(0)
})

test('noise of single expectations averages out', () => {
  const { expected, losses } = drawLosses('noise', 600)
  const random = createRandom('noise')
  const noisy = expected.map((mean) => Math.max(0.05, mean + 1.5 * random.normal()))
  expect(excessEvidence({ expected: noisy, losses }, 0.1)).toBeLessThan(1)
})

test('it has no unit, is 0 without rows, finite where no loss was expected, and refuses what does not match', () => {
  const { expected, losses } = drawLosses('unit', 50, 1.5)
  const scaled = excessEvidence({ expected: expected.map((e) => 1e6 * e), losses: losses.map((l) => 1e6 * l) }, 0.05)
  expect(scaled).toBeCloseTo(excessEvidence({ expected, losses }, 0.05), 9)
  expect(excessEvidence({ expected: [], losses: [] }, 0)).toBeCloseTo(0, 12)
  expect(excessEvidence({ expected: [0, 0], losses: [0, 0] }, 0)).toBeCloseTo(0, 12)
  const impossible = excessEvidence({ expected: new Array(40).fill(0), losses: new Array(40).fill(3) }, 0)
  expect(impossible).toBeGreaterThan(7)
  expect(Number.isFinite(impossible)).toBe(true)
  expect(() => excessEvidence({ expected: [1], losses: [] }, 0)).toThrow('1 expected losses do not match 0 losses')
  expect(() => excessEvidence({ expected: [1], losses: [1] }, -0.1)).toThrow(RangeError)
})
