import { logMeanExp } from '../../stats/sequential.ts'
import { percentText, type Reason } from './abstention.ts'

/** Labelled rows held against what was expected of them before their labels were known. */
export type Contradiction = {
  readonly rows: number
  readonly expectedError: number
  readonly realisedError: number
  /** Mean of label minus probability: whether positives are more, or fewer, than was said. */
  readonly meanResidual: number
  /** Natural logarithm of the evidence against "the estimate holds within the tolerance"; it may be looked at at any time. */
  readonly evidence: number
  /** What the evidence must reach: ln(1/alpha). */
  readonly needed: number
  readonly contradicted: boolean
}

const STAKES = [0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8] as const

/**
 * Whether labels that did arrive contradict the estimate for the same rows: a sign of concept drift. Four bets are made:
 * the error is higher, or lower, than expected by more than the tolerance; positives are more, or fewer, by more than it. Each is a mean of
 * betting martingales (Waudby-Smith & Ramdas 2024, §4), and their mean is an e-value, so that while the estimate holds it
 * exceeds 1/alpha with probability at most alpha, however often it is looked at. Rows whose label is NaN are left out.
 * Throws RangeError when lengths differ, or for a tolerance or alpha outside (0, 1).
 */
export function contradictionOf(
  rows: { readonly probabilities: ArrayLike<number>; readonly decisions: ArrayLike<number>; readonly labels: ArrayLike<number> },
  { tolerance = 0.02, alpha = 0.01 }: { readonly tolerance?: number; readonly alpha?: number } = {},
): Contradiction {
  const { probabilities, decisions, labels } = rows
  if (probabilities.length !== labels.length || decisions.length !== labels.length)
    throw new RangeError(`${probabilities.length} probabilities and ${decisions.length} decisions do not match ${labels.length} labels`)
  if (!(tolerance >= 0 && tolerance < 1)) throw new RangeError(`a tolerance lies in [0, 1), not ${tolerance}`)
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha lies in (0, 1), not ${alpha}`)
  const logs = { worse: stakes(), better: stakes(), more: stakes(), fewer: stakes() }
  let [count, expected, realised, residuals] = [0, 0, 0, 0]
  for (let i = 0; i < labels.length; i++) {
    const [p, label] = [probabilities[i]!, labels[i]!]
    if (!Number.isFinite(label) || !Number.isFinite(p)) continue
    const wrong = Number((decisions[i] === 1) !== (label === 1))
    const expectedWrong = decisions[i] === 1 ? 1 - p : p
    bet(logs.worse, wrong - expectedWrong, tolerance)
    bet(logs.better, expectedWrong - wrong, tolerance)
    bet(logs.more, label - p, tolerance)
    bet(logs.fewer, p - label, tolerance)
    count++
    expected += expectedWrong
    realised += wrong
    residuals += label - p
  }
  const evidence = logMeanExp(Object.values(logs).flatMap((of) => Array.from(of)))
  const needed = -Math.log(alpha)
  const mean = (sum: number) => (count === 0 ? Number.NaN : sum / count)
  return {
    rows: count,
    expectedError: mean(expected),
    realisedError: mean(realised),
    meanResidual: mean(residuals),
    evidence,
    needed,
    contradicted: evidence >= needed,
  }
}

/**
 * The evidence, as a natural logarithm, that losses are above what was expected of them by more than the margin, a share of
 * it. A loss has no upper bound and needs none: with m the expected losses and the margin, and M the largest of them, the
 * stake λ ≤ M⁻¹ on one row pays 1 + λ(loss − m) ≥ 0, in the mean at most 1 while losses given the inputs are m or less in the mean
 * (Waudby-Smith & Ramdas 2024, §4, bet on one side). Expected and realised are compared by their sums, so that noise of single
 * expectations averages out. Losses below expectation cannot be bet on without a bound, and are no evidence here. It is an
 * e-value. 0 without rows. Throws RangeError when lengths differ or for a negative margin.
 */
export function excessEvidence(
  { expected, losses }: { readonly expected: ArrayLike<number>; readonly losses: ArrayLike<number> },
  margin: number,
): number {
  if (expected.length !== losses.length) throw new RangeError(`${expected.length} expected losses do not match ${losses.length} losses`)
  if (!(margin >= 0)) throw new RangeError(`a margin is not below 0, as ${margin} is`)
  const allowed = Float64Array.from(expected, (one) => (1 + margin) * one)
  const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, value) => Math.max(most, value), 0)
  // Where no loss at all was expected any is impossible, and may be counted in any unit.
  const unit = largest(allowed) || largest(losses) || 1
  const logs = stakes()
  for (let i = 0; i < losses.length; i++)
    for (let s = 0; s < STAKES.length; s++) logs[s]! += Math.log1p((STAKES[s]! * (losses[i]! - allowed[i]!)) / unit)
  return logMeanExp(Array.from(logs))
}

/** The reason to withhold an estimate that labels contradict; null when they do not. */
export function contradictionReason(found: Contradiction): Reason | null {
  if (!found.contradicted) return null
  const text = `${found.rows} labels that did arrive show an error of ${percentText(found.realisedError)} where ${percentText(found.expectedError)} was expected (evidence e^${found.evidence.toFixed(1)}): the relation of inputs and labels seems to have changed`
  return { code: 'concept_drift', text }
}

function stakes(): Float64Array {
  return new Float64Array(STAKES.length)
}

function bet(logs: Float64Array, difference: number, tolerance: number): void {
  for (let s = 0; s < STAKES.length; s++) logs[s]! += Math.log1p((STAKES[s]! * (difference - tolerance)) / (1 + tolerance))
}
