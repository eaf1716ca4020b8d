import { createRandom, type Random } from '../../random.ts'
import { kolmogorovSmirnovTest } from '../two-sample/kolmogorov-smirnov.ts'
import { mannWhitneyTest } from '../two-sample/mann-whitney.ts'
import { mmdTest } from '../two-sample/pairwise.ts'
import { isInsufficient, type TestName, type TestOutcome } from '../two-sample/result.ts'
import { checkBlock, type RowBlock, rowsAt, sampleRows } from '../two-sample/row-block.ts'
import { sampleIndices } from '../two-sample/samples.ts'
import {
  alignmentOf,
  centroidOf,
  cosineOf,
  distanceOf,
  meanOfRows,
  meanPairwiseCosine,
  neighbourDistances,
  normsOf,
  pairCosines,
  unitRows,
} from './embedding-geometry.ts'
import { structureTests } from './reference-structure.ts'

const LEAST_ROWS = 20
const MOST_ROWS = 1_000
const NEIGHBOUR = 5

export type EmbeddingOptions = {
  /** Rows a side that are drawn when there are more; at most 1,000. 500 if not given. */
  readonly mostRows?: number
  /** Rounds in which the reference is held against itself, and permutations of MMD and of the angles of clusters. 199 if not given. */
  readonly rounds?: number
  /** The error rate of the calibrated thresholds. 0.01 if not given. */
  readonly alpha?: number
  readonly seed?: number
}

/** What rules of thumb say of a measure: they know neither model nor sample, so this is a label to print and decides nothing. */
type Folklore = { readonly label: 'ok' | 'warn' | 'critical'; readonly rule: string }

type EmbeddingMeasure = {
  readonly outcome: TestOutcome
  /** What the effect exceeds with probability `alpha` when the reference is drawn twice at these sizes; null where there is none. */
  readonly threshold: number | null
  readonly folklore: Folklore | null
}

export type EmbeddingComparison =
  | { readonly kind: 'insufficient_data'; readonly reason: string }
  /** The vectors come from another model, or another version of it: not drift, and nothing that can be compared. */
  | { readonly kind: 'new_baseline_required'; readonly reason: string }
  | { readonly kind: 'compared'; readonly measures: readonly EmbeddingMeasure[] }

/**
 * Compares the vectors of current rows with those of a reference, unless they are from another model. Measures: cosine and
 * distance of the centroids and the mean cosine of pairs, each calibrated by drawing both samples from the reference, with
 * replacement, `rounds` times; the distance to the fifth nearest row of one half of the reference, for the other half and for the
 * current rows; MMD on the vectors as they are; and the clusters and principal components of one half of the reference, again for
 * the other half and for the current rows. Throws RangeError on NaN and infinity.
 */
export function compareEmbeddings(reference: RowBlock, current: RowBlock, options: EmbeddingOptions = {}): EmbeddingComparison {
  const { mostRows = 500, rounds = 199, alpha = 0.01, seed = 1 } = options
  if (!(mostRows >= LEAST_ROWS && mostRows <= MOST_ROWS))
    throw new RangeError(`mostRows lies between ${LEAST_ROWS} and ${MOST_ROWS}, not ${mostRows}`)
  checkBlock(reference, 'reference')
  checkBlock(current, 'current')
  const fewer = Math.min(reference.rows, current.rows)
  if (fewer < LEAST_ROWS)
    return { kind: 'insufficient_data', reason: `embeddings are compared from ${LEAST_ROWS} rows in each sample on; one has ${fewer}` }
  if (reference.width !== current.width)
    return { kind: 'new_baseline_required', reason: `vectors have ${current.width} dimensions, the reference's ${reference.width}` }
  const random = createRandom(seed)
  const [first, second] = [sampleRows(reference, mostRows, random), sampleRows(current, mostRows, random)]
  const neighbours = neighbourTest(first, second, random)
  const changed = changedModel(first, second, neighbours.outside)
  if (changed) return { kind: 'new_baseline_required', reason: changed }
  const structure = structureTests(first, second, { rounds, random: random.fork('structure') })
  const mmd = mmdTest(first, second, { mostRows, permutations: rounds, seed, standardise: false })
  return {
    kind: 'compared',
    measures: [
      ...calibrated(first, second, { rounds, alpha, random }).map((measure) => sized(measure, reference, current)),
      ...[neighbours.outcome, mmd, ...structure].map((outcome) => sized({ outcome, threshold: null, folklore: null }, reference, current)),
    ],
  }
}

function sized(measure: EmbeddingMeasure, reference: RowBlock, current: RowBlock): EmbeddingMeasure {
  if (isInsufficient(measure.outcome)) return measure
  return { ...measure, outcome: { ...measure.outcome, referenceRows: reference.rows, currentRows: current.rows } }
}

type Shift = { readonly cosine: number; readonly distance: number; readonly pairwise: number }

/** Rows and the same rows at length 1. */
type Prepared = { readonly rows: RowBlock; readonly unit: RowBlock }

/** How the second draw lies from the first; each names rows by index, a row as often as it was drawn. */
function shiftOf(first: Prepared, draw: Uint32Array, second: Prepared, otherDraw: Uint32Array): Shift {
  const [a, b] = [meanOfRows(first.rows, draw), meanOfRows(second.rows, otherDraw)]
  return {
    cosine: cosineOf(a, b),
    distance: distanceOf(a, b),
    pairwise: meanPairwiseCosine(second.unit, otherDraw) - meanPairwiseCosine(first.unit, draw),
  }
}

function everyRow({ rows }: RowBlock): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, row) => row)
}

function calibrated(
  first: RowBlock,
  second: RowBlock,
  { rounds, alpha, random }: { readonly rounds: number; readonly alpha: number; readonly random: Random },
): EmbeddingMeasure[] {
  const [own, other] = [first, second].map((rows) => ({ rows, unit: unitRows(rows) })) as [Prepared, Prepared]
  const seen = shiftOf(own, everyRow(first), other, everyRow(second))
  const draw = (rows: number) => Uint32Array.from({ length: rows }, () => random.int(first.rows))
  const drawnTwice = Array.from({ length: rounds }, () => shiftOf(own, draw(first.rows), own, draw(second.rows)))
  const centre = centroidOf(first)
  const spread = Math.sqrt(first.values.reduce((sum, value, i) => sum + (value - centre[i % first.width]!) ** 2, 0) / first.rows)
  const measure = (test: TestName, statistic: number, name: string, effectOf: (shift: Shift) => number, folklore: Folklore) => {
    const value = effectOf(seen)
    const chance = drawnTwice.map((shift) => Math.abs(effectOf(shift))).sort((a, b) => b - a)
    const asFar = chance.filter((other) => other >= Math.abs(value) - 1e-12).length
    const sizes = { referenceRows: first.rows, currentRows: second.rows }
    return {
      outcome: { test, statistic, effect: { name, value }, pValue: (1 + asFar) / (1 + rounds), ...sizes },
      threshold: chance[Math.min(rounds - 1, Math.max(0, Math.floor(alpha * (rounds + 1)) - 1))]!,
      folklore,
    }
  }
  const inSpreads = (shift: Shift) => (spread > 0 ? shift.distance / spread : shift.distance)
  return [
    measure('centroid_cosine', seen.cosine, 'cosine distance of the centroids', (shift) => 1 - shift.cosine, {
      label: seen.cosine < 0.95 ? 'critical' : seen.cosine < 0.97 ? 'warn' : 'ok',
      rule: 'cosine of the centroids: warn below 0.97, critical below 0.95',
    }),
    measure('centroid_distance', seen.distance, 'distance of the centroids in spreads of the reference', inSpreads, {
      label: seen.distance > 1 ? 'critical' : seen.distance > 0.5 ? 'warn' : 'ok',
      rule: 'distance of the centroids: warn above 0.5, critical above 1 (whatever the scale of the model)',
    }),
    measure('pairwise_cosine', seen.pairwise, 'shift of the mean pairwise cosine', (shift) => shift.pairwise, {
      label: Math.abs(seen.pairwise) > 0.05 ? 'critical' : Math.abs(seen.pairwise) > 0.03 ? 'warn' : 'ok',
      rule: 'shift of the mean pairwise cosine: warn above 0.03, critical above 0.05',
    }),
  ]
}

/** Current rows against a held-out half of the reference, by their distance to the other half; and how many lie outside it. */
function neighbourTest(first: RowBlock, second: RowBlock, random: Random): { readonly outcome: TestOutcome; readonly outside: number } {
  const base = sampleIndices(first.rows, first.rows >> 1, random)
  const used = new Set(base)
  const held = Uint32Array.from({ length: first.rows }, (_, row) => row).filter((row) => !used.has(row))
  const among = rowsAt(first, base)
  const own = neighbourDistances(rowsAt(first, held), among, NEIGHBOUR)
  const others = neighbourDistances(second, among, NEIGHBOUR)
  const farthest = own.reduce((most, distance) => Math.max(most, distance), 0)
  const outside = others.filter((distance) => distance > farthest).length / others.length
  return { outcome: { ...mannWhitneyTest(own, others), test: 'neighbour_distance' }, outside }
}

/** Of all current rows so many must lie outside the reference before another model is suspected: a new topic comes beside the old ones. */
const ALL_ROWS = 0.95
/** Spreads that are aligned less than this have nothing to do with each other. */
const UNRELATED = 0.25
/** Distributions of pairwise cosines further apart than this differ. */
const OTHER_ANGLES = 0.25

/**
 * Why the vectors must be from another model, or undefined. Either all lengths changed while directions stayed: a normalisation
 * was switched on or off. Or every row left the reference, and both the common direction of all texts (models are anisotropic:
 * Ethayarajh 2019) and the directions in which texts differ are unrelated to the reference's; a new corpus from the same
 * model keeps at least one of them. With that, unmoved pairwise cosines speak for a rotation. What it cannot tell: a model
 * without a common direction whose corpus was exchanged as a whole looks like another model, and one that was only tuned
 * further looks like drift.
 */
function changedModel(first: RowBlock, second: RowBlock, outside: number): string | undefined {
  const norms = farthest(normsOf(first), normsOf(second))
  const pairs = farthest(pairCosines(first), pairCosines(second))
  const [unitFirst, unitSecond] = [unitRows(first), unitRows(second)]
  const centroids = cosineOf(centroidOf(unitFirst), centroidOf(unitSecond))
  if (norms >= ALL_ROWS && pairs <= OTHER_ANGLES && centroids > 0.95)
    return 'the lengths of all vectors changed while their directions stayed: they are normalised differently'
  // Three deviations of the cosine of two random directions, within reason for few dimensions and many.
  const unrelated = Math.min(0.5, Math.max(0.3, 3 / Math.sqrt(first.width)))
  if (outside < ALL_ROWS || centroids >= unrelated || !(alignmentOf(unitFirst, unitSecond) < UNRELATED)) return undefined
  if (pairs <= OTHER_ANGLES)
    return 'all vectors left the reference and turned, while those of any two rows lie as before: the axes are others'
  return 'all vectors left the reference, and their common direction, angles and directions of spread are others'
}

/** The largest distance of the distribution functions; NaN when there are too few rows to tell. */
function farthest(first: Float64Array, second: Float64Array): number {
  const outcome = kolmogorovSmirnovTest(first, second)
  return isInsufficient(outcome) ? Number.NaN : outcome.statistic
}
