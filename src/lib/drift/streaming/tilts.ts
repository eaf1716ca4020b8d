import { normalQuantile } from '../../stats/distributions.ts'
import { capitalFromText, capitalToText } from './evidence.ts'

/**
 * Bets on the distribution of one feature over its categories, whose shares are known: a tilt pays w(b) for a row in category
 * b, and Σ c(b) w(b) = 1 makes it an e-value (Grünwald, de Heide & Koolen 2024, "Safe testing", §1: the likelihood ratio of
 * two simple hypotheses). The block's e-value depends on the counts alone.
 */
export type TiltBank = {
  readonly categories: number
  /** ln w(b), tilt after tilt; NaN for a tilt that takes no part. */
  readonly logPay: Float64Array
  /** What part of the stake each tilt gets; they sum to 1. */
  readonly weights: Float64Array
  readonly capital: Float32Array
}

/** Tilts of location in normal scores, of spread in their squares, and of one category in log-odds. */
const LOCATION = [0.3, -0.3, 0.8, -0.8] as const
const SPREAD = [0.25, -0.3] as const
const SINGLE = [0.7, 1.6, -0.8] as const
/** What part of the stake is on single categories; the rest is on location and spread, where there is an order of bins. */
const SINGLE_SHARE = 0.5
const CEILING = 1e30

/**
 * Tilts over the categories of a feature: missing values first, then its bins in order. With a tolerance they pay less, so
 * that they stay e-values for every distribution whose bins, and runs of bins from the left, lie within it of the shares: a
 * sum over categories is, by Abel's summation, one over runs, so it grows by at most the tolerance times the variation of w.
 */
export function createTilts(shares: Float64Array, tolerance: number, capital?: Float32Array): TiltBank {
  const categories = shares.length
  const scores = normalScores(shares)
  const pays: number[][] = []
  const weights: number[] = []
  const shapes = [...LOCATION.map((k) => scores.map((z) => k * z)), ...SPREAD.map((k) => scores.map((z) => k * z * z))]
  if (categories > 3) {
    for (const shape of shapes) {
      pays.push(paid(shape, shares, tolerance))
      weights.push((1 - SINGLE_SHARE) / shapes.length)
    }
  }
  const left = 1 - weights.reduce((sum, weight) => sum + weight, 0)
  for (let category = 0; category < categories; category++)
    for (const distance of SINGLE) {
      pays.push(paidOnOne(category, distance, shares, tolerance))
      weights.push(left / (categories * SINGLE.length))
    }
  return {
    categories,
    logPay: Float64Array.from(pays.flat()),
    weights: Float64Array.from(weights),
    capital: capital ?? new Float32Array(weights.length),
  }
}

/** Normal scores of the bins' middle ranks; a missing value scores as the middle. */
function normalScores(shares: Float64Array): number[] {
  const present = 1 - shares[0]!
  let below = 0
  return Array.from(shares, (share, category) => {
    if (category === 0) return 0
    const middle = Math.min(Math.max((below + share / 2) / present, 1e-9), 1 - 1e-9)
    below += share
    return normalQuantile(middle)
  })
}

function paid(shape: readonly number[], shares: Float64Array, tolerance: number): number[] {
  const raw = shape.map(Math.exp)
  let worst = 0
  raw.forEach((pay, category) => {
    worst += shares[category]! * pay
    if (category > 0) worst += tolerance * Math.abs(pay - raw[category - 1]!)
  })
  return raw.map((pay) => Math.log(pay / worst))
}

function paidOnOne(category: number, distance: number, shares: Float64Array, tolerance: number): number[] {
  const bound = Math.min(Math.max(shares[category]! + Math.sign(distance) * tolerance, 0), 1)
  // A share that may honestly be none, or all, leaves nothing to bet against in that direction.
  if (bound <= 0 || bound >= 1) return Array.from(shares, () => Number.NaN)
  const to = 1 / (1 + ((1 - bound) / bound) * Math.exp(-distance))
  return Array.from(shares, (_, other) => Math.log(other === category ? to / bound : (1 - to) / (1 - bound)))
}

/** Plays all tilts on the counts of a block; returns their summed capital, which is less the stakes a supermartingale. */
export function playTilts({ categories, logPay, weights, capital }: TiltBank, counts: Float64Array, stake: number): number {
  let total = 0
  for (let tilt = 0, at = 0; tilt < capital.length; tilt++) {
    if (Number.isNaN(logPay[at]!)) {
      total += capital[tilt]!
      at += categories
      continue
    }
    let log = 0
    for (let category = 0; category < categories; category++) log += counts[category]! * logPay[at++]!
    const kept = Math.min((capital[tilt]! + stake * weights[tilt]!) * Math.exp(log), CEILING)
    capital[tilt] = kept
    total += kept
  }
  return total
}

/** Several banks' capitals as one text, in their order. */
export function tiltsToText(banks: readonly TiltBank[]): string {
  return capitalToText(Float32Array.from(banks.flatMap((bank) => [...bank.capital])))
}

/** Puts the capitals back. Throws RangeError when they belong to other banks. */
export function tiltsFromText(banks: readonly TiltBank[], text: string): void {
  const all = new Float32Array(banks.reduce((sum, bank) => sum + bank.capital.length, 0))
  capitalFromText(all, text)
  let at = 0
  for (const { capital } of banks) {
    capital.set(all.subarray(at, at + capital.length))
    at += capital.length
  }
}
