import { createRandom, type Random } from '../../random.ts'

/**
 * Turns rows of any distribution into tosses of a known coin. A row's category is ranked among all rows so far, ties broken
 * at random: under exchangeability the ranks, as shares of 1, are independent and uniform (Vovk, Gammerman & Shafer 2005,
 * "Algorithmic learning in a random world", §8.2), whatever the shares of the categories are and although nobody knows them.
 * Cut at fixed points, a uniform rank is a toss with known probabilities. The cuts must not depend on the rows that are
 * ranked: here they are the shares of the reference, which is not among them.
 */
export type RankCoins = {
  /** The probabilities of the tosses, which sum to 1. */
  readonly shares: Float64Array
  /** Their running sums; the last is 1. */
  readonly cuts: Float64Array
  /** The rows so far, by category: what counts as normal. */
  readonly bag: Float64Array
  readonly seed: string
  rows: number
  /** The tosses of the last block, by category. */
  readonly tosses: Float64Array
}

/** Coins for at most 256 categories with these reference shares, in the order in which they rank. `seed` names the random ties. */
export function createRankCoins(shares: readonly number[], seed: string): RankCoins {
  const total = shares.reduce((sum, share) => sum + share, 0)
  const own = Float64Array.from(shares, (share) => share / total)
  const cuts = own.map((_, i) => own.subarray(0, i + 1).reduce((sum, share) => sum + share, 0))
  cuts[cuts.length - 1] = 1
  return { shares: own, cuts, bag: new Float64Array(own.length), seed, rows: 0, tosses: new Float64Array(own.length) }
}

/** Of a larger block that many rows are drawn, and the others are not ranked: the cost of a block has a limit. */
const MOST_TOSSES = 4_096

/**
 * Tosses once for every row of a block, given by category from `counts[from]` on, in a random order, and leaves the counts
 * of the tosses in `tosses`. The same blocks give the same tosses.
 */
export function tossBlock(coins: RankCoins, counts: ArrayLike<number>, from = 0): Float64Array {
  const { bag, cuts, tosses } = coins
  let rows = 0
  for (let category = 0; category < bag.length; category++) rows += counts[from + category]!
  tosses.fill(0)
  if (rows === 0) return tosses
  const order = new Uint8Array(rows)
  let end = 0
  for (let category = 0; category < bag.length; category++) {
    const start = end
    end += counts[from + category]!
    order.fill(category, start, end)
  }
  const random = createRandom(`${coins.seed}/${coins.rows}`)
  for (let left = rows; left > Math.max(0, rows - MOST_TOSSES); left--) {
    const at = Math.floor(random.next() * left)
    const category = order[at]!
    order[at] = order[left - 1]!
    const rank = rankOne(coins, category, random)
    let toss = 0
    while (rank >= cuts[toss]!) toss++
    tosses[toss]!++
  }
  return tosses
}

/** Adds a row to the bag and ranks it in it: a number in [0, 1), uniform whatever came before. */
export function rankOne(coins: { readonly bag: Float64Array | number[]; rows: number }, category: number, random: Random): number {
  const { bag } = coins
  bag[category]!++
  coins.rows++
  let below = 0
  for (let i = 0; i < category; i++) below += bag[i]!
  return (below + random.next() * bag[category]!) / coins.rows
}

/** However much was learned, a quarter of the stake stays on the frozen reference, which alone sees slow changes. */
const MOST_LEARNED = 0.75

/** What part of a block's stake is on the coins: it grows with the rows they have ranked, against those of the reference. */
export function learnedShare({ rows }: RankCoins, referenceRows: number): number {
  return Math.min(MOST_LEARNED, rows / (rows + referenceRows))
}

/** Forgets what counts as normal. */
export function emptyCoins(coins: RankCoins): void {
  coins.bag.fill(0)
  coins.rows = 0
}

/** Whether a stored bag belongs to coins of this many categories. */
export function isBag(bag: unknown, categories: number): bag is readonly number[] {
  return Array.isArray(bag) && bag.length === categories && bag.every((count) => Number.isSafeInteger(count) && count >= 0)
}

/** Puts a stored bag back. Throws RangeError when it belongs to other categories. */
export function fillCoins(coins: RankCoins, bag: unknown): void {
  if (!isBag(bag, coins.bag.length))
    throw new RangeError(`the stored state does not hold the counts of ${coins.bag.length} categories; reset it`)
  coins.bag.set(bag)
  coins.rows = bag.reduce((sum, count) => sum + count, 0)
}
