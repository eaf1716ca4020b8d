import { createRandom, type Random } from '../../random.ts'
import { normalQuantile, normalTail } from '../../stats/distributions.ts'
import { type BoostedTrees, type BoostingOptions, marginsOf, trainBoostedTrees } from './boosted-trees.ts'
import { type Insufficient, type TestResult, tooFew } from './result.ts'
import { checkBlocks, columnOf, type RowBlock, sampleRows } from './row-block.ts'
import { eachLevel, meanAndVariance } from './samples.ts'

const LEAST_ROWS = 40
const FOLDS = 4
/** Products of two features that are offered to the learner beside the features. */
const MOST_PRODUCTS = 12

export type DomainClassifierOptions = BoostingOptions & {
  /** Names of the features, for the importances; their positions if not given. */
  readonly names?: readonly string[]
  /** Rows a side that are drawn when there are more. 5,000 if not given. */
  readonly mostRows?: number
  readonly confidence?: number
  readonly seed?: number
}

export type DomainClassifierResult = TestResult & {
  /** The area under the ROC curve with its interval: 0.5 is chance, 1 tells every current row from every reference row. */
  readonly auc: { readonly value: number; readonly low: number; readonly high: number }
  /** How much of the area is lost when the feature is shuffled among held-out rows; the greatest first. */
  readonly importances: readonly { readonly feature: string; readonly loss: number }[]
}

/**
 * Whether a learner can tell current rows from the reference's: boosted trees on the features and on those products of two whose
 * mean moved most, so that a changed correlation between features that look as before is found.
 *
 * Rows are dealt at random to four folds; each fold but the first is scored by a model of the folds before it. So no row is
 * scored by a model that saw it and, unlike in ordinary cross-validation, the folds' areas are uncorrelated when nothing
 * changed: each has mean ½ given all that went before. The statistic is their mean, weighted by pairs; the one-sided p-value
 * takes the Mann–Whitney variance, the interval that of DeLong, DeLong & Clarke-Pearson (1988). The effect is the area
 * less ½. Throws RangeError on blocks of different width and on NaN and infinity.
 */
export function domainClassifierTest(
  reference: RowBlock,
  current: RowBlock,
  options: DomainClassifierOptions = {},
): DomainClassifierResult | Insufficient {
  checkBlocks(reference, current)
  const { names, mostRows = 5_000, confidence = 0.95, seed = 1 } = options
  if (names && names.length !== reference.width) throw new RangeError(`${names.length} names do not match ${reference.width} features`)
  const short = tooFew('domain_classifier', 'The domain classifier', LEAST_ROWS, reference.rows, current.rows)
  if (short) return short
  const random = createRandom(seed)
  const first = sampleRows(reference, mostRows, random)
  const second = sampleRows(current, mostRows, random)
  const data = dealt(first, second, random)
  let [area, pairs, nullVariance, variance] = [0, 0, 0, 0]
  let last: { readonly model: Learnt; readonly rows: Uint32Array } | undefined
  for (let fold = 1; fold < FOLDS; fold++) {
    const model = learn(
      data,
      rowsWhere(data.folds, (own) => own < fold),
      random,
      options,
    )
    const rows = rowsWhere(data.folds, (own) => own === fold)
    const found = areaOf(...split(data, rows, scoresOf(model, data, rows)))
    const weight = found.n * found.m
    area += weight * found.auc
    pairs += weight
    nullVariance += weight ** 2 * found.nullVariance
    variance += weight ** 2 * found.variance
    last = { model, rows }
  }
  const auc = area / pairs
  const spread = Math.sqrt(variance) / pairs
  const z = normalQuantile((1 + confidence) / 2)
  const sampled = first.rows < reference.rows || second.rows < current.rows
  return {
    test: 'domain_classifier',
    statistic: auc,
    effect: { name: 'area under the ROC curve above ½', value: auc - 0.5 },
    pValue: nullVariance > 0 ? normalTail(((auc - 0.5) * pairs) / Math.sqrt(nullVariance)) : 1,
    referenceRows: reference.rows,
    currentRows: current.rows,
    ...(sampled ? { note: `learnt from ${first.rows} and ${second.rows} sampled rows` } : {}),
    auc: { value: auc, low: Math.max(0, auc - z * spread), high: Math.min(1, auc + z * spread) },
    importances: importancesOf(data, last!.model, last!.rows, random, names),
  }
}

type Data = { readonly columns: readonly Float64Array[]; readonly labels: Uint8Array; readonly folds: Uint8Array }

/** Both samples by column, the reference's rows first, each dealt evenly to the folds. */
function dealt(reference: RowBlock, current: RowBlock, random: Random): Data {
  const columns = Array.from({ length: reference.width }, (_, f) => {
    const column = new Float64Array(reference.rows + current.rows)
    column.set(columnOf(reference, f))
    column.set(columnOf(current, f), reference.rows)
    return column
  })
  const foldsFor = (rows: number) =>
    shuffled(
      Float64Array.from({ length: rows }, (_, row) => row % FOLDS),
      random,
    )
  const folds = Uint8Array.of(...foldsFor(reference.rows), ...foldsFor(current.rows))
  return { columns, labels: Uint8Array.from(folds, (_, row) => Number(row >= reference.rows)), folds }
}

/** A model, and the features whose products it was given: pairs of positions, with the centres they are taken around. */
type Learnt = { readonly trees: BoostedTrees; readonly products: readonly Product[] }
type Product = { readonly left: number; readonly right: number; readonly leftCentre: number; readonly rightCentre: number }

function learn({ columns, labels }: Data, rows: Uint32Array, random: Random, options: BoostingOptions): Learnt {
  const own = columns.map((column) => at(column, rows))
  const ownLabels = Uint8Array.from(rows, (row) => labels[row]!)
  const products = productsFrom(own, ownLabels)
  return { trees: trainBoostedTrees(withProducts(own, products), ownLabels, random, options), products }
}

/** The pairs of features whose product about the centres has the most different means in the two samples, by Welch's t. */
function productsFrom(columns: readonly Float64Array[], labels: Uint8Array): Product[] {
  const standard = columns.map((column) => {
    const { mean, variance } = meanAndVariance(column)
    return { mean, values: column.map((value) => (value - mean) / (Math.sqrt(variance) || 1)) }
  })
  const ranked: { readonly product: Product; readonly gap: number }[] = []
  for (let left = 0; left < columns.length; left++)
    for (let right = 0; right < left; right++) {
      const gap = gapOf(standard[left]!.values, standard[right]!.values, labels)
      ranked.push({ product: { left, right, leftCentre: standard[left]!.mean, rightCentre: standard[right]!.mean }, gap })
    }
  ranked.sort((a, b) => b.gap - a.gap)
  return ranked.slice(0, MOST_PRODUCTS).map(({ product }) => product)
}

function gapOf(left: Float64Array, right: Float64Array, labels: Uint8Array): number {
  const sums = [0, 0, 0, 0, 0, 0]
  for (let row = 0; row < labels.length; row++) {
    const value = left[row]! * right[row]!
    const base = 3 * labels[row]!
    sums[base]!++
    sums[base + 1]! += value
    sums[base + 2]! += value * value
  }
  const [n, a, aa, m, b, bb] = sums as [number, number, number, number, number, number]
  const spread = (aa / n - (a / n) ** 2) / n + (bb / m - (b / m) ** 2) / m
  return spread > 0 ? Math.abs(a / n - b / m) / Math.sqrt(spread) : 0
}

function withProducts(columns: readonly Float64Array[], products: readonly Product[]): Float64Array[] {
  const added = products.map(({ left, right, leftCentre, rightCentre }) =>
    columns[left]!.map((value, row) => (value - leftCentre) * (columns[right]![row]! - rightCentre)),
  )
  return [...columns, ...added]
}

function scoresOf({ trees, products }: Learnt, { columns }: Data, rows: Uint32Array): Float64Array {
  const own = columns.map((column) => at(column, rows))
  return marginsOf(trees, withProducts(own, products))
}

/** What shuffling one feature among the held-out rows costs the area. */
function importancesOf(data: Data, model: Learnt, rows: Uint32Array, random: Random, names: readonly string[] | undefined) {
  const own = data.columns.map((column) => at(column, rows))
  const areaWith = (columns: readonly Float64Array[]) =>
    areaOf(...split(data, rows, marginsOf(model.trees, withProducts(columns, model.products)))).auc
  const whole = areaWith(own)
  const importances = own.map((column, f) => ({
    feature: names?.[f] ?? String(f),
    loss: whole - areaWith(own.map((kept, other) => (other === f ? shuffled(Float64Array.from(column), random) : kept))),
  }))
  return importances.sort((a, b) => b.loss - a.loss)
}

/** The scores of the reference's rows and of the current ones. */
function split({ labels }: Data, rows: Uint32Array, scores: Float64Array): [reference: Float64Array, current: Float64Array] {
  return [scores.filter((_, i) => labels[rows[i]!] === 0), scores.filter((_, i) => labels[rows[i]!] === 1)]
}

export type Area = {
  readonly auc: number
  readonly variance: number
  readonly nullVariance: number
  readonly n: number
  readonly m: number
}

/**
 * The share of pairs in which the current score is the larger, ties as half; its variance by DeLong, DeLong & Clarke-Pearson (1988,
 * eq. 5), and the variance that it has when both have one distribution, corrected for ties (Mann & Whitney).
 */
export function areaOf(reference: Float64Array, current: Float64Array): Area {
  const [first, second] = [Float64Array.from(reference).sort(), Float64Array.from(current).sort()]
  const [n, m] = [first.length, second.length]
  const [fromReference, fromCurrent] = [new Float64Array(n), new Float64Array(m)]
  let tieCubes = 0
  eachLevel(first, second, ({ reference: r, current: c, referenceBelow, currentBelow }) => {
    fromReference.fill((m - currentBelow - c / 2) / m, referenceBelow, referenceBelow + r)
    fromCurrent.fill((referenceBelow + r / 2) / n, currentBelow, currentBelow + c)
    tieCubes += (r + c) ** 3 - (r + c)
  })
  const all = n + m
  const own = meanAndVariance(fromCurrent)
  return {
    auc: own.mean,
    variance: meanAndVariance(fromReference).variance / n + own.variance / m,
    nullVariance: (all + 1 - tieCubes / (all * (all - 1))) / (12 * n * m),
    n,
    m,
  }
}

function rowsWhere(folds: Uint8Array, wanted: (fold: number) => boolean): Uint32Array {
  return Uint32Array.from(folds, (_, row) => row).filter((row) => wanted(folds[row]!))
}

function at(column: Float64Array, rows: Uint32Array): Float64Array {
  return Float64Array.from(rows, (row) => column[row]!)
}

function shuffled(values: Float64Array, random: Random): Float64Array {
  for (let i = values.length - 1; i > 0; i--) {
    const other = random.int(i + 1)
    const kept = values[other]!
    values[other] = values[i]!
    values[i] = kept
  }
  return values
}
