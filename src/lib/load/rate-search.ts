export type RateSearch = {
  /** The next rate to try, in requests a second; undefined when the answer is known. */
  next(): number | undefined
  /** Says whether the rate that `next` gave was held. */
  tell(held: boolean): void
  /** The highest rate that was held; null when none was. */
  readonly best: number | null
}

const GROWTH = 2
const PRECISION = 0.05
const MOST_TRIES = 24
const LOWEST_RATE = 1

/**
 * Finds the highest rate that is held: doubles from `from` until one is not, then halves the gap until it is 5 % of the
 * answer. A first rate that is not held is halved instead, down to 1 a second.
 */
export function createRateSearch(from: number): RateSearch {
  let best: number | null = null
  let refused: number | null = null
  let tries = 0
  const current = (): number | undefined => {
    if (tries >= MOST_TRIES) return undefined
    if (best === null && refused === null) return from
    if (refused === null) return best! * GROWTH
    if (best === null) return refused / GROWTH >= LOWEST_RATE ? refused / GROWTH : undefined
    return refused - best > best * PRECISION ? (best + refused) / 2 : undefined
  }
  return {
    next: current,
    tell(held) {
      const rate = current()
      if (rate === undefined) return
      tries += 1
      if (held) best = rate
      else refused = rate
    },
    get best() {
      return best
    },
  }
}
