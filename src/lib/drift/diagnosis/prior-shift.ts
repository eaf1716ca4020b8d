import type { Columns } from '../estimation/boosted-trees.ts'
import { kolmogorovSmirnov } from './exact-tests.ts'

/** What a change of the share of positives alone would make of the reference, and how well that fits. */
export type PriorFit = {
  readonly before: number
  readonly now: number
  /** Least p-value over the features and the score, times their number: of the reference as it is, and with its classes reweighted. */
  readonly plain: number
  readonly reweighted: number
  /** The largest distances that go with them. */
  readonly plainDistance: number
  readonly reweightedDistance: number
}

const STEPS = 200

/**
 * The share of positives among rows without labels, from calibrated probabilities of the reference's share `before`, by
 * expectation maximisation (Saerens, Latinne & Decaestecker 2002, eq. 2.9), assuming that rows of a class are as they were.
 */
export function estimatePrior(probabilities: ArrayLike<number>, before: number): number {
  if (!(before > 0 && before < 1) || probabilities.length === 0) return before
  let now = before
  for (let step = 0; step < STEPS; step++) {
    let sum = 0
    for (let i = 0; i < probabilities.length; i++) sum += withPrior(probabilities[i]!, before, now)
    const after = sum / probabilities.length
    if (Math.abs(after - now) < 1e-9) return after
    now = after
  }
  return now
}

/** A probability that was right for a share of positives `before`, made right for `now`. */
export function withPrior(probability: number, before: number, now: number): number {
  const positive = probability * (now / before)
  return positive / (positive + (1 - probability) * ((1 - now) / (1 - before)))
}

/**
 * Holds current rows against the reference with its classes reweighted to the share of positives `now` (label shift; Lipton
 * et al. 2018): when the reweighted reference fits and the plain one does not, the priors moved and nothing else.
 */
export function fitPrior(
  reference: { readonly columns: Columns; readonly labels: ArrayLike<number> },
  current: Columns,
  now: number,
): PriorFit {
  const { labels, columns } = reference
  const before = Array.from(labels).reduce((sum, label) => sum + label, 0) / Math.max(1, labels.length)
  const weights = Float64Array.from(labels, (label) => (label === 1 ? now / before : (1 - now) / (1 - before)))
  const least = (of: Float64Array | undefined) => {
    const found = columns.map((column, f) => kolmogorovSmirnov(column, current[f]!, of))
    return {
      pValue: Math.min(1, columns.length * Math.min(...found.map(({ pValue }) => pValue))),
      distance: Math.max(...found.map(({ distance }) => distance)),
    }
  }
  const [plain, reweighted] = [least(undefined), least(weights)]
  return {
    before,
    now,
    plain: plain.pValue,
    reweighted: reweighted.pValue,
    plainDistance: plain.distance,
    reweightedDistance: reweighted.distance,
  }
}
