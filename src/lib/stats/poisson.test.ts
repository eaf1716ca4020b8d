import { expect, test } from 'vitest'
import { poissonInterval } from './poisson.ts'

// SciPy 1.17.1: chi2.ppf(a, 2k) / 2 and chi2.isf(a, 2k + 2) / 2.
test.each([
  [0, 0.025, 0, 3.6888794541139363],
  [1, 0.025, 0.025317807984289876, 5.571643390938898],
  [5, 0.025, 1.6234863901184207, 11.66833207932267],
  [5, 0.05, 1.9701495680595302, 10.513034908741535],
  [100, 0.005, 76.12049584368918, 128.76058012010245],
])('%i events with %d beyond each end: from %d to %d', (events, sideError, low, high) => {
  const found = poissonInterval(events, sideError)
  expect(found.low).toBeCloseTo(low, 9)
  expect(found.high).toBeCloseTo(high, 9)
})

test('what is no count, and no error, is refused', () => {
  expect(() => poissonInterval(1.5, 0.1)).toThrow(/whole number/)
  expect(() => poissonInterval(-1, 0.1)).toThrow(/whole number/)
  expect(() => poissonInterval(1, 0)).toThrow(/between 0 and 1/)
})
