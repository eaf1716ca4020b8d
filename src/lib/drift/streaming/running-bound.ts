import { betaCdf, logGamma } from '../../stats/distributions.ts'

/** Rows of a yes/no rate: how many there were, and how many of them were hits. */
export type Tally = { readonly hits: number; readonly rows: number }

/** How close a bound is settled; the safe end is taken. */
const PRECISION = 1e-6

/**
 * A bound that a rate exceeds at no time, but for a chance of `sideError`, however many rows come and however often it is
 * asked: the largest p against which the rows have not won 1/sideError. They bet that the rate is below p, on a Beta prior cut
 * off at p, of as many rows as `priorRows` and mean p (the one-sided beta-binomial mixture of Howard, Ramdas, McAuliffe &
 * Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Prop. 6): while no row is a hit with less
 * than probability p, given the rows before it, that capital is a supermartingale from 1, and Ville's inequality holds.
 * It is closest to the rate, at some 2.6 standard errors for an error of 0.07, between 3 and 50 times `priorRows` rows.
 *
 * Returns the bound, or `atMost` if it is no lower. Throws RangeError unless 0 ≤ hits ≤ rows, 0 < sideError < 1 and priorRows > 0.
 */
export function runningBound({ hits, rows }: Tally, sideError: number, priorRows: number, atMost = 1): number {
  if (!(hits >= 0 && hits <= rows)) throw new RangeError(`${hits} hits in ${rows} rows cannot be`)
  if (!(sideError > 0 && sideError < 1)) throw new RangeError(`sideError lies between 0 and 1, not ${sideError}`)
  if (!(priorRows > 0)) throw new RangeError(`priorRows must be above 0, not ${priorRows}`)
  const rate = rows > 0 ? hits / rows : 1
  if (rate >= atMost) return atMost
  const target = -Math.log(sideError)
  const refuted = (p: number) => logCapitalBelow({ hits, rows }, p, priorRows) >= target
  let high = Math.min(atMost, 1 - PRECISION)
  if (!refuted(high)) return atMost
  // At the observed rate itself no alternative has won anything.
  let low = rate
  while (high - low > PRECISION * high) {
    const middle = (low + high) / 2
    if (refuted(middle)) high = middle
    else low = middle
  }
  return high
}

/** ln of what one unit has become that was staked on "the rate is below p" before the first row. */
export function logCapitalBelow({ hits, rows }: Tally, p: number, priorRows: number): number {
  const [a, b] = [priorRows * p, priorRows * (1 - p)]
  const [wonA, wonB] = [a + hits, b + rows - hits]
  const won = logBeta(wonA, wonB) + Math.log(betaCdf(p, wonA, wonB)) - logBeta(a, b) - Math.log(betaCdf(p, a, b))
  return won - hits * Math.log(p) - (rows - hits) * Math.log1p(-p)
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b)
}
