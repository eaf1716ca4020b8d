import { expect, test } from 'vitest'
import { createTilts, playTilts, tiltsFromText, tiltsToText } from './tilts.ts'

const shares = Float64Array.of(0.02, 0.18, 0.3, 0.3, 0.2)

/** The expected pay of each tilt for one row from these shares. */
function expectedPay({ logPay, categories, weights }: ReturnType<typeof createTilts>, truth: ArrayLike<number>): number[] {
  return Array.from(weights, (_, tilt) => {
    let sum = 0
    for (let b = 0; b < categories; b++) sum += truth[b]! * Math.exp(logPay[tilt * categories + b]!)
    return sum
  })
}

test('every tilt is fair on the shares, and the stakes are one', () => {
  const bank = createTilts(shares, 0)
  for (const pay of expectedPay(bank, shares)) expect(pay).toBeCloseTo(1, 12)
  expect(bank.weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
})

test('with a tolerance no distribution within it pays more than the stake, and one beyond it does', () => {
  const tolerance = 0.03
  const bank = createTilts(shares, tolerance)
  // Shares moved so that every run from the left is off by at most the tolerance, and every bin too.
  for (let signs = 0; signs < 3 ** 4; signs++) {
    const runs = [0, 1, 2, 3].map((run) => (Math.floor(signs / 3 ** run) % 3) - 1)
    const moved = Array.from(shares, (share, b) => share + (tolerance / 2) * ((runs[b] ?? 0) - (runs[b - 1] ?? 0)))
    for (const pay of expectedPay(bank, moved)) if (!Number.isNaN(pay)) expect(pay).toBeLessThanOrEqual(1 + 1e-12)
  }
  expect(Math.max(...expectedPay(bank, [0.02, 0.08, 0.2, 0.3, 0.4]).filter((pay) => !Number.isNaN(pay)))).toBeGreaterThan(1.05)
})

test('a tilt that cannot bet rests, capital stays finite, and goes to text and back', () => {
  const bank = createTilts(shares, 0.03)
  const counts = Float64Array.of(2_000, 18_000, 30_000, 30_000, 20_000)
  expect(Number.isFinite(playTilts(bank, counts, 100_000))).toBe(true)
  for (let i = 0; i < 5; i++) playTilts(bank, Float64Array.of(0, 0, 0, 0, 1e6), 1e6)
  expect([...bank.capital].every(Number.isFinite)).toBe(true)
  const copy = createTilts(shares, 0.03)
  tiltsFromText([copy], tiltsToText([bank]))
  expect(copy.capital).toEqual(bank.capital)
  expect(() => tiltsFromText([copy, copy], tiltsToText([bank]))).toThrow('reset it')
})
