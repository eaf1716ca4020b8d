import { binOf } from '../../src/lib/drift/profile/profile.ts'
import { type Tree, treeModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { createRandom } from '../../src/lib/random.ts'

export type TrainOptions = {
  readonly trees?: number
  readonly depth?: number
  readonly learningRate?: number
  /** The share of rows that each tree sees. */
  readonly subsample?: number
  readonly minRowsPerLeaf?: number
  readonly seed?: number
}

export type Model = { readonly bias: number; readonly trees: readonly Tree[] }

const BINS = 64
const L2 = 1

/** Feature values as bin numbers, by column; `edges[f][b]` is the largest value in bin b of feature f. */
type Binned = { readonly rows: number; readonly columns: readonly Uint8Array[]; readonly edges: readonly Float32Array[] }

/**
 * Gradient-boosted trees for a probability: Newton boosting of the logistic loss on histograms (Friedman 2001; Chen &
 * Guestrin 2016, eq. 5–7). `rows` holds rows × features values, `labels` 0 or 1. The same input gives the same model.
 */
export function trainTrees(rows: Float32Array, labels: Uint8Array, options: TrainOptions = {}): Model {
  const { trees = 80, depth = 5, learningRate = 0.2, subsample = 0.8, minRowsPerLeaf = 8, seed = 1 } = options
  if (labels.length === 0 || rows.length % labels.length !== 0)
    throw new RangeError(`${rows.length} values do not fill ${labels.length} rows`)
  const binned = binnedFrom(rows, labels.length)
  const positives = labels.reduce((sum, label) => sum + label, 0)
  const bias = Math.fround(Math.log((positives + 0.5) / (labels.length - positives + 0.5)))
  const margins = new Float64Array(labels.length).fill(bias)
  const random = createRandom(seed)
  const gradients = new Float64Array(labels.length)
  const hessians = new Float64Array(labels.length)
  const grown: Tree[] = []
  for (let t = 0; t < trees; t++) {
    for (let row = 0; row < labels.length; row++) {
      const p = 1 / (1 + Math.exp(-margins[row]!))
      gradients[row] = p - labels[row]!
      hessians[row] = p * (1 - p)
    }
    const sample = Uint32Array.from({ length: labels.length }, (_, row) => row).filter(() => random.next() < subsample)
    const tree = growTree(binned, { gradients, hessians, depth, learningRate, minRowsPerLeaf }, sample)
    for (let row = 0; row < labels.length; row++) margins[row]! += leafValue(tree, rows, row * binned.columns.length)
    grown.push(tree)
  }
  return { bias, trees: grown }
}

/** The probability of label 1 for each row. */
export function scoreRows(model: Model, rows: Float32Array, features: number): Float32Array {
  return Float32Array.from({ length: rows.length / features }, (_, row) => {
    let margin = model.bias
    for (const tree of model.trees) margin += leafValue(tree, rows, row * features)
    return 1 / (1 + Math.exp(-margin))
  })
}

/** The model as an ONNX file: input `features` [N, features], output `probability` [N, 1]. */
export function onnxFrom(model: Model, features: number): Uint8Array {
  return treeModel({ producer: { name: 'setpoint-phishing-trainer', version: '1' }, features }, model.trees, model.bias)
}

function leafValue(tree: Tree, rows: Float32Array, offset: number): number {
  const { feature, threshold, left, right } = tree
  let node = 0
  while (feature[node]! >= 0) node = rows[offset + feature[node]!]! <= threshold[node]! ? left[node]! : right[node]!
  return tree.value[node]!
}

function binnedFrom(rows: Float32Array, count: number): Binned {
  const features = rows.length / count
  const columns: Uint8Array[] = []
  const edges: Float32Array[] = []
  for (let f = 0; f < features; f++) {
    const column = Float32Array.from({ length: count }, (_, row) => rows[row * features + f]!)
    const own = edgesFrom(column)
    edges.push(own)
    columns.push(Uint8Array.from(column, (value) => binOf(own, value)))
  }
  return { rows: count, columns, edges }
}

/** At most BINS − 1 cuts, at distinct quantiles; each is a value of the column, so that 32-bit comparison is exact. */
function edgesFrom(column: Float32Array): Float32Array {
  const sorted = column.filter((value) => !Number.isNaN(value)).sort()
  const cuts = new Set<number>()
  for (let b = 1; b < BINS; b++) cuts.add(sorted[Math.floor((b * (sorted.length - 1)) / BINS)] ?? 0)
  cuts.delete(sorted.at(-1) ?? 0)
  return Float32Array.from(cuts)
}

type Growth = {
  readonly gradients: Float64Array
  readonly hessians: Float64Array
  readonly depth: number
  readonly learningRate: number
  readonly minRowsPerLeaf: number
}

/** A node that may still split: its rows, and per feature and bin the sums of gradient, hessian and count. */
type Open = { readonly node: number; readonly level: number; readonly rows: Uint32Array; readonly histogram: Float64Array }
type Split = { readonly feature: number; readonly bin: number; readonly gain: number }

function growTree(binned: Binned, growth: Growth, sample: Uint32Array): Tree {
  const nodes: { feature: number; threshold: number; left: number; right: number; value: number }[] = []
  const add = (rows: Uint32Array) => nodes.push({ feature: -1, threshold: 0, left: 0, right: 0, value: leafOf(growth, rows) }) - 1
  const open: Open[] = [{ node: add(sample), level: 0, rows: sample, histogram: histogramOf(binned, growth, sample) }]
  for (let next = open.pop(); next; next = open.pop()) {
    if (next.level >= growth.depth || next.rows.length < 2 * growth.minRowsPerLeaf) continue
    const split = bestSplit(binned, growth, next)
    if (!split) continue
    const column = binned.columns[split.feature]!
    const leftRows = next.rows.filter((row) => column[row]! <= split.bin)
    const rightRows = next.rows.filter((row) => column[row]! > split.bin)
    const [small, large] = leftRows.length < rightRows.length ? [leftRows, rightRows] : [rightRows, leftRows]
    const smallHistogram = histogramOf(binned, growth, small)
    const largeHistogram = next.histogram
    for (let i = 0; i < largeHistogram.length; i++) largeHistogram[i]! -= smallHistogram[i]!
    const children = new Map([
      [small, smallHistogram],
      [large, largeHistogram],
    ])
    const [left, right] = [add(leftRows), add(rightRows)]
    Object.assign(nodes[next.node]!, { feature: split.feature, threshold: binned.edges[split.feature]![split.bin]!, left, right, value: 0 })
    open.push({ node: right, level: next.level + 1, rows: rightRows, histogram: children.get(rightRows)! })
    open.push({ node: left, level: next.level + 1, rows: leftRows, histogram: children.get(leftRows)! })
  }
  return {
    feature: Int32Array.from(nodes, (node) => node.feature),
    threshold: Float32Array.from(nodes, (node) => node.threshold),
    left: Int32Array.from(nodes, (node) => node.left),
    right: Int32Array.from(nodes, (node) => node.right),
    value: Float32Array.from(nodes, (node) => node.value),
  }
}

function leafOf({ gradients, hessians, learningRate }: Growth, rows: Uint32Array): number {
  let gradient = 0
  let hessian = 0
  for (const row of rows) {
    gradient += gradients[row]!
    hessian += hessians[row]!
  }
  return (-learningRate * gradient) / (hessian + L2)
}

function histogramOf(binned: Binned, { gradients, hessians }: Growth, rows: Uint32Array): Float64Array {
  const histogram = new Float64Array(binned.columns.length * BINS * 3)
  for (let f = 0; f < binned.columns.length; f++) {
    const column = binned.columns[f]!
    const base = f * BINS
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!
      const at = 3 * (base + column[row]!)
      histogram[at]! += gradients[row]!
      histogram[at + 1]! += hessians[row]!
      histogram[at + 2]!++
    }
  }
  return histogram
}

function bestSplit(binned: Binned, { minRowsPerLeaf }: Growth, { histogram, rows }: Open): Split | undefined {
  let best: Split | undefined
  for (let feature = 0; feature < binned.columns.length; feature++) {
    const base = 3 * feature * BINS
    let [allGradient, allHessian] = [0, 0]
    for (let bin = 0; bin < BINS; bin++) {
      allGradient += histogram[base + 3 * bin]!
      allHessian += histogram[base + 3 * bin + 1]!
    }
    const whole = allGradient ** 2 / (allHessian + L2)
    let [gradient, hessian, count] = [0, 0, 0]
    for (let bin = 0; bin < binned.edges[feature]!.length; bin++) {
      gradient += histogram[base + 3 * bin]!
      hessian += histogram[base + 3 * bin + 1]!
      count += histogram[base + 3 * bin + 2]!
      if (count < minRowsPerLeaf || rows.length - count < minRowsPerLeaf) continue
      const gain = gradient ** 2 / (hessian + L2) + (allGradient - gradient) ** 2 / (allHessian - hessian + L2) - whole
      if (gain > (best?.gain ?? 1e-6)) best = { feature, bin, gain }
    }
  }
  return best
}
