/** Metrics of a binary classifier that can be estimated without labels. */
export const binaryMetrics = [
  'accuracy',
  'error_rate',
  'precision',
  'recall',
  'f1',
  'specificity',
  'roc_auc',
  'average_precision',
  'log_loss',
  'brier',
  'business_value',
] as const
export type BinaryMetric = (typeof binaryMetrics)[number]

/** What each kind of decision is worth, per row. */
export type BusinessValues = {
  readonly truePositive: number
  readonly falsePositive: number
  readonly trueNegative: number
  readonly falseNegative: number
}

/** Counts of decisions that need not be whole, since they may be expectations. */
type ExpectedConfusion = {
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
}

/** Scores with what metrics need of them that does not depend on labels: computed once, used for every draw of labels. */
export type PreparedScores = {
  readonly scores: Float64Array
  readonly decisions: Uint8Array
  /** Rows from the highest score down. */
  readonly order: Uint32Array
  /** −ln s and −ln(1 − s), with scores kept 2⁻⁵² away from 0 and 1. */
  readonly surprise: Float64Array
  readonly antiSurprise: Float64Array
  readonly businessValues: BusinessValues | null
}

/** Decides 1 where the score is at least `threshold`. */
export function prepareScores(given: ArrayLike<number>, threshold = 0.5, businessValues: BusinessValues | null = null): PreparedScores {
  const scores = Float64Array.from(given)
  const kept = scores.map((score) => Math.min(Math.max(score, Number.EPSILON), 1 - Number.EPSILON))
  return {
    scores,
    decisions: Uint8Array.from(scores, (score) => Number(score >= threshold)),
    order: Uint32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!),
    surprise: kept.map((score) => -Math.log(score)),
    antiSurprise: kept.map((score) => -Math.log1p(-score)),
    businessValues,
  }
}

/** The expected confusion matrix: each row counts as a positive with its probability (Białek et al. 2023, §3.1). */
function expectedConfusion(decisions: ArrayLike<number>, probabilities: ArrayLike<number>): ExpectedConfusion {
  let [truePositives, falsePositives, trueNegatives, falseNegatives] = [0, 0, 0, 0]
  for (let i = 0; i < decisions.length; i++) {
    const p = probabilities[i]!
    if (decisions[i] === 1) {
      truePositives += p
      falsePositives += 1 - p
    } else {
      falseNegatives += p
      trueNegatives += 1 - p
    }
  }
  return { truePositives, falsePositives, trueNegatives, falseNegatives }
}

/**
 * Every metric from scores and the probability that each row is a positive. With probabilities of 0 and 1, which are
 * labels, these are the ordinary metrics; otherwise ratios of expectations, as CBPE defines them (Białek et al. 2023,
 * §3.1–3.3). Ranking metrics count each row as part positive, part negative, ties in half. NaN where a metric is not defined.
 */
export function metricsFrom(prepared: PreparedScores, probabilities: ArrayLike<number>): Record<BinaryMetric, number> {
  const rows = prepared.scores.length
  const confusion = expectedConfusion(prepared.decisions, probabilities)
  const { truePositives: tp, falsePositives: fp, trueNegatives: tn, falseNegatives: fn } = confusion
  let [logLoss, brier] = [0, 0]
  for (let i = 0; i < rows; i++) {
    const [p, s] = [probabilities[i]!, prepared.scores[i]!]
    // A term of weight 0 is left out: 0 · ∞ is no number.
    if (p > 0) logLoss += p * prepared.surprise[i]!
    if (p < 1) logLoss += (1 - p) * prepared.antiSurprise[i]!
    brier += p * (1 - s) ** 2 + (1 - p) * s * s
  }
  const values = prepared.businessValues
  return {
    accuracy: (tp + tn) / rows,
    error_rate: (fp + fn) / rows,
    precision: tp / (tp + fp),
    recall: tp / (tp + fn),
    f1: (2 * tp) / (2 * tp + fp + fn),
    specificity: tn / (tn + fp),
    ...rankingFrom(prepared, probabilities, tp + fn),
    log_loss: logLoss / rows,
    brier: brier / rows,
    business_value: values
      ? tp * values.truePositive + fp * values.falsePositive + tn * values.trueNegative + fn * values.falseNegative
      : Number.NaN,
  }
}

/** Area under the ROC curve by trapezoids, and Σ (recall step × precision), over the distinct scores downwards. */
function rankingFrom({ scores, order }: PreparedScores, probabilities: ArrayLike<number>, positives: number) {
  let [found, decided, area, precisionArea] = [0, 0, 0, 0]
  for (let i = 0; i < order.length; ) {
    const score = scores[order[i]!]!
    let [own, count] = [0, 0]
    for (; i < order.length && scores[order[i]!] === score; i++) {
      own += probabilities[order[i]!]!
      count++
    }
    area += (count - own) * (found + own / 2)
    found += own
    decided += count
    precisionArea += (own * found) / decided
  }
  return { roc_auc: area / (positives * (order.length - positives)), average_precision: precisionArea / positives }
}

/** The range in which a metric can lie; interval ends are kept in it. */
export function rangeOf(metric: BinaryMetric): readonly [low: number, high: number] {
  if (metric === 'business_value') return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  return metric === 'log_loss' ? [0, Number.POSITIVE_INFINITY] : [0, 1]
}
