import { expect, test } from 'vitest'
import {
  betaCdf,
  betaQuantile,
  binomialCdf,
  chiSquaredTail,
  chiSquaredUpperQuantile,
  exactInterval,
  fisherTail,
  gammaCdf,
  gammaTail,
  kolmogorovTail,
  logGamma,
  normalQuantile,
  normalTail,
  studentTwoSided,
} from './distributions.ts'
import recorded from './fixtures/distributions.json' with { type: 'json' }

function close(actual: number, wanted: number, relative = 1e-9) {
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted) + 1e-13)
}

test('special functions agree with SciPy', () => {
  for (const [x, value] of recorded.logGamma) close(logGamma(x!), value!)
  for (const [x, a, b, value] of recorded.betaCdf) close(betaCdf(x!, a!, b!), value!)
  for (const [p, a, b, value] of recorded.betaQuantile) close(betaQuantile(p!, a!, b!), value!)
  for (const [z, value] of recorded.normalTail) close(normalTail(z!), value!)
  for (const [p, value] of recorded.normalQuantile) close(normalQuantile(p!), value!)
  for (const [k, n, p, value] of recorded.binomialCdf) close(binomialCdf(k!, n!, p!), value!)
  for (const [x, shape, value] of recorded.gammaTail) close(gammaTail(x!, shape!), value!)
  for (const [x, shape, value] of recorded.gammaTail) close(chiSquaredTail(2 * x!, 2 * shape!), value!)
  for (const [x, shape, value] of recorded.gammaTail) close(gammaCdf(x!, shape!), 1 - value!)
  for (const [p, freedom, value] of recorded.chiSquaredUpperQuantile) close(chiSquaredUpperQuantile(p!, freedom!), value!)
  for (const [t, freedom, value] of recorded.studentTwoSided) close(studentTwoSided(t!, freedom!), value!)
  for (const [f, over, under, value] of recorded.fisherTail) close(fisherTail(f!, over!, under!), value!)
  for (const [x, value] of recorded.kolmogorovTail) close(kolmogorovTail(x!), value!)
})

test('exact intervals agree with SciPy, at the ends too', () => {
  for (const [hits, trials, sideError, low, high] of recorded.exactInterval) {
    const interval = exactInterval(hits!, trials!, sideError!)
    close(interval.low, low!, 1e-8)
    close(interval.high, high!, 1e-8)
  }
})

test('arguments outside the domain are refused', () => {
  expect(() => logGamma(0)).toThrow(RangeError)
  expect(() => betaCdf(0.5, 0, 1)).toThrow(RangeError)
  expect(() => betaQuantile(1.5, 1, 1)).toThrow(RangeError)
  expect(() => normalQuantile(1)).toThrow(RangeError)
  expect(() => exactInterval(3, 2, 0.05)).toThrow(RangeError)
  expect(() => gammaTail(1, 0)).toThrow(RangeError)
  expect(() => gammaTail(Number.NaN, 1)).toThrow(RangeError)
  expect(() => chiSquaredUpperQuantile(0, 3)).toThrow(RangeError)
  expect(() => studentTwoSided(1, 0)).toThrow(RangeError)
})

test('tails begin at 1 and end at 0', () => {
  expect([gammaTail(-1, 2), gammaTail(Number.POSITIVE_INFINITY, 2), fisherTail(0, 1, 5), kolmogorovTail(0)]).toEqual([1, 0, 1, 1])
})
