import { expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { binomialCdf } from '../../stats/distributions.ts'
import { createRankCoins, emptyCoins, fillCoins, tossBlock } from './rank-coins.ts'

/** Draws blocks of rows with these shares and counts the tosses. */
function tossed(seed: string, truth: readonly number[], cut: readonly number[], blocks: number, blockRows: number) {
  const random = createRandom(seed)
  const coins = createRankCoins(cut, seed)
  const counts = new Float64Array(truth.length)
  const total = new Float64Array(cut.length)
  let repeats = 0
  let last = -1
  for (let block = 0; block < blocks; block++) {
    counts.fill(0)
    for (let row = 0; row < blockRows; row++) {
      let at = 0
      for (let left = random.next(); at < truth.length - 1 && left >= truth[at]!; at++) left -= truth[at]!
      counts[at]!++
    }
    tossBlock(coins, counts).forEach((count, i) => {
      total[i]! += count
      if (blockRows > 1 || count === 0) return
      if (i === last) repeats++
      last = i
    })
  }
  return { coins, total, repeats }
}

test('whatever the shares of the rows, the tosses have those of the cuts, and no memory', () => {
  const cut = [0.1, 0.3, 0.6]
  for (const truth of [cut, [0.5, 0.5, 0], [0.02, 0.9, 0.08], [0, 0, 1]])
    for (const blockRows of [1, 40]) {
      const rows = 20_000
      const { total, repeats } = tossed(`${truth} ${blockRows}`, truth, cut, rows / blockRows, blockRows)
      cut.forEach((share, i) => {
        const p = binomialCdf(total[i]!, rows, share)
        expect(p).toBeGreaterThan(1e-4)
        expect(p).toBeLessThan(1 - 1e-4)
      })
      if (blockRows === 1) expect(Math.abs(repeats / rows - (0.01 + 0.09 + 0.36))).toBeLessThan(0.015)
    }
})

test('a change shows in the tosses', () => {
  const { coins } = tossed('before', [0.2, 0.8], [0.2, 0.8], 100, 100)
  expect(tossBlock(coins, [400, 600])[0]).toBeGreaterThan(300)
})

test('the same blocks give the same tosses, from any point on', () => {
  const { coins } = tossed('same', [0.3, 0.7], [0.25, 0.75], 30, 20)
  const copy = createRankCoins([0.25, 0.75], 'same')
  fillCoins(copy, JSON.parse(JSON.stringify([...coins.bag])))
  expect([...tossBlock(copy, [9, 11])]).toEqual([...tossBlock(coins, [9, 11])])
  expect(copy).toEqual(coins)
})

test('an empty block is no toss, and counts of other categories are refused', () => {
  const coins = createRankCoins([1, 3], 'edge')
  expect([...coins.shares]).toEqual([0.25, 0.75])
  expect([...tossBlock(coins, [0, 0])]).toEqual([0, 0])
  expect([...tossBlock(coins, [7, 8, 2, 3], 2)].reduce((a, b) => a + b)).toBe(5)
  emptyCoins(coins)
  expect(coins.rows).toBe(0)
  for (const bag of [null, [1], [1, 2, 3], [0.5, 1], [-1, 2], 'bag']) expect(() => fillCoins(coins, bag)).toThrow('reset it')
})
