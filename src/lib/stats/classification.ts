/** Counts of a binary classifier's decisions; positive is label 1. */
export type Confusion = {
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
}

/** Labels are 0 or 1; scores are the probability of 1. */
export type Labels = ArrayLike<number>
export type Scores = ArrayLike<number>

function checkPaired(labels: Labels, scores: Scores): void {
  if (labels.length !== scores.length) throw new RangeError(`${labels.length} labels do not match ${scores.length} scores`)
}

/** Decides 1 where the score is at least `threshold`, and counts. Throws RangeError when labels and scores differ in length. */
export function confusionOf(labels: Labels, scores: Scores, threshold = 0.5): Confusion {
  checkPaired(labels, scores)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < labels.length; i++) counts[(labels[i] === 1 ? 2 : 0) + (scores[i]! >= threshold ? 1 : 0)]!++
  const [trueNegatives, falsePositives, falseNegatives, truePositives] = counts as [number, number, number, number]
  return { truePositives, falsePositives, trueNegatives, falseNegatives }
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null
}

/** The share of rows decided wrongly; null without rows. */
export function errorRateOf(c: Confusion): number | null {
  return ratio(c.falsePositives + c.falseNegatives, c.truePositives + c.falsePositives + c.trueNegatives + c.falseNegatives)
}

/** The share of decided positives that are; null when none was decided. */
export function precisionOf(c: Confusion): number | null {
  return ratio(c.truePositives, c.truePositives + c.falsePositives)
}

/** The share of true positives that were found; null when there is none. */
export function recallOf(c: Confusion): number | null {
  return ratio(c.truePositives, c.truePositives + c.falseNegatives)
}

/** The harmonic mean of precision and recall; null when there is neither a positive nor one decided. */
export function f1Of(c: Confusion): number | null {
  return ratio(2 * c.truePositives, 2 * c.truePositives + c.falsePositives + c.falseNegatives)
}

/** The probability that a positive scores above a negative, ties counted half; null unless both kinds are there. */
export function rocAucOf(labels: Labels, scores: Scores): number | null {
  let below = 0
  let wins = 0
  const totals = eachScore(labels, scores, (positives, negatives) => {
    wins += positives * (below + negatives / 2)
    below += negatives
  })
  return ratio(wins, totals.positives * totals.negatives)
}

/** Average precision: Σ (recall step × precision), from the highest score down; null without a positive. */
export function prAucOf(labels: Labels, scores: Scores): number | null {
  const steps: (readonly [positives: number, negatives: number])[] = []
  const totals = eachScore(labels, scores, (positives, negatives) => steps.push([positives, negatives]))
  let found = 0
  let decided = 0
  let area = 0
  for (const [positives, negatives] of steps.reverse()) {
    found += positives
    decided += positives + negatives
    area += (positives * found) / decided
  }
  return ratio(area, totals.positives)
}

/** Visits the distinct scores upwards with the positives and negatives at each; returns the totals. */
function eachScore(
  labels: Labels,
  scores: Scores,
  visit: (positives: number, negatives: number) => void,
): { positives: number; negatives: number } {
  checkPaired(labels, scores)
  const order = Uint32Array.from({ length: labels.length }, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!)
  const totals = { positives: 0, negatives: 0 }
  let i = 0
  while (i < order.length) {
    const score = scores[order[i]!]
    let positives = 0
    let count = 0
    for (; i < order.length && scores[order[i]!] === score; i++) {
      count++
      if (labels[order[i]!] === 1) positives++
    }
    visit(positives, count - positives)
    totals.positives += positives
    totals.negatives += count - positives
  }
  return totals
}

/** The mean squared distance of score and label; null without rows. */
export function brierOf(labels: Labels, scores: Scores): number | null {
  checkPaired(labels, scores)
  let sum = 0
  for (let i = 0; i < labels.length; i++) sum += (scores[i]! - labels[i]!) ** 2
  return ratio(sum, labels.length)
}

/** The mean surprise at the labels, in nats, with scores kept 2⁻⁵² away from 0 and 1; null without rows. */
export function logLossOf(labels: Labels, scores: Scores): number | null {
  checkPaired(labels, scores)
  let sum = 0
  for (let i = 0; i < labels.length; i++) sum += surpriseOf(labels[i]!, scores[i]!)
  return ratio(sum, labels.length)
}

/** The surprise at one label, in nats. */
export function surpriseOf(label: number, score: number): number {
  const kept = Math.min(Math.max(score, Number.EPSILON), 1 - Number.EPSILON)
  return label === 1 ? -Math.log(kept) : -Math.log1p(-kept)
}
