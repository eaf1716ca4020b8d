import type { Random } from '../../random.ts'

/** One tree as parallel lists; a leaf has feature −1. Rows with value ≤ threshold go left, missing ones where `missingLeft` says. */
type GrownTree = {
  readonly features: readonly number[]
  readonly thresholds: readonly number[]
  readonly missingLeft: readonly boolean[]
  readonly left: readonly number[]
  readonly right: readonly number[]
  readonly values: readonly number[]
}

/** A sum of trees. For `logistic` the sum is log odds. Plain data. */
export type BoostedTrees = {
  readonly loss: 'squared' | 'logistic'
  readonly bias: number
  readonly trees: readonly GrownTree[]
}

export type BoostOptions = {
  readonly loss: 'squared' | 'logistic'
  readonly trees?: number
  readonly depth?: number
  readonly learningRate?: number
  readonly subsample?: number
  readonly minRowsPerLeaf?: number
  readonly l2?: number
  readonly random: Random
}

/** Features as columns of equal length; NaN is missing. */
export type Columns = readonly ArrayLike<number>[]

const BINS = 48
const MISSING = 255

type Binned = { readonly codes: readonly Uint8Array[]; readonly edges: readonly Float64Array[] }
type Growth = {
  readonly binned: Binned
  readonly gradients: Float64Array
  readonly hessians: Float64Array
  readonly options: Required<BoostOptions>
}

/**
 * Gradient-boosted trees on histograms of at most 48 bins a feature (Friedman 2001; gain and leaf values as in Chen &
 * Guestrin 2016, eq. 5–7), with missing values sent to the better side. `rows` are the rows to learn from, all when not
 * given. The same input and chance give the same model. Throws RangeError without rows or for columns that do not match.
 */
export function boostTrees(columns: Columns, targets: ArrayLike<number>, given: BoostOptions, rows?: ArrayLike<number>): BoostedTrees {
  const options = { trees: 60, depth: 3, learningRate: 0.1, subsample: 0.8, minRowsPerLeaf: 20, l2: 1, ...given }
  const taught = rows ? Uint32Array.from(rows) : Uint32Array.from({ length: targets.length }, (_, i) => i)
  if (taught.length === 0) throw new RangeError('boosted trees need at least one row')
  for (const [f, column] of columns.entries())
    if (column.length !== targets.length) throw new RangeError(`column ${f} has ${column.length} rows, the targets ${targets.length}`)
  const mean = taught.reduce((sum, row) => sum + targets[row]!, 0) / taught.length
  const logistic = options.loss === 'logistic'
  const odds = (mean * taught.length + 0.5) / ((1 - mean) * taught.length + 0.5)
  const bias = logistic ? Math.log(odds) : mean
  const sums = new Float64Array(targets.length).fill(bias)
  const growth: Growth = {
    binned: binColumns(columns, taught),
    gradients: new Float64Array(targets.length),
    hessians: new Float64Array(targets.length).fill(1),
    options,
  }
  const trees: GrownTree[] = []
  for (let t = 0; t < options.trees; t++) {
    for (const row of taught) {
      const prediction = logistic ? 1 / (1 + Math.exp(-sums[row]!)) : sums[row]!
      growth.gradients[row] = prediction - targets[row]!
      if (logistic) growth.hessians[row] = prediction * (1 - prediction)
    }
    const sample = options.subsample < 1 ? taught.filter(() => options.random.next() < options.subsample) : taught
    const tree = growTree(growth, sample)
    if (tree.features.length === 1 && tree.values[0] === 0) continue
    for (const row of taught) sums[row]! += leafOf(tree, columns, row)
    trees.push(tree)
  }
  return { loss: options.loss, bias, trees }
}

/** What the model says of one row of columns: the value for squared loss, the probability for logistic. */
export function predictRow(model: BoostedTrees, columns: Columns, row: number): number {
  const sum = sumAt(model, columns, row)
  return model.loss === 'logistic' ? 1 / (1 + Math.exp(-sum)) : sum
}

/** What the model says of every row. */
export function predictRows(model: BoostedTrees, columns: Columns): Float64Array {
  return Float64Array.from({ length: columns[0]?.length ?? 0 }, (_, row) => predictRow(model, columns, row))
}

/** The sum of the trees for one row, before any link. */
export function sumAt(model: BoostedTrees, columns: Columns, row: number): number {
  let sum = model.bias
  for (const tree of model.trees) sum += leafOf(tree, columns, row)
  return sum
}

/** The features that the model looks at, ascending. */
export function featuresUsed(model: BoostedTrees): number[] {
  return [...new Set(model.trees.flatMap((tree) => tree.features.filter((feature) => feature >= 0)))].sort((a, b) => a - b)
}

function leafOf(tree: GrownTree, columns: Columns, row: number): number {
  let node = 0
  for (let feature = tree.features[0]!; feature >= 0; feature = tree.features[node]!) {
    const value = columns[feature]![row]!
    const goesLeft = Number.isNaN(value) ? tree.missingLeft[node]! : value <= tree.thresholds[node]!
    node = goesLeft ? tree.left[node]! : tree.right[node]!
  }
  return tree.values[node]!
}

function binColumns(columns: Columns, rows: Uint32Array): Binned {
  const edges = columns.map((column) => {
    const sorted = Float64Array.from(rows, (row) => column[row]!)
      .filter((value) => !Number.isNaN(value))
      .sort()
    const cuts = new Set<number>()
    for (let bin = 1; bin < BINS && sorted.length > 0; bin++) cuts.add(sorted[Math.floor((bin * sorted.length) / BINS)]!)
    return Float64Array.from(cuts).sort()
  })
  const codes = columns.map((column, f) =>
    Uint8Array.from({ length: column.length }, (_, row) => (Number.isNaN(column[row]!) ? MISSING : codeOf(edges[f]!, column[row]!))),
  )
  return { codes, edges }
}

function codeOf(edges: Float64Array, value: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= edges[middle]!) high = middle
    else low = middle + 1
  }
  return low
}

type Mutable = { features: number[]; thresholds: number[]; missingLeft: boolean[]; left: number[]; right: number[]; values: number[] }

function growTree(growth: Growth, rows: Uint32Array): GrownTree {
  const tree: Mutable = { features: [], thresholds: [], missingLeft: [], left: [], right: [], values: [] }
  addNode(tree, growth, rows, 0)
  return tree
}

function addNode(tree: Mutable, growth: Growth, rows: Uint32Array, depth: number): number {
  const { options, gradients, hessians, binned } = growth
  let [gradient, hessian] = [0, 0]
  for (const row of rows) {
    gradient += gradients[row]!
    hessian += hessians[row]!
  }
  const node = tree.features.length
  tree.features.push(-1)
  tree.thresholds.push(0)
  tree.missingLeft.push(true)
  tree.left.push(-1)
  tree.right.push(-1)
  tree.values.push(rows.length === 0 ? 0 : (-options.learningRate * gradient) / (hessian + options.l2))
  if (depth >= options.depth || rows.length < 2 * options.minRowsPerLeaf) return node
  const split = bestSplit(growth, rows, gradient, hessian)
  if (!split) return node
  const codes = binned.codes[split.feature]!
  const goesLeft = (row: number) => (codes[row] === MISSING ? split.missingLeft : codes[row]! <= split.bin)
  tree.features[node] = split.feature
  tree.thresholds[node] = binned.edges[split.feature]![split.bin]!
  tree.missingLeft[node] = split.missingLeft
  tree.values[node] = 0
  tree.left[node] = addNode(tree, growth, rows.filter(goesLeft), depth + 1)
  tree.right[node] = addNode(
    tree,
    growth,
    rows.filter((row) => !goesLeft(row)),
    depth + 1,
  )
  return node
}

type Split = { readonly feature: number; readonly bin: number; readonly missingLeft: boolean; readonly gain: number }

function bestSplit({ binned, gradients, hessians, options }: Growth, rows: Uint32Array, gradient: number, hessian: number): Split | null {
  const { l2, minRowsPerLeaf } = options
  const sums = new Float64Array(256 * 3)
  let best: Split | null = null
  for (const [feature, codes] of binned.codes.entries()) {
    const bins = binned.edges[feature]!.length
    if (bins === 0) continue
    sums.fill(0)
    for (const row of rows) {
      const at = codes[row]! * 3
      sums[at]! += gradients[row]!
      sums[at + 1]! += hessians[row]!
      sums[at + 2]! += 1
    }
    const missingRows = sums[MISSING * 3 + 2]!
    for (const missingLeft of missingRows > 0 ? [true, false] : [true]) {
      let [g, h, count] = missingLeft ? [sums[MISSING * 3]!, sums[MISSING * 3 + 1]!, missingRows] : [0, 0, 0]
      for (let bin = 0; bin < bins; bin++) {
        g += sums[bin * 3]!
        h += sums[bin * 3 + 1]!
        count += sums[bin * 3 + 2]!
        if (count < minRowsPerLeaf || rows.length - count < minRowsPerLeaf) continue
        const gain = (g * g) / (h + l2) + (gradient - g) ** 2 / (hessian - h + l2) - (gradient * gradient) / (hessian + l2)
        if (gain > (best?.gain ?? 1e-9)) best = { feature, bin, missingLeft, gain }
      }
    }
  }
  return best
}
