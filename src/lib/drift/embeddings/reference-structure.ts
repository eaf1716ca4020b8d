import type { Random } from '../../random.ts'
import { chiSquaredTest } from '../two-sample/count-tests.ts'
import { kolmogorovSmirnovTest } from '../two-sample/kolmogorov-smirnov.ts'
import { holmAdjusted } from '../two-sample/multiplicity.ts'
import { isInsufficient, type TestOutcome, type TestResult, tooFew } from '../two-sample/result.ts'
import { type RowBlock, rowsAt, sampleRows } from '../two-sample/row-block.ts'
import { sampleIndices } from '../two-sample/samples.ts'
import { cosineOf } from './embedding-geometry.ts'
import { initialCentres, kMeansFrom, nearestCentres } from './k-means.ts'
import { principalAxesOf, projectionsOf } from './principal-axes.ts'

const LEAST_ROWS = 20
const MOST_CLUSTERS = 10
/** A cluster with fewer rows on either side has no direction worth the name. */
const LEAST_MEMBERS = 5
const MOST_COMPONENTS = 5
/** Components are found from no more rows than this: the cost grows with the cube of them. */
const MOST_FITTED = 200

/**
 * Compares current vectors with the structure of a reference: the angle by which its clusters turned, the shares of rows they hold, and
 * where rows lie along its first principal components. Clusters (k-means, from k-means++; at most ten, and √(n/2) of n rows) and
 * components are found in a seeded half of the reference; it is the other half that current rows are held against, so that neither
 * side was fitted to and each test keeps its level. Three outcomes, in the order named.
 */
export function structureTests(
  reference: RowBlock,
  current: RowBlock,
  { rounds, random }: { readonly rounds: number; readonly random: Random },
): readonly [TestOutcome, TestOutcome, TestOutcome] {
  const names = [
    ['cluster_angles', 'The angle of clusters'],
    ['cluster_shares', 'The share of clusters'],
    ['component_projections', 'The projection on components'],
  ] as const
  const short = names.map(([test, title]) => tooFew(test, title, LEAST_ROWS, reference.rows, current.rows))
  if (short[0] && short[1] && short[2]) return [short[0], short[1], short[2]]
  const fitted = sampleIndices(reference.rows, reference.rows >> 1, random)
  const used = new Set(fitted)
  const base = rowsAt(reference, fitted)
  const held = rowsAt(
    reference,
    Uint32Array.from({ length: reference.rows }, (_, row) => row).filter((row) => !used.has(row)),
  )
  const count = Math.min(MOST_CLUSTERS, Math.floor(Math.sqrt(base.rows / 2)))
  const { centres } = kMeansFrom(base, initialCentres(base, count, random))
  const sides = { held, current, heldLabels: nearestCentres(held, centres), currentLabels: nearestCentres(current, centres) }
  const sized = <T extends TestOutcome>(outcome: T): T =>
    isInsufficient(outcome) ? outcome : { ...outcome, referenceRows: reference.rows, currentRows: current.rows }
  return [
    sized(angleTest(sides, centres.rows, { rounds, random })),
    sized(shareTest(sides, centres.rows)),
    sized(projectionTest(sampleRows(base, MOST_FITTED, random), held, current)),
  ]
}

type Sides = {
  readonly held: RowBlock
  readonly current: RowBlock
  readonly heldLabels: Uint32Array
  readonly currentLabels: Uint32Array
}

/** One cluster: the rows of both sides in it, of which the last `current` are current ones, and their sum. */
type Cluster = { readonly rows: RowBlock; readonly current: number; readonly sum: Float64Array }

/**
 * The angles between each cluster's mean in the reference and in the current rows: the statistic is their mean square in radians²,
 * over clusters by their rows. The p-value is by permuting the side of rows within each cluster, which leaves the shares of clusters
 * out of it: exact, whatever those are. Means of few rows lie apart by chance alone, so the effect is the root of the mean square less
 * what the permutations make of it.
 */
function angleTest(sides: Sides, clusters: number, { rounds, random }: { readonly rounds: number; readonly random: Random }): TestOutcome {
  const compared = Array.from({ length: clusters }, (_, cluster) => membersOf(sides, cluster)).filter(
    ({ rows, current }) => Math.min(current, rows.rows - current) >= LEAST_MEMBERS,
  )
  const test = 'cluster_angles'
  if (compared.length === 0) return { test, insufficient: `no cluster has ${LEAST_MEMBERS} rows in both samples` }
  const total = compared.reduce((sum, { rows }) => sum + rows.rows, 0)
  const seen = compared.map((cluster) => angleOf(cluster, lastRows(cluster)))
  const meanSquare = (angles: readonly number[]) => angles.reduce((sum, angle, i) => sum + (angle ** 2 * compared[i]!.rows.rows) / total, 0)
  const statistic = meanSquare(seen)
  const orders = compared.map(({ rows }) => Uint32Array.from({ length: rows.rows }, (_, row) => row))
  let [asFar, byChance] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    const square = meanSquare(compared.map((cluster, i) => angleOf(cluster, drawRows(orders[i]!, smallerSide(cluster), random))))
    byChance += square / rounds
    if (square >= statistic - 1e-12) asFar++
  }
  return {
    test,
    statistic,
    effect: { name: 'angle by which clusters turned beyond chance, in radians', value: Math.sqrt(Math.max(0, statistic - byChance)) },
    pValue: (1 + asFar) / (1 + rounds),
    referenceRows: sides.held.rows,
    currentRows: sides.current.rows,
    note: `root mean square of ${compared.length} clusters, of which one turned by ${Math.round((180 * Math.max(...seen)) / Math.PI)}°, chance included`,
  }
}

function membersOf({ held, current, heldLabels, currentLabels }: Sides, cluster: number): Cluster {
  const indicesOf = (labels: Uint32Array) => Uint32Array.from(labels, (_, row) => row).filter((row) => labels[row] === cluster)
  const [before, now] = [rowsAt(held, indicesOf(heldLabels)), rowsAt(current, indicesOf(currentLabels))]
  const { width } = held
  const values = new Float64Array(before.values.length + now.values.length)
  values.set(before.values)
  values.set(now.values, before.values.length)
  const sum = new Float64Array(width)
  values.forEach((value, i) => {
    sum[i % width]! += value
  })
  return { rows: { values, rows: before.rows + now.rows, width }, current: now.rows, sum }
}

const smallerSide = ({ rows, current }: Cluster) => Math.min(current, rows.rows - current)

/** The rows of the smaller side as they are: current ones come last. */
function lastRows(cluster: Cluster): Uint32Array {
  const { rows, current } = cluster
  const isCurrent = current <= rows.rows - current
  return Uint32Array.from({ length: smallerSide(cluster) }, (_, i) => (isCurrent ? rows.rows - current + i : i))
}

/** `count` rows by chance. Leaves `order` another permutation, from which the next draw is as good. */
function drawRows(order: Uint32Array, count: number, random: Random): Uint32Array {
  for (let i = 0; i < count; i++) {
    const other = i + random.int(order.length - i)
    const kept = order[other]!
    order[other] = order[i]!
    order[i] = kept
  }
  return order.subarray(0, count)
}

/** The angle between the sum of these rows and the sum of the others, which is that of their means, in radians. */
function angleOf({ rows: { values, width }, sum }: Cluster, indices: Uint32Array): number {
  const own = new Float64Array(width)
  for (const row of indices) for (let d = 0, at = row * width; d < width; d++, at++) own[d]! += values[at]!
  const others = sum.map((value, d) => value - own[d]!)
  return Math.acos(cosineOf(own, others))
}

/** The χ² test of how many rows each cluster holds. */
function shareTest({ heldLabels, currentLabels }: Sides, clusters: number): TestOutcome {
  const countsOf = (labels: Uint32Array) => {
    const counts = new Array<number>(clusters).fill(0)
    for (const label of labels) counts[label]!++
    return counts
  }
  const [before, now] = [countsOf(heldLabels), countsOf(currentLabels)]
  const outcome = chiSquaredTest(before, now)
  const test = 'cluster_shares'
  if (isInsufficient(outcome)) return { test, insufficient: outcome.insufficient }
  const share = (counts: readonly number[], cluster: number, rows: number) => Math.round((100 * counts[cluster]!) / rows)
  const gaps = now.map((count, i) => Math.abs(count / currentLabels.length - before[i]! / heldLabels.length))
  const most = gaps.indexOf(Math.max(...gaps))
  const changed = `${share(before, most, heldLabels.length)} % of rows to ${share(now, most, currentLabels.length)} %`
  return { ...outcome, test, effect: { ...outcome.effect, name: `${outcome.effect.name}, by cluster` }, note: `one went from ${changed}` }
}

/** Kolmogorov–Smirnov along each of the first components, of which the one with the least p-value is told; adjusted by Holm. */
function projectionTest(fitted: RowBlock, held: RowBlock, current: RowBlock): TestOutcome {
  const test = 'component_projections'
  const axes = principalAxesOf(fitted, MOST_COMPONENTS)
  const outcomes = axes.axes.map((_, i) => kolmogorovSmirnovTest(projectionsOf(held, axes, i), projectionsOf(current, axes, i)))
  const made = outcomes.filter((outcome): outcome is TestResult => !isInsufficient(outcome))
  if (made.length === 0) return { test, insufficient: 'principal components need vectors that differ' }
  const adjusted = holmAdjusted(made.map(({ pValue }) => pValue!))
  const least = Math.min(...adjusted)
  // Of several with that p-value the one that moved most.
  const candidates = made.filter((_, i) => adjusted[i] === least)
  const farthest = Math.max(...candidates.map(({ statistic }) => statistic))
  const component = made.findIndex((outcome, i) => adjusted[i] === least && outcome.statistic === farthest)
  const outcome = made[component]!
  return {
    ...outcome,
    test,
    effect: { name: 'largest distance of the distribution functions along a component', value: outcome.effect.value },
    pValue: least,
    note: `component ${component + 1} of ${made.length}, which hold ${Math.round(100 * axes.explained)} % of the variance; p-value adjusted by Holm`,
  }
}
