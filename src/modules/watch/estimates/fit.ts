import { messageFrom } from '../../../contract/errors.ts'
import { type DirectLossReference, fitDirectLossReference } from '../../../lib/drift/estimation/direct-loss.ts'
import { type EstimatorReference, fitEstimatorReference, type ReferenceRows } from '../../../lib/drift/estimation/estimator-reference.ts'
import { taskOf } from '../../../lib/drift/estimation/task.ts'
import { createRandom, type Random } from '../../../lib/random.ts'

/** Rows of a reference as they are fitted, features by column. */
export type FitInput = { readonly rows: Required<ReferenceRows>; readonly threshold: number }

/** What was fitted; null where nothing can be, for the reason in `problem`. */
export type Fitted = (
  | { readonly kind: 'classification'; readonly reference: EstimatorReference | null }
  | { readonly kind: 'regression'; readonly reference: DirectLossReference | null }
) & { readonly problem: string | null }

/** Values up to which losses are learnt within about ten seconds, a sixth of what an event may take; of more rows fewer are drawn. */
const MOST_LEARNT_VALUES = 150_000
/** Trees look through every feature at every node: with more features even few rows take too long. */
const MOST_FEATURES = 200

/** Fits what estimates rest on. For a regression that takes seconds. */
export function fitReference({ rows, threshold }: FitInput): Fitted {
  const kind = taskOf(rows.labels, rows.scores) === 'regression' ? 'regression' : 'classification'
  const random = createRandom('estimator/fit')
  try {
    return kind === 'regression'
      ? { kind, reference: fitLosses(rows, random), problem: null }
      : { kind, reference: fitEstimatorReference(rows, { threshold, random }), problem: null }
  } catch (error) {
    // Scores that are no probabilities, predictions that are not finite: such a version is served all the same.
    if (error instanceof RangeError)
      return { kind, reference: null, problem: `nothing can be estimated from its reference: ${messageFrom(error)}` }
    throw error
  }
}

function fitLosses({ scores, labels, features }: FitInput['rows'], random: Random): DirectLossReference {
  const width = features.length
  if (width > MOST_FEATURES)
    throw new RangeError(`the error of a regression is learnt from at most ${MOST_FEATURES} features, not ${width}`)
  const chosen = drawRows(labels.length, Math.floor(MOST_LEARNT_VALUES / Math.max(1, width)), random.fork('rows'))
  const own = (values: ArrayLike<number>) => Float64Array.from(chosen, (row) => values[row]!)
  return fitDirectLossReference({ features: features.map(own), predictions: own(scores), labels: own(labels) }, { random })
}

/** At most so many positions, drawn by chance; all of them, in order, where they are no more. */
export function drawRows(total: number, most: number, random: Random): number[] {
  const rows = Array.from({ length: total }, (_, row) => row)
  if (total <= most) return rows
  for (let i = 0; i < most; i++) {
    const j = i + random.int(total - i)
    ;[rows[i], rows[j]] = [rows[j]!, rows[i]!]
  }
  return rows.slice(0, most)
}
