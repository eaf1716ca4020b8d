import type { Random } from '../../random.ts'
import { atKnots, fitIsotonic, type Knots } from './isotonic.ts'

/** What turns a score into the probability of the positive class. Plain data. */
export type Calibrator =
  | { readonly kind: 'identity' }
  | { readonly kind: 'isotonic'; readonly knots: Knots }
  /** p = 1 / (1 + exp(−(slope · logit(score) + offset))); a temperature is a slope of 1/T with no offset. */
  | { readonly kind: 'platt'; readonly slope: number; readonly offset: number }

const calibratorKinds = ['identity', 'platt', 'temperature', 'isotonic'] as const
export type CalibratorKind = (typeof calibratorKinds)[number]

const EDGE = 1e-6
const FOLDS = 5

/** The log odds of a probability kept 1e-6 away from 0 and 1. */
export function logOdds(probability: number): number {
  const kept = Math.min(Math.max(probability, EDGE), 1 - EDGE)
  return Math.log(kept / (1 - kept))
}

/** The probability of given log odds. */
export function probabilityOf(odds: number): number {
  return 1 / (1 + Math.exp(-odds))
}

/** The calibrated probability of one score. */
export function calibrated(calibrator: Calibrator, score: number): number {
  switch (calibrator.kind) {
    case 'identity':
      return Math.min(1, Math.max(0, score))
    case 'isotonic':
      return atKnots(calibrator.knots, score)
    case 'platt':
      return probabilityOf(calibrator.slope * logOdds(score) + calibrator.offset)
  }
}

/** Calibrated probabilities of many scores. */
export function calibrateAll(calibrator: Calibrator, scores: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: scores.length }, (_, i) => calibrated(calibrator, scores[i]!))
}

/**
 * Fits one kind of calibrator. Platt's two parameters (Platt 1999, on log odds) and the single temperature (Guo et al. 2017,
 * §4.2) maximise the likelihood with a prior so weak that only separable data feels it. Labels are 0 or 1.
 */
export function fitCalibrator(
  kind: CalibratorKind,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): Calibrator {
  switch (kind) {
    case 'identity':
      return { kind }
    case 'isotonic':
      return { kind, knots: fitIsotonic(scores, labels, weights) }
    case 'platt':
      return { kind: 'platt', ...fitLogistic(scores, labels, weights, true) }
    case 'temperature':
      return { kind: 'platt', ...fitLogistic(scores, labels, weights, false) }
  }
}

/** Newton's method on the penalised log likelihood in slope and offset, halving a step that does not improve it. */
function fitLogistic(scores: ArrayLike<number>, labels: ArrayLike<number>, weights: ArrayLike<number> | undefined, withOffset: boolean) {
  const odds = Float64Array.from({ length: scores.length }, (_, i) => logOdds(scores[i]!))
  const weightOf = (i: number) => weights?.[i] ?? 1
  const penalty = 1e-3
  const lossAt = (slope: number, offset: number) => {
    let loss = (penalty * ((slope - 1) ** 2 + offset ** 2)) / 2
    for (let i = 0; i < odds.length; i++) {
      const z = slope * odds[i]! + offset
      loss += weightOf(i) * (Math.max(z, 0) - z * labels[i]! + Math.log1p(Math.exp(-Math.abs(z))))
    }
    return loss
  }
  let slope = 1
  let offset = 0
  let loss = lossAt(slope, offset)
  for (let step = 0; step < 50; step++) {
    let [gs, go, hss, hso, hoo] = [penalty * (slope - 1), penalty * offset, penalty, 0, penalty]
    for (let i = 0; i < odds.length; i++) {
      const x = odds[i]!
      const p = probabilityOf(slope * x + offset)
      const residual = weightOf(i) * (p - labels[i]!)
      const curvature = weightOf(i) * p * (1 - p)
      gs += residual * x
      go += residual
      hss += curvature * x * x
      hso += curvature * x
      hoo += curvature
    }
    if (!withOffset) [go, hso, hoo] = [0, 0, 1]
    const determinant = hss * hoo - hso * hso
    const [ds, d0] = [(hoo * gs - hso * go) / determinant, (hss * go - hso * gs) / determinant]
    let size = 1
    while (size > 1e-6 && lossAt(slope - size * ds, offset - size * d0) > loss) size /= 2
    slope -= size * ds
    offset -= size * d0
    const after = lossAt(slope, offset)
    if (Math.abs(loss - after) <= 1e-12 * (1 + Math.abs(loss))) break
    loss = after
  }
  return { slope, offset }
}

export type CalibratorChoice = {
  readonly kind: CalibratorKind
  readonly calibrator: Calibrator
  /** Mean squared error of probability against label on rows the calibrator had not seen, by kind. */
  readonly heldOutBrier: Readonly<Record<CalibratorKind, number>>
  /** Out-of-fold probabilities of the chosen kind, for the check of calibration. */
  readonly outOfFold: Float64Array
}

/**
 * The calibrator with the smallest held-out Brier score in five folds, fitted on all rows. A kind is only preferred to a
 * simpler one when it is better by more than one standard error of the paired difference: calibrating scores that need none
 * adds noise and nothing else. Chance only decides the folds. Throws RangeError below ten rows.
 */
export function chooseCalibrator(scores: ArrayLike<number>, labels: ArrayLike<number>, random: Random): CalibratorChoice {
  if (scores.length < 10) throw new RangeError(`choosing a calibrator needs at least 10 rows, not ${scores.length}`)
  const fold = foldsFor(labels, random)
  const outOfFold = {} as Record<CalibratorKind, Float64Array>
  const heldOutBrier = {} as Record<CalibratorKind, number>
  for (const kind of calibratorKinds) {
    const own = new Float64Array(scores.length)
    for (let f = 0; f < FOLDS; f++) {
      const fitted = fitCalibrator(
        kind,
        scores,
        labels,
        fold.map((of) => Number(of !== f)),
      )
      for (let i = 0; i < own.length; i++) if (fold[i] === f) own[i] = calibrated(fitted, scores[i]!)
    }
    outOfFold[kind] = own
    heldOutBrier[kind] = own.reduce((sum, p, i) => sum + (p - labels[i]!) ** 2, 0) / own.length
  }
  let kind: CalibratorKind = 'identity'
  for (const other of ['temperature', 'platt', 'isotonic'] as const) if (gainOf(outOfFold[kind], outOfFold[other], labels) > 1) kind = other
  return { kind, calibrator: fitCalibrator(kind, scores, labels), heldOutBrier, outOfFold: outOfFold[kind] }
}

/** A fold for each row, so that each class is spread evenly over the folds. */
export function foldsFor(labels: ArrayLike<number>, random: Random, folds = FOLDS): Float64Array {
  const fold = new Float64Array(labels.length)
  const next = new Map<number, number>()
  const order = Uint32Array.from({ length: labels.length }, (_, i) => i)
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  for (const row of order) {
    const turn = next.get(labels[row]!) ?? 0
    fold[row] = turn % folds
    next.set(labels[row]!, turn + 1)
  }
  return fold
}

/** By how many standard errors the second's squared errors are smaller, in pairs. */
function gainOf(before: Float64Array, after: Float64Array, labels: ArrayLike<number>): number {
  let [sum, squares] = [0, 0]
  for (let i = 0; i < before.length; i++) {
    const gain = (before[i]! - labels[i]!) ** 2 - (after[i]! - labels[i]!) ** 2
    sum += gain
    squares += gain * gain
  }
  const mean = sum / before.length
  const error = Math.sqrt(Math.max(0, squares / before.length - mean * mean) / before.length)
  return error > 0 ? mean / error : 0
}
