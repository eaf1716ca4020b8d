import type { Random } from '../../random.ts'
import { betaQuantile, chiSquaredTail, normalQuantile } from '../../stats/distributions.ts'
import { type BoostedTrees, boostTrees, type Columns, predictRow } from './boosted-trees.ts'
import type { MetricEstimate } from './estimate-performance.ts'

/** Rows whose model’s prediction lies in one stretch: how many, and the means of the loss that was expected and that came true. */
export type LossBin = {
  readonly from: number
  readonly to: number
  readonly rows: number
  readonly expected: number
  readonly realised: number
}

/** A loss learnt from features and prediction: trees, the same with each fold left out, and how far single rows lie from them. */
export type LossModel = {
  readonly model: BoostedTrees
  readonly folds: readonly BoostedTrees[]
  /** Out of fold: Σ loss / Σ predicted loss, which takes out what shrinkage leaves. */
  readonly scale: number
  /** Bins of expected loss, and the mean squared distance of a row's loss from it in each, out of fold. */
  readonly edges: readonly number[]
  readonly variances: readonly number[]
  readonly heldOut: HeldOut
}

/** How a loss model did on rows it was not taught. */
type HeldOut = {
  /** The share of the variance of the loss that it explains; at or below 0 the mean would do as well. */
  readonly explained: number
  /** Where tenths of the rows along one input lie farthest from what was expected: the mean distance, as a share of the mean loss. */
  readonly miss: number
  /** The probability of such distances, or larger, along any input, were the model right. */
  readonly pValue: number
  /** Tenths of the rows along the prediction. */
  readonly table: readonly LossBin[]
}

const FOLDS = 5
const BINS = 10
/** A miss that is certain and yet a smaller share of the mean loss than this does little harm. */
const LEAST_MISS = 0.1
/** Above so many degrees of freedom Student’s quantiles are the normal ones to four digits. */
const MANY_DEGREES = 10_000

/**
 * Fits a loss model; the last column is the prediction. There is no early stopping and no shrinkage towards the mean: the
 * noise of single rows averages out over a window, while what is shrunk would be wrong for a whole window of moved inputs.
 * Throws RangeError for columns that do not match the losses.
 */
export function fitLoss(columns: Columns, losses: Float64Array, random: Random, trees: number): LossModel {
  const fold = Uint8Array.from(losses, () => random.int(FOLDS))
  const options = { loss: 'squared', trees, depth: 4, random } as const
  const model = boostTrees(columns, losses, options)
  const folds = Array.from({ length: FOLDS }, (_, f) => {
    const taught = Array.from(fold.keys()).filter((row) => fold[row] !== f)
    return taught.length > 0 ? boostTrees(columns, losses, options, taught) : model
  })
  const predicted = Float64Array.from(losses, (_, row) => Math.max(0, predictRow(folds[fold[row]!]!, columns, row)))
  const scale = sumOf(predicted) > 0 ? sumOf(losses) / sumOf(predicted) : 1
  const expected = predicted.map((one) => scale * one)
  const edges = edgesOf(expected)
  const distances = losses.map((loss, row) => (loss - expected[row]!) ** 2)
  const overall = meanOf(distances)
  const variances = rowsByBin(edges, expected).map((rows) => (rows.length > 0 ? meanAt(distances, rows) : overall))
  return { model, folds, scale, edges, variances, heldOut: heldOutOf(columns, losses, expected) }
}

function heldOutOf(columns: Columns, losses: Float64Array, expected: Float64Array): HeldOut {
  const mean = meanOf(losses)
  const spread = sumOf(losses.map((loss) => (loss - mean) ** 2))
  const left = sumOf(losses.map((loss, row) => (loss - expected[row]!) ** 2))
  const checked = columns.map((column) => missAlong(column, losses, expected))
  const worst = checked.reduce((one, other) => (other.pValue < one.pValue ? other : one))
  return {
    explained: spread > 0 ? 1 - left / spread : 0,
    miss: worst.miss,
    pValue: Math.min(1, worst.pValue * columns.length),
    table: tableAlong(columns.at(-1)!, losses, expected),
  }
}

/**
 * The distance of expected and realised losses over tenths of the rows along an input, and its p-value (χ² over tenths). The
 * tenths are not those of the expected loss: rows chosen because much was expected of them would show the trees' own noise.
 */
function missAlong(column: ArrayLike<number>, losses: Float64Array, expected: Float64Array): { miss: number; pValue: number } {
  const residuals = losses.map((loss, row) => loss - expected[row]!)
  let [statistic, missed, freedom] = [0, 0, 0]
  for (const rows of rowsByBin(edgesOf(column), column)) {
    const mean = meanAt(residuals, rows)
    const squares = rows.reduce((sum, row) => sum + (residuals[row]! - mean) ** 2, 0)
    missed += rows.length * Math.abs(mean)
    if (rows.length < 2 || squares === 0) continue
    statistic += (mean ** 2 * rows.length * (rows.length - 1)) / squares
    freedom++
  }
  const total = sumOf(expected)
  return { miss: total > 0 ? missed / total : 0, pValue: freedom === 0 ? 1 : chiSquaredTail(statistic, freedom) }
}

/** Whether held-out losses lie elsewhere than was expected, too clearly to be chance at `alpha` and too far to be harmless. */
export function isBiased({ heldOut }: LossModel, alpha: number): boolean {
  return heldOut.pValue < alpha && heldOut.miss > LEAST_MISS
}

/** The expected loss of each row. */
export function expectLosses({ model, scale }: Pick<LossModel, 'model' | 'scale'>, columns: Columns): Float64Array {
  return Float64Array.from({ length: columns[0]?.length ?? 0 }, (_, row) => scale * Math.max(0, predictRow(model, columns, row)))
}

/**
 * The mean loss expected of rows, with an interval for what their labels will give: the spread of single losses, and the
 * jackknife over folds for the trees (Efron & Stein 1981). Five folds tell little of that spread, so the quantile is Student's,
 * with Welch and Satterthwaite's degrees of freedom (1946).
 */
export function expectedLoss(loss: LossModel, columns: Columns, level: number): MetricEstimate {
  const expected = expectLosses(loss, columns)
  const value = meanOf(expected)
  const samplingError = Math.sqrt(sumOf(expected.map((one) => loss.variances[binAt(loss.edges, one)]!))) / expected.length
  const without = loss.folds.map((model) => meanOf(expectLosses({ model, scale: loss.scale }, columns)))
  const centre = without.reduce((sum, mean) => sum + mean, 0) / FOLDS
  const calibrationError = Math.sqrt(((FOLDS - 1) / FOLDS) * without.reduce((sum, mean) => sum + (mean - centre) ** 2, 0))
  const deviation = Math.hypot(samplingError, calibrationError)
  const freedom = (FOLDS - 1) * (calibrationError > 0 ? (deviation / calibrationError) ** 4 : Number.POSITIVE_INFINITY)
  const half = studentQuantile(level, freedom) * deviation
  return { value, low: Math.max(0, value - half), high: value + half, samplingError, calibrationError }
}

/** How far, on either side, the reference leaves the mean loss open at a level. */
export function openness({ calibrationError }: MetricEstimate, level: number): number {
  return studentQuantile(level, FOLDS - 1) * calibrationError
}

/** Student's t lies within this of 0 with probability `level`. */
function studentQuantile(level: number, freedom: number): number {
  if (freedom > MANY_DEGREES) return normalQuantile((1 + level) / 2)
  const x = betaQuantile(1 - level, freedom / 2, 0.5)
  return Math.sqrt((freedom * (1 - x)) / x)
}

/** Expected and realised losses side by side, over tenths of the rows along the prediction, fewer where many predict the same. */
export function tableAlong(predictions: ArrayLike<number>, losses: Float64Array, expected: Float64Array): LossBin[] {
  return rowsByBin(edgesOf(predictions), predictions)
    .filter((rows) => rows.length > 0)
    .map((rows) => {
      const own = Float64Array.from(rows, (row) => predictions[row]!)
      const [from, to] = [own.reduce((a, b) => Math.min(a, b)), own.reduce((a, b) => Math.max(a, b))]
      return { from, to, rows: rows.length, expected: meanAt(expected, rows), realised: meanAt(losses, rows) }
    })
}

/** Cuts between tenths of the values; those that are not numbers lie above all. */
function edgesOf(values: ArrayLike<number>): number[] {
  const sorted = Float64Array.from(values).sort()
  return Array.from({ length: BINS - 1 }, (_, b) => sorted[Math.floor(((b + 1) * sorted.length) / BINS)]!)
}

function rowsByBin(edges: readonly number[], values: ArrayLike<number>): number[][] {
  const bins = Array.from({ length: edges.length + 1 }, (): number[] => [])
  for (let row = 0; row < values.length; row++) bins[binAt(edges, values[row]!)]!.push(row)
  return bins
}

function binAt(edges: readonly number[], value: number): number {
  const bin = edges.findIndex((edge) => value <= edge)
  return bin < 0 ? edges.length : bin
}

function meanAt(values: Float64Array, rows: readonly number[]): number {
  return rows.length === 0 ? 0 : rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function meanOf(values: Float64Array): number {
  return sumOf(values) / values.length
}
