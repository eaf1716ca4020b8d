/**
 * Evidence against "this happens with probability at most u" (or at least l), as bets whose capital is an e-value.
 *
 * A bet stakes on an alternative q > u and pays (q/u) on a hit and (1−q)/(1−u) on a miss: the betting martingale
 * (1 + λ(x − u)) of Waudby-Smith & Ramdas (2024, "Estimating means of bounded random variables by betting", §4) at
 * λ = (q − u) / (u(1 − u)). Its mean is at most 1 for every probability ≤ u, whatever the past, and over a block it
 * depends on the counts alone. Below l it is mirrored.
 */
export type Bet = { readonly logHit: number; readonly logMiss: number }

/** A bet that takes no part: nothing is staked on it, and it keeps what it has. */
export const RESTING: Bet = { logHit: Number.NaN, logMiss: Number.NaN }

/** Log-odds between a bound and the alternatives that are bet on: small, middling and large changes. */
const LOG_ODDS = [0.5, 1, 2] as const

/** Bets against "probability ≤ bound", one per alternative; none when the bound is already 1. */
export function betsAbove(bound: number, logOdds: readonly number[] = LOG_ODDS): Bet[] {
  return bound >= 1 ? [] : logOdds.map((distance) => betOn(bound, distance))
}

/** Bets against "probability ≥ bound", one per alternative; none when the bound is already 0. */
export function betsBelow(bound: number, logOdds: readonly number[] = LOG_ODDS): Bet[] {
  return bound <= 0 ? [] : logOdds.map((distance) => betOn(bound, -distance))
}

function betOn(bound: number, logOdds: number): Bet {
  const q = 1 / (1 + ((1 - bound) / bound) * Math.exp(-logOdds))
  return { logHit: Math.log(q / bound), logMiss: Math.log((1 - q) / (1 - bound)) }
}

/** Far above any budget, and far enough below the largest 32-bit number that no sum overflows. */
const CEILING = 1e30

/**
 * A bank of bets in Shiryaev–Roberts form (Shin, Ramdas & Rinaldo 2024, "E-detectors"): after a block with stake s and
 * e-value E each one becomes M ← (M + s)·E. Under the null M − (the stakes so far) is a supermartingale, so the expected sum
 * of the stakes until a mean of them reaches a threshold is at least that threshold. With the rows as stakes the sum counts
 * rows; with the seconds that passed, seconds. A stake must be settled before the block is seen.
 */
export type Bank = { readonly logHit: Float64Array; readonly logMiss: Float64Array; readonly capital: Float32Array }

/** A bank of these bets, with capital of its own or that of a bank it shares it with. */
export function createBank(bets: readonly Bet[], capital = new Float32Array(bets.length)): Bank {
  return {
    logHit: Float64Array.from(bets, (bet) => bet.logHit),
    logMiss: Float64Array.from(bets, (bet) => bet.logMiss),
    capital,
  }
}

/** Puts other bets in the place of those of a bank, which keep the capital; as many. */
export function priceBets({ logHit, logMiss }: Bank, bets: readonly Bet[]): void {
  bets.forEach((bet, i) => {
    logHit[i] = bet.logHit
    logMiss[i] = bet.logMiss
  })
}

/** Plays bets `from` to `to` (exclusive) of the bank on a block, each with the stake; returns the sum of their capitals. */
export function playBlock(bank: Bank, from: number, to: number, hits: number, rows: number, stake = rows): number {
  const { logHit, logMiss, capital } = bank
  const misses = rows - hits
  let total = 0
  for (let i = from; i < to; i++) {
    if (Number.isNaN(logHit[i]!)) {
      total += capital[i]!
      continue
    }
    const grown = (capital[i]! + stake) * Math.exp(hits * logHit[i]! + misses * logMiss[i]!)
    const kept = Math.min(grown, CEILING)
    capital[i] = kept
    total += kept
  }
  return total
}

/** Capitals as text, for a state that survives a restart to the last bit. */
export function capitalToText(capital: Float32Array): string {
  return Buffer.from(capital.buffer, capital.byteOffset, capital.byteLength).toString('base64')
}

/** Whether a text holds so many capitals. */
export function holdsCapitals(text: unknown, count: number): text is string {
  return typeof text === 'string' && Buffer.byteLength(text, 'base64') === count * Float32Array.BYTES_PER_ELEMENT
}

/** Reads capitals back into a bank. Throws RangeError when they belong to a bank of another size. */
export function capitalFromText(capital: Float32Array, text: string): void {
  if (!holdsCapitals(text, capital.length))
    throw new RangeError(
      `the stored state has ${Buffer.byteLength(text, 'base64') / Float32Array.BYTES_PER_ELEMENT} bets, this detector ${capital.length}; reset it`,
    )
  Buffer.from(text, 'base64').copy(Buffer.from(capital.buffer, capital.byteOffset, capital.byteLength))
}
