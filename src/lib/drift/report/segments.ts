import { createRandom } from '../../random.ts'
import { binOf, type FeatureProfile } from '../profile/profile.ts'
import { segmentShifts } from '../segments/pooled.ts'
import type { SegmentReport } from './report.ts'

type Row = { readonly features: ArrayLike<number> }
type SegmentRows = { readonly name: string; readonly reference: readonly Row[]; readonly current: readonly Row[] }

/** Plain data, so that it goes to a thread. */
export type SegmentedRows = {
  readonly features: readonly FeatureProfile[]
  readonly segments: readonly SegmentRows[]
  readonly tolerance: number
  readonly leastRows: number
  readonly seed: string
}

/** How sure one must be that a segment moved at all, before it is said, shared by all its features. */
const SURE = 0.99
const FEATURES_SHOWN = 5

/**
 * Each segment’s features against the same segment of the reference. Segments with few rows borrow strength from the others
 * (`segmentShifts`), so they are neither silenced nor taken at their word. A segment drifted when some feature moved by at least the tolerance with a
 * posterior probability of 1 − 0.01/features; without any row on one side there is insufficient data. `features` gives the bins, in the
 * order of the rows’ values.
 */
export function compareSegments(input: SegmentedRows): SegmentReport[] {
  const { features, segments, tolerance } = input
  const random = createRandom(input.seed)
  const shifts = features.map((feature, f) =>
    segmentShifts(
      segments.map(({ name, reference, current }) => ({
        name,
        reference: countsOver(feature, reference, f),
        current: countsOver(feature, current, f),
      })),
      { tolerance, random: random.fork(feature.name) },
    ),
  )
  const sure = 1 - (1 - SURE) / Math.max(1, features.length)
  return segments.map(({ name, reference, current }, s): SegmentReport => {
    const moved = features
      .map((feature, f) => ({ name: feature.name, effect: shifts[f]![s]!.effect, probability: shifts[f]![s]!.probability }))
      .sort((a, b) => b.probability - a.probability || b.effect - a.effect)
    const shared = { name, referenceRows: reference.length, currentRows: current.length, columns: moved.slice(0, FEATURES_SHOWN) }
    if (reference.length === 0 || current.length === 0) {
      const side = reference.length === 0 ? 'the reference' : 'the window'
      return { ...shared, columns: [], verdict: 'insufficient_data', reason: `${side} has no row of this segment` }
    }
    const drifted = moved.filter(({ probability }) => probability >= sure)
    if (drifted.length > 0) return { ...shared, verdict: 'drift', reason: drifted.map(({ name: feature }) => feature).join(', ') }
    const own = Math.min(reference.length, current.length)
    const reason =
      own < input.leastRows
        ? `nothing moved for sure; ${own} rows of its own, the rest is borrowed from the other segments`
        : 'no feature moved'
    return { ...shared, verdict: 'stable', reason }
  })
}

/** The rows over the bins of a feature, missing values last. */
function countsOver({ edges }: FeatureProfile, rows: readonly Row[], feature: number): number[] {
  const counts = new Array<number>(edges.length + 2).fill(0)
  for (const { features } of rows) {
    const value = features[feature]!
    counts[Number.isFinite(value) ? binOf(edges, value) : edges.length + 1]!++
  }
  return counts
}
