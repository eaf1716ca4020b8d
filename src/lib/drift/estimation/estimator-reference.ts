import type { Random } from '../../random.ts'
import { type FeatureRange, percentText, type Reason, rangesOf, type SupportLimits, scoreCountsOf, supportLimits } from './abstention.ts'
import type { Columns } from './boosted-trees.ts'
import { checkCalibration } from './calibration-check.ts'
import { type Calibrator, type CalibratorKind, chooseCalibrator, fitCalibrator } from './calibrator.ts'
import { type BinaryMetric, type BusinessValues, metricsFrom, prepareScores } from './expected-metrics.ts'
import { thinKnots } from './isotonic.ts'

/** Rows with labels that performance is later judged by. Labels are 0 or 1, scores in [0, 1]; features by column, NaN missing. */
export type ReferenceRows = {
  readonly scores: ArrayLike<number>
  readonly labels: ArrayLike<number>
  readonly features?: Columns
}

/** Everything an estimate needs of its reference, frozen. Plain data of a few thousand numbers, whatever the rows. */
export type EstimatorReference = {
  readonly rows: number
  readonly positives: number
  readonly threshold: number
  readonly businessValues: BusinessValues | null
  readonly kind: CalibratorKind
  readonly calibrator: Calibrator
  readonly heldOutBrier: Readonly<Record<CalibratorKind, number>>
  /** The calibrator fitted anew on resampled rows: what the reference's size leaves open. */
  readonly replicates: readonly Calibrator[]
  readonly calibration: { readonly expectedCalibrationError: number; readonly pValue: number }
  readonly scoreCounts: readonly number[]
  readonly featureRanges: readonly FeatureRange[] | null
  /** The metrics with the reference's labels; null where not defined. */
  readonly realised: Readonly<Record<BinaryMetric, number | null>>
  /** Why no estimate can rest on this reference; empty when one can. */
  readonly faults: readonly Reason[]
}

export type ReferenceOptions = {
  readonly threshold?: number
  readonly businessValues?: BusinessValues | null
  readonly replicates?: number
  readonly limits?: SupportLimits
  readonly random: Random
}

const MOST_KNOTS = 64
/** A miss of probabilities that is certain and yet smaller than this does no harm. */
const LEAST_MISS = 0.02

/**
 * Freezes a reference for CBPE: the calibrator chosen by held-out Brier score, the same refitted on bootstrap samples (Efron
 * 1979), and where scores and features lay. A reference that is too small or whose scores stay miscalibrated after the best
 * calibrator is frozen all the same, with the fault named. Throws RangeError for labels other than 0 and 1, scores outside
 * [0, 1], lengths that differ, or fewer than ten rows.
 */
export function fitEstimatorReference(given: ReferenceRows, options: ReferenceOptions): EstimatorReference {
  const { threshold = 0.5, businessValues = null, replicates = 30, limits = supportLimits, random } = options
  checkRows(given)
  const { scores, labels } = given
  const choice = chooseCalibrator(scores, labels, random.fork('folds'))
  const { spiegelhalter, hosmerLemeshow } = checkCalibration(choice.outOfFold, labels, 10, scores)
  const expectedCalibrationError = missAlong(scores, choice.outOfFold, labels)
  // Two tests look at the same probabilities, so each p-value counts twice.
  const pValue = Math.min(1, 2 * Math.min(spiegelhalter?.pValue ?? 1, hosmerLemeshow?.pValue ?? 1))
  const positives = Array.from(labels).reduce((sum, label) => sum + label, 0)
  const metrics = metricsFrom(prepareScores(scores, threshold, businessValues), labels)
  return {
    rows: labels.length,
    positives,
    threshold,
    businessValues,
    kind: choice.kind,
    calibrator: thinned(choice.calibrator),
    heldOutBrier: choice.heldOutBrier,
    replicates: replicatesOf(choice.kind, given, replicates, random.fork('bootstrap')),
    calibration: { expectedCalibrationError, pValue },
    scoreCounts: scoreCountsOf(scores, { low: 0, high: 1 }),
    featureRanges: given.features ? rangesOf(given.features) : null,
    realised: Object.fromEntries(
      Object.entries(metrics).map(([metric, value]) => [metric, Number.isFinite(value) ? value : null]),
    ) as EstimatorReference['realised'],
    faults: faultsOf(labels.length, positives, pValue, expectedCalibrationError, limits),
  }
}

/** The mean distance of labels and probabilities over tenths of the rows along the score. */
function missAlong(scores: ArrayLike<number>, probabilities: Float64Array, labels: ArrayLike<number>): number {
  const order = Uint32Array.from(probabilities, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!)
  let miss = 0
  for (let tenth = 0; tenth < 10; tenth++) {
    const rows = order.subarray(Math.round((tenth * order.length) / 10), Math.round(((tenth + 1) * order.length) / 10))
    miss += Math.abs(rows.reduce((sum, row) => sum + labels[row]! - probabilities[row]!, 0)) / order.length
  }
  return miss
}

function checkRows({ scores, labels, features }: ReferenceRows): void {
  if (scores.length !== labels.length) throw new RangeError(`${scores.length} scores do not match ${labels.length} labels`)
  for (let i = 0; i < scores.length; i++) {
    if (!(scores[i]! >= 0 && scores[i]! <= 1)) throw new RangeError(`score ${i} is ${scores[i]}, not a probability`)
    if (labels[i] !== 0 && labels[i] !== 1) throw new RangeError(`label ${i} is ${labels[i]}, not 0 or 1`)
  }
  for (const [f, column] of (features ?? []).entries())
    if (column.length !== labels.length) throw new RangeError(`feature ${f} has ${column.length} rows, the labels ${labels.length}`)
}

/** Where scores are used as they are, what resampling would make of Platt's parameters says how far off that may be. */
function replicatesOf(kind: CalibratorKind, { scores, labels }: ReferenceRows, count: number, random: Random): Calibrator[] {
  const rows = labels.length
  const refitted = kind === 'identity' ? 'platt' : kind
  return Array.from({ length: count }, () => {
    const weights = new Float64Array(rows)
    for (let i = 0; i < rows; i++) weights[random.int(rows)]!++
    return thinned(fitCalibrator(refitted, scores, labels, weights))
  })
}

function thinned(calibrator: Calibrator): Calibrator {
  return calibrator.kind === 'isotonic' ? { kind: 'isotonic', knots: thinKnots(calibrator.knots, MOST_KNOTS) } : calibrator
}

function faultsOf(rows: number, positives: number, pValue: number, error: number, limits: SupportLimits): Reason[] {
  const faults: Reason[] = []
  const rarer = Math.min(positives, rows - positives)
  if (rows < limits.leastReferenceRows)
    faults.push({ code: 'reference_too_small', text: `the reference has ${rows} labelled rows; ${limits.leastReferenceRows} are needed` })
  if (rarer < limits.leastPerClass)
    faults.push({
      code: 'reference_too_small',
      text: `the rarer class has ${rarer} rows in the reference; ${limits.leastPerClass} are needed`,
    })
  if (pValue < limits.calibrationAlpha && error > LEAST_MISS)
    faults.push({
      code: 'uncalibratable',
      text: `after the best rising calibrator, held-out probabilities still miss the labels by ${percentText(error)} on average over the scores (p = ${pValue.toExponential(1)})`,
    })
  return faults
}
