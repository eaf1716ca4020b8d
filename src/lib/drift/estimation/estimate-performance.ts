import type { Random } from '../../random.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import {
  type Abstention,
  percentText,
  type Reason,
  type SupportLimits,
  shareOutsideFeatures,
  shareOutsideScores,
  supportLimits,
} from './abstention.ts'
import type { Columns } from './boosted-trees.ts'
import { type Calibrator, calibrateAll } from './calibrator.ts'
import type { EstimatorReference } from './estimator-reference.ts'
import { type BinaryMetric, binaryMetrics, metricsFrom, type PreparedScores, prepareScores, rangeOf } from './expected-metrics.ts'

/** One metric, expected without labels. The interval is for what the labels of these very rows will give. */
export type MetricEstimate = {
  readonly value: number
  readonly low: number
  readonly high: number
  /** Standard deviation of the metric over the labels these rows may get. */
  readonly samplingError: number
  /** Standard deviation of the estimate over what the reference may have been. */
  readonly calibrationError: number
}

export type PerformanceEstimate = {
  readonly abstained: false
  /** `cbpe` uses the frozen calibrator, `pape` one refitted for the chunk. */
  readonly method: 'cbpe' | 'pape'
  readonly rows: number
  /** Rows left out because their score is no probability. */
  readonly unusable: number
  readonly level: number
  /** Null where a metric is not defined, as precision is when nothing is decided positive. */
  readonly metrics: Readonly<Record<BinaryMetric, MetricEstimate | null>>
  /** What the reader should know, in words. */
  readonly notes: readonly string[]
  /** What made these scores probabilities. */
  readonly calibrator: Calibrator
}

/** Rows without labels: scores in [0, 1] and, if the reference has them, features by column. */
export type UnlabelledRows = { readonly scores: ArrayLike<number>; readonly features?: Columns }

export type EstimateOptions = {
  /** The probability with which an interval holds the realised metric, while nothing but the inputs moved. */
  readonly level?: number
  /** Draws of labels for the sampling error. */
  readonly draws?: number
  readonly limits?: SupportLimits
  readonly random: Random
}

/**
 * CBPE: confidence-based performance estimation (Białek et al. 2023, "Estimating model performance under covariate shift
 * without labels"). It holds as long as P(label | score) is that of the reference; where there is no support for that, it
 * abstains and says why. Concept drift cannot be seen without labels: hold labels that arrive against it with
 * `contradictionOf`. Cost is rows × (draws + replicates). Throws RangeError when the features do not match the reference's.
 */
export function estimatePerformance(
  reference: EstimatorReference,
  rows: UnlabelledRows,
  options: EstimateOptions,
): PerformanceEstimate | Abstention {
  const reasons = [...reference.faults, ...supportReasons(reference, rows, options.limits)]
  if (reasons.length > 0) return { abstained: true, rows: rows.scores.length, reasons }
  return estimateWith(reference, rows, { ...options, method: 'cbpe', calibrator: reference.calibrator, replicates: reference.replicates })
}

/** Why a frozen reference does not support an estimate for these rows; empty when it does. */
export function supportReasons(reference: EstimatorReference, rows: UnlabelledRows, limits: SupportLimits = supportLimits): Reason[] {
  const reasons: Reason[] = []
  const scores = Array.from(rows.scores).filter(isProbability)
  if (scores.length < limits.leastChunkRows)
    reasons.push({ code: 'too_few_rows', text: `${scores.length} rows with a score; ${limits.leastChunkRows} are needed` })
  const outside = shareOutsideScores(scores, reference.scoreCounts, { low: 0, high: 1 })
  if (outside > limits.mostOutsideScores)
    reasons.push({ code: 'outside_scores', text: `${percentText(outside)} of the scores lie where the reference has hardly any` })
  if (rows.features && reference.featureRanges) {
    if (rows.features.length !== reference.featureRanges.length)
      throw new RangeError(`${rows.features.length} features do not match the reference's ${reference.featureRanges.length}`)
    const beyond = shareOutsideFeatures(rows.features, reference.featureRanges)
    if (beyond > limits.mostOutsideFeatures)
      reasons.push({
        code: 'outside_features',
        text: `${percentText(beyond)} of the rows lie far beyond the reference's range in some feature`,
      })
  }
  return reasons
}

type With = EstimateOptions & {
  readonly method: 'cbpe' | 'pape'
  readonly calibrator: Calibrator
  readonly replicates: readonly Calibrator[]
  readonly notes?: readonly string[]
}

/** The estimate with a given calibrator, without looking at support. */
export function estimateWith(reference: EstimatorReference, rows: UnlabelledRows, options: With): PerformanceEstimate {
  const { level = 0.95, draws = 60, random, method, calibrator, replicates, notes = [] } = options
  const scores = Float64Array.from(Array.from(rows.scores).filter(isProbability))
  const prepared = prepareScores(scores, reference.threshold, reference.businessValues)
  const probabilities = calibrateAll(calibrator, scores)
  const values = metricsFrom(prepared, probabilities)
  const sampled = drawLabels(prepared, probabilities, draws, random)
  const refitted = replicates.map((replicate) => metricsFrom(prepared, calibrateAll(replicate, scores)))
  const z = normalQuantile((1 + level) / 2)
  const metrics = Object.fromEntries(
    binaryMetrics.map((metric) => [
      metric,
      metricEstimate(
        values[metric],
        sampled.map((draw) => draw[metric]),
        refitted.map((replicate) => replicate[metric]),
        { z, range: rangeOf(metric) },
      ),
    ]),
  ) as PerformanceEstimate['metrics']
  return { abstained: false, method, rows: scores.length, unusable: rows.scores.length - scores.length, level, metrics, notes, calibrator }
}

/** The estimate of one metric from its value, its values over drawn labels and its values over replicates; null if not defined. */
export function metricEstimate(
  value: number,
  drawn: readonly number[],
  replicated: readonly number[],
  { z, range }: { readonly z: number; readonly range: readonly [low: number, high: number] },
): MetricEstimate | null {
  if (!Number.isFinite(value)) return null
  const samplingError = deviationOf(drawn)
  const calibrationError = rootMeanSquare(replicated, value)
  const half = z * Math.hypot(samplingError, calibrationError)
  return { value, low: Math.max(range[0], value - half), high: Math.min(range[1], value + half), samplingError, calibrationError }
}

function drawLabels(prepared: PreparedScores, probabilities: Float64Array, draws: number, random: Random) {
  const labels = new Uint8Array(probabilities.length)
  return Array.from({ length: draws }, () => {
    for (let i = 0; i < labels.length; i++) labels[i] = Number(random.next() < probabilities[i]!)
    return metricsFrom(prepared, labels)
  })
}

/** The standard deviation over the finite values; 0 with fewer than two. */
function deviationOf(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite)
  if (finite.length < 2) return 0
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length
  return Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (finite.length - 1))
}

/** Around the estimate itself, so that a calibrator that was kept at identity answers for its bias too. */
function rootMeanSquare(values: readonly number[], around: number): number {
  const finite = values.filter(Number.isFinite)
  return finite.length === 0 ? 0 : Math.sqrt(finite.reduce((sum, value) => sum + (value - around) ** 2, 0) / finite.length)
}

function isProbability(score: number): boolean {
  return score >= 0 && score <= 1
}
