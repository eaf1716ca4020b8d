import type { Calibration, Condition, Processing, Rule } from './processing.ts'

/** A score as the probability it stands for; NaN stays NaN. */
export function calibrate(calibration: Calibration, score: number): number {
  if (calibration.method === 'platt') return 1 / (1 + Math.exp(calibration.a * score + calibration.b))
  const { points } = calibration
  if (Number.isNaN(score)) return score
  const above = points.findIndex(([from]) => from >= score)
  if (above < 0) return points.at(-1)![1]
  const [right, high] = points[above]!
  if (above === 0 || right === score) return high
  const [left, low] = points[above - 1]!
  return low + ((high - low) * (score - left)) / (right - left)
}

/** What a row is judged by: its features as they came, and its score. Numbers are compared as the 32-bit floats they are. */
type Row = { readonly features: readonly string[]; readonly values: Float32Array; readonly score: number }

function holds({ feature, op, value }: Condition, { features, values, score }: Row): boolean {
  const given = feature === undefined ? score : (values[features.indexOf(feature)] ?? Number.NaN)
  if (op === 'missing') return Number.isNaN(given)
  const limit = Math.fround(value)
  switch (op) {
    case '<':
      return given < limit
    case '<=':
      return given <= limit
    case '>':
      return given > limit
    case '>=':
      return given >= limit
    case '==':
      return given === limit
    case '!=':
      return given !== limit && !Number.isNaN(given)
  }
}

const ruleFor = (rules: readonly Rule[], kind: 'score' | 'prediction', row: Row): Rule | undefined =>
  rules.find((rule) => rule.set[kind] !== undefined && holds(rule.when, row))

/** The changes to the scores of rows: calibration, then the first rule that sets the score and whose condition holds. */
export function changesAfter(
  { after = {} }: Processing,
  features: readonly string[],
): (scores: Float32Array, values: Float32Array) => Float32Array {
  const { calibration, rules = [] } = after
  const setters = rules.filter((rule) => rule.set.score !== undefined)
  if (!calibration && setters.length === 0) return (scores) => scores
  const width = features.length
  return (scores, values) =>
    scores.map((given, i) => {
      const score = Math.fround(calibration ? calibrate(calibration, given) : given)
      const rule = ruleFor(setters, 'score', { features, values: values.subarray(i * width, (i + 1) * width), score })
      return rule?.set.score ?? score
    })
}

export type Decision = {
  readonly prediction: 0 | 1
  /** The confidence band the score lies in; null where none is named. */
  readonly band: string | null
  /** Why a rule decided; null where the threshold did. */
  readonly reason: string | null
}

/** Turns a score into a prediction: the first rule that sets the prediction and whose condition holds, else the threshold. */
export function decide(processing: Processing | null, threshold: number, row: Row): Decision {
  const { threshold: own = threshold, bands = [], rules = [] } = processing?.after ?? {}
  const rule = ruleFor(rules, 'prediction', row)
  const reason = rule?.reason ?? ruleFor(rules, 'score', row)?.reason ?? null
  const band = bands.reduce<(typeof bands)[number] | null>(
    (best, one) => (row.score >= one.atLeast && (best === null || one.atLeast > best.atLeast) ? one : best),
    null,
  )
  return { prediction: rule?.set.prediction ?? (row.score >= own ? 1 : 0), band: band?.name ?? null, reason }
}
