import { psiOf } from '../drift/two-sample/divergences.ts'

/**
 * Counts of scores over a fixed grid, so that histograms of different runs can be compared and added. Between 0 and 1 the
 * grid is even in the log odds, which tells rare probabilities apart; beyond, in the logarithm of the distance.
 */
export type ScoreHistogram = Readonly<Record<number, number>>

const PER_UNIT = 16
const WIDEST_LOGIT = 20
const LOGIT_BINS = 2 * WIDEST_LOGIT * PER_UNIT
const PER_OCTAVE = 8
const OCTAVES = 40
const OUTER_BINS = OCTAVES * PER_OCTAVE
const BINS = 2 * OUTER_BINS + LOGIT_BINS
const GROUPS = 10
const FEWEST_SCORES = 200

/** Adds scores to counts made by `emptyCounts`. NaN counts nowhere. */
export function countScores(counts: Float64Array, scores: ArrayLike<number>, length = scores.length): void {
  for (let i = 0; i < length; i++) {
    const score = scores[i]!
    if (!Number.isNaN(score)) counts[binOf(score)]! += 1
  }
}

export const emptyCounts = (): Float64Array => new Float64Array(BINS)

export function histogramFrom(counts: Float64Array): ScoreHistogram {
  const histogram: Record<number, number> = {}
  for (let bin = 0; bin < counts.length; bin++) if (counts[bin]! > 0) histogram[bin] = counts[bin]!
  return histogram
}

/**
 * The population stability index of two runs’ scores, over ten groups of about equal share in the reference. Null when one
 * of them has fewer than 200 scores: of two samples of one distribution it is about 9 (1/n + 1/m) on average, by chance.
 */
export function psiOfScores(reference: ScoreHistogram, observed: ScoreHistogram): number | null {
  const total = sumOf(reference)
  if (total < FEWEST_SCORES || sumOf(observed) < FEWEST_SCORES) return null
  const expected: number[] = []
  const found: number[] = []
  let [inGroup, seen, foundInGroup] = [0, 0, 0]
  for (let bin = 0; bin < BINS; bin++) {
    inGroup += reference[bin] ?? 0
    seen += reference[bin] ?? 0
    foundInGroup += observed[bin] ?? 0
    if (seen >= ((expected.length + 1) * total) / GROUPS && seen < total && inGroup > 0) {
      expected.push(inGroup)
      found.push(foundInGroup)
      inGroup = 0
      foundInGroup = 0
    }
  }
  return psiOf([...expected, inGroup], [...found, foundInGroup])
}

function sumOf(histogram: ScoreHistogram): number {
  return Object.values(histogram).reduce((sum, count) => sum + count, 0)
}

function binOf(score: number): number {
  if (score < 0) return OUTER_BINS - 1 - outerBin(-score)
  if (score > 1) return OUTER_BINS + LOGIT_BINS + outerBin(score - 1)
  const logit = Math.min(WIDEST_LOGIT, Math.max(-WIDEST_LOGIT, Math.log(score / (1 - score))))
  return OUTER_BINS + Math.min(LOGIT_BINS - 1, Math.floor((logit + WIDEST_LOGIT) * PER_UNIT))
}

function outerBin(distance: number): number {
  const octave = Math.log2(distance) + OCTAVES / 2
  return Math.min(OUTER_BINS - 1, Math.max(0, Math.floor(octave * PER_OCTAVE)))
}
