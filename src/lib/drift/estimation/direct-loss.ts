import type { Random } from '../../random.ts'
import {
  type Abstention,
  type FeatureRange,
  percentText,
  type Reason,
  rangesOf,
  type SupportLimits,
  scoreCountsOf,
  shareOutsideFeatures,
  shareOutsideScores,
  supportLimits,
} from './abstention.ts'
import type { Columns } from './boosted-trees.ts'
import type { MetricEstimate } from './estimate-performance.ts'
import { expectedLoss, fitLoss, isBiased, type LossModel } from './loss-model.ts'

/** Metrics of a regression that can be estimated without labels. */
export type RegressionMetric = 'mae' | 'mse' | 'rmse' | 'mape'

export type RegressionRows = { readonly features: Columns; readonly predictions: ArrayLike<number> }
export type LabelledRegressionRows = RegressionRows & { readonly labels: ArrayLike<number> }

/** What direct loss estimation needs of its reference, frozen. Plain data; no rows. */
export type DirectLossReference = {
  readonly rows: number
  readonly absolute: LossModel
  readonly squared: LossModel
  /** Null where a percentage means nothing: when some label is 0, or labels have both signs. */
  readonly relative: LossModel | null
  readonly predictionRange: FeatureRange
  readonly predictionCounts: readonly number[]
  readonly featureRanges: readonly FeatureRange[]
  readonly realised: ReturnType<typeof realisedLosses>
  readonly faults: readonly Reason[]
}

export type RegressionEstimate = {
  readonly abstained: false
  readonly method: 'dle'
  readonly rows: number
  readonly level: number
  /** Null where the loss cannot be learnt from the reference, or is not defined. */
  readonly metrics: Readonly<Record<RegressionMetric, MetricEstimate | null>>
  /** What the reader should know, in words. */
  readonly notes: readonly string[]
}

/** Inputs that explain less of the loss than this hardly tell where it is greater. */
const LEAST_EXPLAINED = 0.01
const TREES = 80

/**
 * Freezes a reference for direct loss estimation: trees that learn the absolute, the squared and, where labels allow it, the
 * relative error of each row from its features and prediction (the method is NannyML's DLE; Kivimäki et al. 2024 discuss it).
 * A reference that is too small, or whose absolute error on held-out rows lies elsewhere than was predicted, is frozen all
 * the same, with the fault named. Throws RangeError for lengths that differ, values of predictions or
 * labels that are not finite, or fewer than ten rows.
 */
export function fitDirectLossReference(
  rows: LabelledRegressionRows,
  { random, limits = supportLimits, trees = TREES }: { readonly random: Random; readonly limits?: SupportLimits; readonly trees?: number },
): DirectLossReference {
  check(rows)
  const { labels } = rows
  const errors = errorsOf(rows)
  const relative = hasOneSign(labels) ? errors.map((error, i) => error / Math.abs(labels[i]!)) : null
  const columns = inputsOf(rows)
  const fitLosses = (losses: Float64Array, name: string) => fitLoss(columns, losses, random.fork(name), trees)
  const absolute = fitLosses(errors, 'absolute')
  const [predictionRange] = rangesOf([rows.predictions])
  return {
    rows: labels.length,
    absolute,
    squared: fitLosses(
      errors.map((error) => error * error),
      'squared',
    ),
    relative: relative && fitLosses(relative, 'relative'),
    predictionRange: predictionRange!,
    predictionCounts: scoreCountsOf(rows.predictions, predictionRange!),
    featureRanges: rangesOf(rows.features),
    realised: realisedLosses(rows),
    faults: faultsOf(labels.length, absolute, limits),
  }
}

/** The losses of rows with labels; the relative one only where all labels have one sign. NaN without rows. */
export function realisedLosses(
  rows: LabelledRegressionRows,
): Record<Exclude<RegressionMetric, 'mape'>, number> & { readonly mape: number | null } {
  const errors = errorsOf(rows)
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length
  const mse = mean(errors.map((error) => error * error))
  const mape = hasOneSign(rows.labels) ? mean(errors.map((error, i) => error / Math.abs(rows.labels[i]!))) : null
  return { mae: mean(errors), mse, rmse: Math.sqrt(mse), mape }
}

/** The absolute error of each row. */
export function errorsOf({ predictions, labels }: Pick<LabelledRegressionRows, 'predictions' | 'labels'>): Float64Array {
  return Float64Array.from(predictions, (prediction, i) => Math.abs(prediction - labels[i]!))
}

/**
 * The losses of rows without labels. It holds as long as the loss given features and prediction is as in the reference;
 * without support it abstains and says why. The interval, as in `expectedLoss`, is for what these rows' labels will give.
 * Throws RangeError when features do not match.
 */
export function estimateDirectLoss(
  reference: DirectLossReference,
  rows: RegressionRows,
  { level = 0.95, limits = supportLimits }: { readonly level?: number; readonly limits?: SupportLimits } = {},
): RegressionEstimate | Abstention {
  const reasons = [...reference.faults, ...reasonsAgainst(reference, rows, limits)]
  if (reasons.length > 0) return { abstained: true, rows: rows.predictions.length, reasons }
  const columns = inputsOf(rows)
  const { absolute, squared, relative } = reference
  const expected = (loss: LossModel | null) =>
    loss && !isBiased(loss, limits.calibrationAlpha) ? expectedLoss(loss, columns, level) : null
  const mse = expected(squared)
  const { explained } = absolute.heldOut
  const notes =
    explained < LEAST_EXPLAINED
      ? [
          `inputs explain ${percentText(Math.max(0, explained))} of the error in the reference: the estimate can hardly differ from the reference`,
        ]
      : []
  return {
    abstained: false,
    method: 'dle',
    rows: rows.predictions.length,
    level,
    metrics: { mae: expected(absolute), mse, rmse: mse && rootOf(mse), mape: expected(relative) },
    notes,
  }
}

function check({ features, predictions, labels }: LabelledRegressionRows): void {
  if (predictions.length !== labels.length) throw new RangeError(`${predictions.length} predictions do not match ${labels.length} labels`)
  if (labels.length < 10) throw new RangeError(`direct loss estimation needs at least 10 rows, not ${labels.length}`)
  for (let i = 0; i < labels.length; i++)
    if (!Number.isFinite(predictions[i]!) || !Number.isFinite(labels[i]!))
      throw new RangeError(`row ${i} has prediction ${predictions[i]} and label ${labels[i]}; both must be finite`)
  for (const [f, column] of features.entries())
    if (column.length !== labels.length) throw new RangeError(`feature ${f} has ${column.length} rows, the labels ${labels.length}`)
}

/** What a loss is learnt from, by column: the features, and last the prediction. */
export function inputsOf({ features, predictions }: RegressionRows): Columns {
  return [...features, predictions]
}

function hasOneSign(labels: ArrayLike<number>): boolean {
  const all = Array.from(labels)
  return all.every((label) => label > 0) || all.every((label) => label < 0)
}

function faultsOf(rows: number, absolute: LossModel, limits: SupportLimits): Reason[] {
  const faults: Reason[] = []
  if (rows < limits.leastReferenceRows)
    faults.push({ code: 'reference_too_small', text: `the reference has ${rows} labelled rows; ${limits.leastReferenceRows} are needed` })
  const { miss, pValue } = absolute.heldOut
  if (isBiased(absolute, limits.calibrationAlpha))
    faults.push({
      code: 'uncalibratable',
      text: `the error learnt from the reference misses that of held-out rows by ${percentText(miss)} of its mean over the range of what was learnt (p = ${pValue.toExponential(1)})`,
    })
  return faults
}

/** By the delta method; the ends are roots of the ends. */
function rootOf({ value, low, high, samplingError, calibrationError }: MetricEstimate): MetricEstimate {
  const root = Math.sqrt(value)
  const slope = root > 0 ? 1 / (2 * root) : 0
  return {
    value: root,
    low: Math.sqrt(low),
    high: Math.sqrt(high),
    samplingError: samplingError * slope,
    calibrationError: calibrationError * slope,
  }
}

function reasonsAgainst(reference: DirectLossReference, { features, predictions }: RegressionRows, limits: SupportLimits): Reason[] {
  if (features.length !== reference.featureRanges.length)
    throw new RangeError(`${features.length} features do not match the reference's ${reference.featureRanges.length}`)
  const reasons: Reason[] = []
  if (predictions.length < limits.leastChunkRows)
    reasons.push({ code: 'too_few_rows', text: `${predictions.length} rows; ${limits.leastChunkRows} are needed` })
  const outside = shareOutsideScores(predictions, reference.predictionCounts, reference.predictionRange)
  if (outside > limits.mostOutsideScores)
    reasons.push({ code: 'outside_scores', text: `${percentText(outside)} of the predictions lie where the reference has hardly any` })
  const beyond = shareOutsideFeatures(features, reference.featureRanges)
  if (beyond > limits.mostOutsideFeatures)
    reasons.push({
      code: 'outside_features',
      text: `${percentText(beyond)} of the rows lie far beyond the reference's range in some feature`,
    })
  return reasons
}
