import type { Random } from '../../random.ts'

/** Shapley values of players, which sum to what all of them are worth less what none is worth. */
export type ShapleyValues = {
  readonly values: readonly number[]
  /** Standard errors over permutations; 0 when exact. */
  readonly errors: readonly number[]
  readonly exact: boolean
}

/** Up to this many players all 2ⁿ sets are valued. */
const EXACT_PLAYERS = 8

/**
 * Shapley's values (1953) of a set function: exact over all sets for up to eight players, else the mean gain over seeded
 * permutations and their reverses (Castro et al. 2009; Mitchell et al. 2022 for the reverses). The values sum to
 * value(all) − value(none) exactly either way. `value` is given which players are in.
 */
export function shapleyValues(
  players: number,
  value: (isIn: readonly boolean[]) => number,
  { random, permutations = 50 }: { readonly random: Random; readonly permutations?: number },
): ShapleyValues {
  if (players <= EXACT_PLAYERS) return { values: exactValues(players, value), errors: new Array<number>(players).fill(0), exact: true }
  const sums = new Float64Array(players)
  const squares = new Float64Array(players)
  for (let p = 0; p < permutations; p++) {
    const order = shuffled(players, random)
    const gains = new Float64Array(players)
    for (const path of [order, order.toReversed()]) {
      const isIn = new Array<boolean>(players).fill(false)
      let before = value(isIn)
      for (const player of path) {
        isIn[player] = true
        const after = value(isIn)
        gains[player]! += (after - before) / 2
        before = after
      }
    }
    for (let player = 0; player < players; player++) {
      sums[player]! += gains[player]!
      squares[player]! += gains[player]! ** 2
    }
  }
  const values = Array.from(sums, (sum) => sum / permutations)
  const errors = values.map((mean, i) => Math.sqrt(Math.max(0, squares[i]! / permutations - mean * mean) / permutations))
  return { values, errors, exact: false }
}

function exactValues(players: number, value: (isIn: readonly boolean[]) => number): number[] {
  const sets = 2 ** players
  const worth = Array.from({ length: sets }, (_, set) => value(Array.from({ length: players }, (_, player) => ((set >> player) & 1) === 1)))
  const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1))
  return Array.from({ length: players }, (_, player) => {
    let sum = 0
    for (let set = 0; set < sets; set++) {
      if ((set >> player) & 1) continue
      const size = sizeOf(set)
      sum += ((factorial(size) * factorial(players - size - 1)) / factorial(players)) * (worth[set | (1 << player)]! - worth[set]!)
    }
    return sum
  })
}

function sizeOf(set: number): number {
  let size = 0
  for (let rest = set; rest > 0; rest >>= 1) size += rest & 1
  return size
}

/** The numbers below `count` in random order (Fisher & Yates). */
export function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random.int(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
