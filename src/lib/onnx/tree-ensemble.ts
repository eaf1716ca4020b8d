import { type Attribute, encodeModel } from './write-model.ts'

/**
 * One tree, node 0 its root. Node i sends a row left when `row[feature[i]] <= threshold[i]`, compared as 32-bit floats,
 * and a missing value right; a node with feature −1 is a leaf that adds `value[i]`.
 */
export type Tree = {
  readonly feature: Int32Array
  readonly threshold: Float32Array
  readonly left: Int32Array
  readonly right: Int32Array
  readonly value: Float32Array
}

export type Classifier = { readonly producer: { readonly name: string; readonly version: string }; readonly features: number }

const opsets = [
  { domain: '', version: 17 },
  { domain: 'ai.onnx.ml', version: 3 },
]

/**
 * An ONNX binary classifier: the sigmoid of `bias` plus the sum of the trees. Input `features` [N, features], output
 * `probability` [N, 1], both float.
 */
export function treeModel({ producer, features }: Classifier, trees: readonly Tree[], bias: number): Uint8Array {
  return encodeModel({
    producer,
    opsets,
    graphName: 'tree_ensemble',
    inputs: [{ name: 'features', shape: ['N', features] }],
    outputs: [{ name: 'probability', shape: ['N', 1] }],
    nodes: [
      {
        operator: 'TreeEnsembleRegressor',
        domain: 'ai.onnx.ml',
        inputs: ['features'],
        outputs: ['margin'],
        attributes: ensembleAttributes(trees, bias),
      },
      { operator: 'Sigmoid', inputs: ['margin'], outputs: ['probability'] },
    ],
  })
}

/** The sigmoid of `features · weights + bias`, with the same input and output as `treeModel`. */
export function logisticModel(producer: Classifier['producer'], weights: Float32Array, bias: number): Uint8Array {
  return encodeModel({
    producer,
    opsets: opsets.slice(0, 1),
    graphName: 'logistic_regression',
    inputs: [{ name: 'features', shape: ['N', weights.length] }],
    outputs: [{ name: 'probability', shape: ['N', 1] }],
    nodes: [
      { operator: 'Gemm', inputs: ['features', 'weights', 'bias'], outputs: ['margin'] },
      { operator: 'Sigmoid', inputs: ['margin'], outputs: ['probability'] },
    ],
    initializers: [
      { name: 'weights', shape: [weights.length, 1], values: weights },
      { name: 'bias', shape: [1], values: Float32Array.of(bias) },
    ],
  })
}

/** The parallel lists by which TreeEnsembleRegressor (ai.onnx.ml 3) describes all nodes of all trees. */
function ensembleAttributes(trees: readonly Tree[], bias: number): Record<string, Attribute> {
  const nodes = trees.flatMap((tree, id) => Array.from(tree.feature, (feature, node) => ({ tree, id, node, feature })))
  const leaves = nodes.filter(({ feature }) => feature < 0)
  const integers = (value: number[]): Attribute => ({ kind: 'integers', value })
  return {
    nodes_treeids: integers(nodes.map(({ id }) => id)),
    nodes_nodeids: integers(nodes.map(({ node }) => node)),
    nodes_featureids: integers(nodes.map(({ feature }) => Math.max(feature, 0))),
    nodes_modes: { kind: 'texts', value: nodes.map(({ feature }) => (feature < 0 ? 'LEAF' : 'BRANCH_LEQ')) },
    nodes_values: { kind: 'floats', value: nodes.map(({ tree, node }) => tree.threshold[node]!) },
    nodes_truenodeids: integers(nodes.map(({ tree, node, feature }) => (feature < 0 ? 0 : tree.left[node]!))),
    nodes_falsenodeids: integers(nodes.map(({ tree, node, feature }) => (feature < 0 ? 0 : tree.right[node]!))),
    nodes_missing_value_tracks_true: integers(nodes.map(() => 0)),
    target_treeids: integers(leaves.map(({ id }) => id)),
    target_nodeids: integers(leaves.map(({ node }) => node)),
    target_ids: integers(leaves.map(() => 0)),
    target_weights: { kind: 'floats', value: leaves.map(({ tree, node }) => tree.value[node]!) },
    base_values: { kind: 'floats', value: [bias] },
    n_targets: { kind: 'integer', value: 1 },
    aggregate_function: { kind: 'text', value: 'SUM' },
    post_transform: { kind: 'text', value: 'NONE' },
  }
}
