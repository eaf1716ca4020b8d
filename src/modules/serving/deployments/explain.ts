import { AppError } from '../../../contract/errors.ts'
import type { Live } from './live.ts'

export type ExplainInput = {
  readonly deployment: string
  /** The version that gave the score. */
  readonly version: number
  /** One row of features. */
  readonly values: Float32Array
  readonly score: number
  /** What each feature is replaced with, in the order of the features; NaN = missing. */
  readonly baseline: Float32Array
}

/** What one feature did to a score: the score less the one with that feature replaced by `baseline`; null where the model then gives no number. */
export type Contribution = {
  readonly feature: string
  readonly value: number | null
  readonly baseline: number | null
  readonly contribution: number | null
}

const MOST_FEATURES = 64

/**
 * Explains one score by occlusion: every feature by itself is replaced by its baseline and the row is scored again. Effects of
 * features together are not seen, and the contributions need not add up to the score. Nothing of it is recorded. Throws
 * `invalid` for models of more than 64 features.
 */
export async function explain(live: Live, { version, values, score, baseline }: ExplainInput): Promise<readonly Contribution[]> {
  const served = [live.champion, live.challenger, live.otherSide?.champion, live.fallback].find((one) => one?.version === version)
  if (!served) throw new AppError('unavailable', `explain: version ${version} of ${live.name} was replaced a moment ago; ask again`)
  const { features, model } = served
  if (features.length > MOST_FEATURES)
    throw new AppError('invalid', `explain: ${live.name} has ${features.length} features; at most ${MOST_FEATURES} are explained`)
  const rows = new Float32Array(features.length * features.length)
  for (let i = 0; i < features.length; i++) {
    rows.set(values, i * features.length)
    rows[i * features.length + i] = baseline[i]!
  }
  const scores = await model.score(rows, features.length)
  return features.map((feature, i) => ({
    feature,
    value: finite(values[i]!),
    baseline: finite(baseline[i]!),
    contribution: finite(score - scores[i]!),
  }))
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
