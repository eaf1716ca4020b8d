import { messageFrom } from '../../../contract/errors.ts'
import { type DirectLossReference, fitDirectLossReference } from '../../../lib/drift/estimation/direct-loss.ts'
import { type EstimatorReference, fitEstimatorReference, type ReferenceRows } from '../../../lib/drift/estimation/estimator-reference.ts'
import { taskOf } from '../../../lib/drift/estimation/task.ts'
import { createRandom } from '../../../lib/random.ts'

/** Rows of a reference as they are fitted, features by column. */
export type FitInput = { readonly rows: Required<ReferenceRows>; readonly threshold: number }

/** What was fitted; null where nothing can be, for the reason in `problem`. */
export type Fitted = (
  | { readonly kind: 'classification'; readonly reference: EstimatorReference | null }
  | { readonly kind: 'regression'; readonly reference: DirectLossReference | null }
) & { readonly problem: string | null }

/** Fits what estimates rest on. For a regression that takes seconds. */
export function fitReference({ rows, threshold }: FitInput): Fitted {
  const kind = taskOf(rows.labels)
  const random = createRandom('estimator/fit')
  try {
    return kind === 'regression'
      ? { kind, reference: fitDirectLossReference({ ...rows, predictions: rows.scores }, { random }), problem: null }
      : { kind, reference: fitEstimatorReference(rows, { threshold, random }), problem: null }
  } catch (error) {
    // Scores that are no probabilities, predictions that are not finite: such a version is served all the same.
    if (error instanceof RangeError)
      return { kind, reference: null, problem: `nothing can be estimated from its reference: ${messageFrom(error)}` }
    throw error
  }
}
