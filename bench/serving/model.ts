import { type Tree, treeModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { createRandom, type Random } from '../../src/lib/random.ts'

export const FEATURES = 30
const TREES = 100
const DEPTH = 6

/** The workload of every serving figure: 100 trees of depth 6 over 30 features in [-1, 1], made from a seed. */
export function benchModel(): Uint8Array {
  const random = createRandom('serving bench')
  const trees = Array.from({ length: TREES }, () => fullTree(random))
  return treeModel({ producer: { name: 'setpoint-bench', version: '1' }, features: FEATURES }, trees, 0)
}

/** Rows such as the model takes; the same ones for every server. */
export function benchRows(count: number): number[][] {
  const random = createRandom('serving rows')
  return Array.from({ length: count }, () => Array.from({ length: FEATURES }, () => Math.round((random.next() * 2 - 1) * 1e6) / 1e6))
}

function fullTree(random: Random): Tree {
  const inner = 2 ** DEPTH - 1
  const nodes = 2 ** (DEPTH + 1) - 1
  const tree = {
    feature: new Int32Array(nodes).fill(-1),
    threshold: new Float32Array(nodes),
    left: new Int32Array(nodes),
    right: new Int32Array(nodes),
    value: new Float32Array(nodes),
  }
  for (let node = 0; node < nodes; node++) {
    if (node >= inner) {
      tree.value[node] = (random.next() - 0.5) * 0.2
      continue
    }
    tree.feature[node] = random.int(FEATURES)
    tree.threshold[node] = random.next() * 2 - 1
    tree.left[node] = 2 * node + 1
    tree.right[node] = 2 * node + 2
  }
  return tree
}
