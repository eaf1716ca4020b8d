import type { Random } from '../../random.ts'
import { binOf } from '../profile/profile.ts'

const BINS = 32
const DEPTH = 3
const L2 = 1
const LEAF_ROWS = 10

export type BoostingOptions = { readonly trees?: number; readonly learningRate?: number; readonly subsample?: number }

/** A complete binary tree of depth 3 in heap order: node i has children 2i + 1 and 2i + 2. A node without a split sends all left. */
type Tree = { readonly features: Int32Array; readonly thresholds: Float64Array; readonly leaves: Float64Array }
export type BoostedTrees = { readonly bias: number; readonly trees: readonly Tree[] }

/**
 * Learns the log-odds of label 1 by Newton boosting of the logistic loss on histograms of 32 quantile bins (Friedman 2001; Chen &
 * Guestrin 2016, eq. 5–7), with trees of depth 3 grown level by level. `columns` are the features, one array each; `labels` are
 * 0 or 1. The same input and seed give the same model.
 */
export function trainBoostedTrees(
  columns: readonly Float64Array[],
  labels: Uint8Array,
  random: Random,
  { trees = 40, learningRate = 0.2, subsample = 0.7 }: BoostingOptions = {},
): BoostedTrees {
  const rows = labels.length
  const edges = columns.map(edgesOf)
  const bins = columns.map((column, f) => Uint8Array.from(column, (value) => binOf(edges[f]!, value)))
  const positives = labels.reduce((sum, label) => sum + label, 0)
  const bias = Math.log((positives + 0.5) / (rows - positives + 0.5))
  const margins = new Float64Array(rows).fill(bias)
  const growth: Growth = { bins, edges, gradients: new Float64Array(rows), hessians: new Float64Array(rows), leafOf: new Int32Array(rows) }
  const grown: Tree[] = []
  for (let t = 0; t < trees; t++) {
    for (let row = 0; row < rows; row++) {
      const p = 1 / (1 + Math.exp(-margins[row]!))
      // A row that is not drawn weighs nothing, and is still led to its leaf.
      const weight = random.next() < subsample ? 1 : 0
      growth.gradients[row] = weight * (p - labels[row]!)
      growth.hessians[row] = weight * p * (1 - p)
    }
    const tree = growTree(growth, learningRate)
    for (let row = 0; row < rows; row++) margins[row]! += tree.leaves[growth.leafOf[row]!]!
    grown.push(tree)
  }
  return { bias, trees: grown }
}

/** The log-odds of label 1, for each row of the columns. */
export function marginsOf({ bias, trees }: BoostedTrees, columns: readonly Float64Array[]): Float64Array {
  return Float64Array.from({ length: columns[0]?.length ?? 0 }, (_, row) => {
    let margin = bias
    for (const { features, thresholds, leaves } of trees) {
      let node = 0
      for (let level = 0; level < DEPTH; level++) {
        const feature = features[node]!
        node = 2 * node + (feature < 0 || columns[feature]![row]! <= thresholds[node]! ? 1 : 2)
      }
      margin += leaves[node - (2 ** DEPTH - 1)]!
    }
    return margin
  })
}

function edgesOf(column: Float64Array): Float64Array {
  const sorted = Float64Array.from(column).sort()
  const cuts = new Set<number>()
  for (let b = 1; b < BINS; b++) cuts.add(sorted[Math.floor((b * (sorted.length - 1)) / BINS)] ?? 0)
  cuts.delete(sorted.at(-1) ?? 0)
  return Float64Array.from(cuts)
}

type Growth = {
  readonly bins: readonly Uint8Array[]
  readonly edges: readonly Float64Array[]
  readonly gradients: Float64Array
  readonly hessians: Float64Array
  /** The node of each row within the level that is grown; in the end its leaf. */
  readonly leafOf: Int32Array
}

function growTree(growth: Growth, learningRate: number): Tree {
  const inner = 2 ** DEPTH - 1
  const features = new Int32Array(inner).fill(-1)
  const thresholds = new Float64Array(inner)
  const { leafOf, gradients, hessians, bins, edges } = growth
  leafOf.fill(0)
  for (let level = 0; level < DEPTH; level++) {
    const splits = splitsOf(growth, 2 ** level)
    splits.forEach((split, i) => {
      features[2 ** level - 1 + i] = split.feature
      if (split.feature >= 0) thresholds[2 ** level - 1 + i] = edges[split.feature]![split.bin]!
    })
    for (let row = 0; row < leafOf.length; row++) {
      const { feature, bin } = splits[leafOf[row]!]!
      leafOf[row] = 2 * leafOf[row]! + (feature >= 0 && bins[feature]![row]! > bin ? 1 : 0)
    }
  }
  const sums = new Float64Array(2 * 2 ** DEPTH)
  for (let row = 0; row < leafOf.length; row++) {
    sums[2 * leafOf[row]!]! += gradients[row]!
    sums[2 * leafOf[row]! + 1]! += hessians[row]!
  }
  const leaves = Float64Array.from({ length: 2 ** DEPTH }, (_, leaf) => (-learningRate * sums[2 * leaf]!) / (sums[2 * leaf + 1]! + L2))
  return { features, thresholds, leaves }
}

type Split = { feature: number; bin: number; gain: number }

/** The best split of each of the level's nodes; feature −1 where none gains anything. */
function splitsOf({ bins, edges, gradients, hessians, leafOf }: Growth, nodes: number): Split[] {
  const best = Array.from({ length: nodes }, (): Split => ({ feature: -1, bin: 0, gain: 1e-9 }))
  const histogram = new Float64Array(nodes * BINS * 3)
  bins.forEach((column, feature) => {
    histogram.fill(0)
    for (let row = 0; row < column.length; row++) {
      const hessian = hessians[row]!
      if (hessian === 0) continue
      const at = 3 * (leafOf[row]! * BINS + column[row]!)
      histogram[at]! += gradients[row]!
      histogram[at + 1]! += hessian
      histogram[at + 2]!++
    }
    for (let node = 0; node < nodes; node++) {
      const found = bestBin(histogram.subarray(node * BINS * 3, (node + 1) * BINS * 3), edges[feature]!.length)
      if (found.gain > best[node]!.gain) best[node] = { feature, ...found }
    }
  })
  return best
}

function bestBin(histogram: Float64Array, cuts: number): { readonly bin: number; readonly gain: number } {
  let [allGradient, allHessian, all] = [0, 0, 0]
  for (let at = 0; at < histogram.length; at += 3) {
    allGradient += histogram[at]!
    allHessian += histogram[at + 1]!
    all += histogram[at + 2]!
  }
  const whole = allGradient ** 2 / (allHessian + L2)
  let [gradient, hessian, count] = [0, 0, 0]
  let best = { bin: 0, gain: 0 }
  for (let bin = 0; bin < cuts; bin++) {
    gradient += histogram[3 * bin]!
    hessian += histogram[3 * bin + 1]!
    count += histogram[3 * bin + 2]!
    if (count < LEAF_ROWS || all - count < LEAF_ROWS) continue
    const gain = gradient ** 2 / (hessian + L2) + (allGradient - gradient) ** 2 / (allHessian - hessian + L2) - whole
    if (gain > best.gain) best = { bin, gain }
  }
  return best
}
