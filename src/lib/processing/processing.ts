/** What is done to one feature before the model sees it: a missing value is filled in, then bounded, then log(1 + x), then scaled. */
export type FeatureSteps = {
  readonly impute?: number
  readonly clip?: readonly [low: number, high: number]
  readonly log1p?: boolean
  readonly scale?: { readonly mean: number; readonly std: number } | { readonly min: number; readonly max: number }
}

/**
 * From a model’s score to a probability. `platt`: 1 / (1 + exp(a·s + b)), J. Platt, "Probabilistic Outputs for Support Vector
 * Machines", 1999, equation 1. `isotonic`: between rising points by straight lines, level beyond the first and the last.
 */
export type Calibration =
  | { readonly method: 'platt'; readonly a: number; readonly b: number }
  | { readonly method: 'isotonic'; readonly points: readonly (readonly [score: number, probability: number])[] }

type Operator = '<' | '<=' | '>' | '>=' | '==' | '!='
export type Condition = (
  | { readonly feature: string; readonly score?: undefined }
  | { readonly score: true; readonly feature?: undefined }
) &
  ({ readonly op: Operator; readonly value: number } | { readonly op: 'missing'; readonly value?: undefined })
export type Rule = {
  readonly when: Condition
  readonly set: { readonly score: number; readonly prediction?: undefined } | { readonly prediction: 0 | 1; readonly score?: undefined }
  readonly reason: string
}

/** What travels with a version of a model and is done around it, the same wherever it is scored. */
export type Processing = {
  readonly before?: Readonly<Record<string, FeatureSteps>>
  readonly after?: {
    readonly calibration?: Calibration
    readonly threshold?: number
    readonly bands?: readonly { readonly name: string; readonly atLeast: number }[]
    readonly rules?: readonly Rule[]
  }
}

/** The threshold that a version is decided at: its own, else the deployment’s. */
export function thresholdOf(processing: Processing | null, threshold: number): number {
  return processing?.after?.threshold ?? threshold
}

/** Names of features that a processing speaks of. */
export function featuresNamed({ before = {}, after = {} }: Processing): string[] {
  return [...Object.keys(before), ...(after.rules ?? []).flatMap(({ when }) => when.feature ?? [])]
}
