import { expect, test } from 'vitest'
import { betaCdf, betaQuantile, binomialCdf, exactInterval, logGamma, normalQuantile, normalTail } from './distributions.ts'
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
})
