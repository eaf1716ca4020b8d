import { expect, test } from 'vitest'
import { betsAbove, betsBelow, capitalFromText, capitalToText, createBank, playBlock } from './evidence.ts'

/** The exact expectation of a function of a binomial count. */
function expectation(trials: number, p: number, of: (hits: number) => number): number {
  let weight = (1 - p) ** trials
  let total = 0
  for (let hits = 0; hits <= trials; hits++) {
    total += weight * of(hits)
    weight *= ((trials - hits) / (hits + 1)) * (p / (1 - p))
  }
  return total
}

test('a bet is fair on its bound and loses inside it, over any block and from any capital', () => {
  const rows = 60
  const after = (bets: ReturnType<typeof betsAbove>, start: number) => (hits: number) => {
    const bank = createBank(bets)
    bank.capital.fill(start)
    return playBlock(bank, 0, bets.length, hits, rows) / bets.length
  }
  for (const start of [0, 500]) {
    expect(expectation(rows, 0.2, after(betsAbove(0.2), start)) / (start + rows)).toBeCloseTo(1, 6)
    expect(expectation(rows, 0.2, after(betsBelow(0.2), start)) / (start + rows)).toBeCloseTo(1, 6)
    expect(expectation(rows, 0.15, after(betsAbove(0.2), start))).toBeLessThan(start + rows)
    expect(expectation(rows, 0.25, after(betsBelow(0.2), start))).toBeLessThan(start + rows)
  }
})

test('a bet grows when the change happens', () => {
  const bank = createBank(betsAbove(0.2))
  expect(playBlock(bank, 0, 3, 400, 1_000) / 3).toBeGreaterThan(1e20)
})

test('nothing is bet on a bound that cannot be crossed', () => {
  expect(betsAbove(1)).toEqual([])
  expect(betsBelow(-0.01)).toEqual([])
})

test('capital never leaves the finite numbers', () => {
  const bank = createBank(betsAbove(0.001))
  for (let i = 0; i < 5; i++) playBlock(bank, 0, 3, 1e6, 1e6)
  expect([...bank.capital].every(Number.isFinite)).toBe(true)
  for (let i = 0; i < 5; i++) playBlock(bank, 0, 3, 0, 1e9)
  expect([...bank.capital]).toEqual([0, 0, 0])
})

test('capital goes to text and back unchanged, and not into another bank', () => {
  const bank = createBank(betsAbove(0.3))
  playBlock(bank, 0, 3, 7, 11)
  const copy = createBank(betsAbove(0.3))
  capitalFromText(copy.capital, capitalToText(bank.capital))
  expect(copy.capital).toEqual(bank.capital)
  expect(() => capitalFromText(createBank(betsAbove(0.3, [1])).capital, capitalToText(bank.capital))).toThrow('3 bets, this detector 1')
})
