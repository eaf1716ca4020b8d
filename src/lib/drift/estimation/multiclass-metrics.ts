/** Metrics of a classifier of several classes; precision to average are means over the classes, each against the rest. */
export const multiclassMetrics = [
  'accuracy',
  'error_rate',
  'precision',
  'recall',
  'f1',
  'specificity',
  'roc_auc',
  'log_loss',
  'brier',
] as const
export type MulticlassMetric = (typeof multiclassMetrics)[number]

/** One column of probabilities per class. */
export type Probabilities = readonly ArrayLike<number>[]

/**
 * Metrics from the model's probabilities, its decisions, and the probability `truth[k][i]` that row i is of class k; with
 * truths of 0 and 1, which are labels, the ordinary metrics. A class without decisions, or without rows, counts 0 in the
 * mean it has no value for, as usual; the ROC area is NaN when a class is missing. The Brier score sums over classes.
 */
export function multiclassMetricsFrom(
  probabilities: Probabilities,
  decisions: ArrayLike<number>,
  truth: Probabilities,
): Record<MulticlassMetric, number> {
  const [rows, classes] = [decisions.length, truth.length]
  let [hits, logLoss, brier] = [0, 0, 0]
  const decided = new Float64Array(classes)
  const right = new Float64Array(classes)
  const present = new Float64Array(classes)
  for (let i = 0; i < rows; i++) {
    const own = decisions[i]!
    decided[own]!++
    right[own]! += truth[own]![i]!
    hits += truth[own]![i]!
    let [squares, expected] = [0, 0]
    for (let k = 0; k < classes; k++) {
      const [p, t] = [probabilities[k]![i]!, truth[k]![i]!]
      present[k]! += t
      if (t > 0) logLoss -= t * Math.log(Math.max(p, Number.EPSILON))
      squares += p * p
      expected += t * (1 - 2 * p)
    }
    brier += squares + expected
  }
  const mean = (of: (k: number) => number) =>
    Array.from({ length: classes }, (_, k) => of(k)).reduce((sum, value) => sum + value, 0) / classes
  const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : 0)
  return {
    accuracy: hits / rows,
    error_rate: 1 - hits / rows,
    precision: mean((k) => ratio(right[k]!, decided[k]!)),
    recall: mean((k) => ratio(right[k]!, present[k]!)),
    f1: mean((k) => ratio(2 * right[k]!, decided[k]! + present[k]!)),
    specificity: mean((k) => ratio(rows - decided[k]! - present[k]! + right[k]!, rows - present[k]!)),
    roc_auc: mean((k) => rankArea(probabilities[k]!, truth[k]!)),
    log_loss: logLoss / rows,
    brier: brier / rows,
  }
}

function rankArea(scores: ArrayLike<number>, truth: ArrayLike<number>): number {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
  let [found, area] = [0, 0]
  for (let i = 0; i < order.length; ) {
    const score = scores[order[i]!]!
    let [own, count] = [0, 0]
    for (; i < order.length && scores[order[i]!] === score; i++) {
      own += truth[order[i]!]!
      count++
    }
    area += (count - own) * (found + own / 2)
    found += own
  }
  return area / (found * (order.length - found))
}
