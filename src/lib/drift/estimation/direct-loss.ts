import type { Random } from '../../random.ts'
import { normalQuantile } from '../../stats/distributions.ts'
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
import { type BoostedTrees, boostTrees, type Columns, predictRow } from './boosted-trees.ts'
import type { MetricEstimate } from './estimate-performance.ts'

/** Metrics of a regression that can be estimated without labels. */
type RegressionMetric = 'mae' | 'mse' | 'rmse' | 'mape'

export type RegressionRows = { readonly features: Columns; readonly predictions: ArrayLike<number> }
export type LabelledRegressionRows = RegressionRows & { readonly labels: ArrayLike<number> }

/** A loss learnt from features and prediction: trees, the same with each fold left out, and how far single rows lie from them. */
type LossModel = {
  readonly model: BoostedTrees
  readonly folds: readonly BoostedTrees[]
  /** Out of fold: Σ loss / Σ predicted loss, which takes out what shrinkage leaves. */
  readonly scale: number
  /** Bins of predicted loss, and the mean squared distance of a row's loss from it in each, out of fold. */
  readonly edges: readonly number[]
  readonly variances: readonly number[]
}

/** What direct loss estimation needs of its reference, frozen. Plain data; no rows. */
export type DirectLossReference = {
  readonly rows: number
  readonly absolute: LossModel
  readonly squared: LossModel
  /** Null when some label is 0, where a percentage is not defined. */
  readonly relative: LossModel | null
  readonly predictionRange: FeatureRange
  readonly predictionCounts: readonly number[]
  readonly featureRanges: readonly FeatureRange[]
  readonly realised: Readonly<Record<RegressionMetric, number | null>>
  readonly faults: readonly Reason[]
}

export type RegressionEstimate = {
  readonly abstained: false
  readonly method: 'dle'
  readonly rows: number
  readonly level: number
  readonly metrics: Readonly<Record<RegressionMetric, MetricEstimate | null>>
}

const FOLDS = 5
const VARIANCE_BINS = 10

/**
 * Freezes a reference for direct loss estimation: trees that learn the absolute, the squared and, where no label is 0, the
 * relative error of each row from its features and prediction (the method is NannyML's DLE; Kivimäki et al. 2024 discuss it).
 * Throws RangeError for lengths that differ, values of predictions or labels that are not finite, or fewer than ten rows.
 */
export function fitDirectLossReference(
  rows: LabelledRegressionRows,
  { random, limits = supportLimits, trees = 80 }: { readonly random: Random; readonly limits?: SupportLimits; readonly trees?: number },
): DirectLossReference {
  const count = rows.labels.length
  check(rows)
  const errors = Float64Array.from({ length: count }, (_, i) => Math.abs(rows.predictions[i]! - rows.labels[i]!))
  const relative = Array.from(rows.labels).some((label) => label === 0) ? null : errors.map((error, i) => error / Math.abs(rows.labels[i]!))
  const columns = inputsOf(rows)
  const fitLosses = (losses: Float64Array, name: string) => fitLoss(columns, losses, random.fork(name), trees)
  const [predictionRange] = rangesOf([rows.predictions])
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / count
  const mse = mean(errors.map((error) => error * error))
  return {
    rows: count,
    absolute: fitLosses(errors, 'absolute'),
    squared: fitLosses(
      errors.map((error) => error * error),
      'squared',
    ),
    relative: relative && fitLosses(relative, 'relative'),
    predictionRange: predictionRange!,
    predictionCounts: scoreCountsOf(rows.predictions, predictionRange!),
    featureRanges: rangesOf(rows.features),
    realised: { mae: mean(errors), mse, rmse: Math.sqrt(mse), mape: relative && mean(relative) },
    faults:
      count < limits.leastReferenceRows
        ? [{ code: 'reference_too_small', text: `the reference has ${count} labelled rows; ${limits.leastReferenceRows} are needed` }]
        : [],
  }
}

/**
 * The losses of rows without labels. It holds as long as the loss given features and prediction is as in the reference;
 * without support it abstains and says why. The interval is for what these rows' labels will give: the spread of single
 * losses, and the jackknife over folds (Efron & Stein 1981) for the trees. Throws RangeError when features do not match.
 */
export function estimateDirectLoss(
  reference: DirectLossReference,
  rows: RegressionRows,
  { level = 0.95, limits = supportLimits }: { readonly level?: number; readonly limits?: SupportLimits } = {},
): RegressionEstimate | Abstention {
  const reasons = [...reference.faults, ...reasonsAgainst(reference, rows, limits)]
  if (reasons.length > 0) return { abstained: true, rows: rows.predictions.length, reasons }
  const z = normalQuantile((1 + level) / 2)
  const columns = inputsOf(rows)
  const mse = meanLoss(reference.squared, columns, z)
  return {
    abstained: false,
    method: 'dle',
    rows: rows.predictions.length,
    level,
    metrics: {
      mae: meanLoss(reference.absolute, columns, z),
      mse,
      rmse: rootOf(mse),
      mape: reference.relative && meanLoss(reference.relative, columns, z),
    },
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

function inputsOf({ features, predictions }: RegressionRows): Columns {
  return [...features, predictions]
}

function fitLoss(columns: Columns, losses: Float64Array, random: Random, trees: number): LossModel {
  const fold = Uint8Array.from(losses, () => random.int(FOLDS))
  const options = { loss: 'squared', trees, depth: 4, random } as const
  const model = boostTrees(columns, losses, options)
  const folds = Array.from({ length: FOLDS }, (_, f) => {
    const taught = Array.from(fold.keys()).filter((row) => fold[row] !== f)
    return taught.length > 0 ? boostTrees(columns, losses, options, taught) : model
  })
  const heldOut = Float64Array.from(losses, (_, row) => Math.max(0, predictRow(folds[fold[row]!]!, columns, row)))
  const [total, predicted] = [losses, heldOut].map((values) => values.reduce((sum, value) => sum + value, 0)) as [number, number]
  const scale = predicted > 0 ? total / predicted : 1
  const sorted = heldOut.toSorted()
  const edges = Array.from({ length: VARIANCE_BINS - 1 }, (_, b) => sorted[Math.floor(((b + 1) * sorted.length) / VARIANCE_BINS)]!)
  const sums = edges.concat(0).map(() => ({ squares: 0, rows: 0 }))
  for (const [row, prediction] of heldOut.entries()) {
    const sum = sums[binAt(edges, prediction)]!
    sum.squares += (losses[row]! - scale * prediction) ** 2
    sum.rows++
  }
  const overall = sums.reduce((sum, { squares }) => sum + squares, 0) / losses.length
  return { model, folds, scale, edges, variances: sums.map(({ squares, rows }) => (rows > 0 ? squares / rows : overall)) }
}

function binAt(edges: readonly number[], value: number): number {
  const bin = edges.findIndex((edge) => value <= edge)
  return bin < 0 ? edges.length : bin
}

function meanLoss(loss: LossModel, columns: Columns, z: number): MetricEstimate {
  const rows = columns[0]!.length
  const meanOf = (model: BoostedTrees, visit: (prediction: number) => void = () => {}) => {
    let sum = 0
    for (let row = 0; row < rows; row++) {
      const prediction = Math.max(0, predictRow(model, columns, row))
      sum += prediction
      visit(prediction)
    }
    return (loss.scale * sum) / rows
  }
  let variance = 0
  const value = meanOf(loss.model, (prediction) => {
    variance += loss.variances[binAt(loss.edges, prediction)]!
  })
  const samplingError = Math.sqrt(variance) / rows
  const without = loss.folds.map((fold) => meanOf(fold))
  const centre = without.reduce((sum, mean) => sum + mean, 0) / FOLDS
  const calibrationError = Math.sqrt(((FOLDS - 1) / FOLDS) * without.reduce((sum, mean) => sum + (mean - centre) ** 2, 0))
  const half = z * Math.hypot(samplingError, calibrationError)
  return { value, low: Math.max(0, value - half), high: value + half, samplingError, calibrationError }
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
