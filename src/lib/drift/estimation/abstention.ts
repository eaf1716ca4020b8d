/** Why no estimate is given, or why an estimate must not be believed. */
type AbstentionCode =
  | 'reference_too_small'
  | 'uncalibratable'
  | 'too_few_rows'
  | 'outside_scores'
  | 'outside_features'
  | 'no_overlap'
  | 'concept_drift'

export type Reason = { readonly code: AbstentionCode; readonly text: string }

/** No estimate, and why. */
export type Abstention = { readonly abstained: true; readonly rows: number; readonly reasons: readonly Reason[] }

/** What a reference must have, and what a chunk may have, for an estimate to be given. */
export type SupportLimits = {
  readonly leastReferenceRows: number
  /** Of the rarer class in a reference of a classifier. */
  readonly leastPerClass: number
  readonly leastChunkRows: number
  /** The largest share of rows in score bins that the reference hardly has. */
  readonly mostOutsideScores: number
  /** The largest share of rows with a feature beyond the reference's range by a quarter of its width. */
  readonly mostOutsideFeatures: number
  /** Above this area under the curve of the domain classifier, and below `leastEffectiveShare`, the samples do not overlap. */
  readonly mostDomainAuc: number
  /** The least effective share of reference rows under importance weights. */
  readonly leastEffectiveShare: number
  /** Below this p-value of the check of out-of-fold calibration the reference counts as not calibratable. */
  readonly calibrationAlpha: number
}

export const supportLimits: SupportLimits = {
  leastReferenceRows: 200,
  leastPerClass: 20,
  leastChunkRows: 30,
  mostOutsideScores: 0.1,
  mostOutsideFeatures: 0.2,
  mostDomainAuc: 0.95,
  leastEffectiveShare: 0.02,
  calibrationAlpha: 1e-4,
}

/** How the values of one feature lay in the reference. */
export type FeatureRange = { readonly low: number; readonly high: number }

const SCORE_BINS = 20
const LEAST_PER_BIN = 3
const BEYOND = 0.25

/** Counts of scores in 20 equal bins of a range. */
export function scoreCountsOf(scores: ArrayLike<number>, { low, high }: FeatureRange): number[] {
  const counts = new Array<number>(SCORE_BINS).fill(0)
  for (let i = 0; i < scores.length; i++) counts[scoreBin(scores[i]!, low, high)]!++
  return counts
}

function scoreBin(score: number, low: number, high: number): number {
  const place = high > low ? Math.floor(((score - low) / (high - low)) * SCORE_BINS) : 0
  return Math.min(SCORE_BINS - 1, Math.max(0, place))
}

/** The ranges of columns over their finite values; an empty column has the range of nothing, which no value is outside of. */
export function rangesOf(columns: readonly ArrayLike<number>[]): FeatureRange[] {
  return columns.map((column) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let i = 0; i < column.length; i++) {
      const value = column[i]!
      if (!Number.isFinite(value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
    return low > high ? { low: -Number.MAX_VALUE, high: Number.MAX_VALUE } : { low, high }
  })
}

/** The share of scores in bins where the reference has fewer than three rows or less than a thousandth of its rows, beyond its range included. */
export function shareOutsideScores(scores: ArrayLike<number>, counts: readonly number[], range: FeatureRange): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const floor = Math.max(LEAST_PER_BIN, total / 1_000)
  const slack = ((range.high - range.low) / SCORE_BINS) * 0.5
  let outside = 0
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    const beyond = score < range.low - slack || score > range.high + slack
    if (beyond || counts[scoreBin(score, range.low, range.high)]! < floor) outside++
  }
  return scores.length === 0 ? 0 : outside / scores.length
}

/** The share of rows with any feature beyond its range in the reference by more than a quarter of the range's width. */
export function shareOutsideFeatures(columns: readonly ArrayLike<number>[], ranges: readonly FeatureRange[]): number {
  const rows = columns[0]?.length ?? 0
  let outside = 0
  for (let row = 0; row < rows; row++) {
    const beyond = ranges.some(({ low, high }, f) => {
      const value = columns[f]![row]!
      const slack = (high - low) * BEYOND
      return value < low - slack || value > high + slack
    })
    if (beyond) outside++
  }
  return rows === 0 ? 0 : outside / rows
}

/** A share in words. */
export function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
