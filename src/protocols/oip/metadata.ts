import type { Datatype, TensorSpec } from '../../lib/tensors/tensor.ts'
import type { Live } from '../../modules/serving/deployments/index.ts'
import type { VersionStatistics } from './statistics.ts'

/** What the server says it can do, in the words of Triton and KServe. */
export const extensions = [
  'binary_tensor_data',
  'model_repository',
  'model_configuration',
  'statistics',
  'generate',
  'infer_stream',
] as const

type Port = TensorSpec & { readonly parameters?: { readonly names: readonly string[] } }

/** What a deployment takes and gives: of a tabular model its features as one matrix, and what the deployment derives from the score. */
export function portsOf({ champion: { features, model } }: Live): { inputs: readonly Port[]; outputs: readonly Port[] } {
  if (!model.tabular) return { inputs: model.inputs, outputs: model.outputs }
  return {
    inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, features.length], parameters: { names: features } }],
    outputs: [
      { name: 'score', datatype: 'FP32', shape: [-1, 1] },
      { name: 'prediction', datatype: 'INT32', shape: [-1, 1] },
      { name: 'version', datatype: 'INT32', shape: [-1, 1] },
    ],
  }
}

function versionsOf({ champion, challenger, otherSide, route }: Live): string[] {
  const second = otherSide?.champion ?? (route.mode === 'canary' ? challenger : null)
  return [champion, second].flatMap((one) => (one ? [String(one.version)] : []))
}

export function metadataOf(live: Live) {
  return { name: live.name, versions: versionsOf(live), platform: live.champion.model.platform, ...portsOf(live) }
}

/** Triton’s names and numbers of the datatypes. */
export const configTypes: Readonly<Record<Datatype, readonly [name: string, number: number]>> = {
  BOOL: ['TYPE_BOOL', 1],
  UINT8: ['TYPE_UINT8', 2],
  UINT16: ['TYPE_UINT16', 3],
  UINT32: ['TYPE_UINT32', 4],
  UINT64: ['TYPE_UINT64', 5],
  INT8: ['TYPE_INT8', 6],
  INT16: ['TYPE_INT16', 7],
  INT32: ['TYPE_INT32', 8],
  INT64: ['TYPE_INT64', 9],
  FP16: ['TYPE_FP16', 10],
  FP32: ['TYPE_FP32', 11],
  FP64: ['TYPE_FP64', 12],
  BYTES: ['TYPE_STRING', 13],
  BF16: ['TYPE_BF16', 14],
}

/** The part of Triton’s model configuration that holds of a deployment. Of a tabular model the rows are the batch, which its dimensions leave out. */
export function configOf(live: Live) {
  const { model } = live.champion
  const { inputs, outputs } = portsOf(live)
  const port = ({ name, datatype, shape }: Port) => ({
    name,
    data_type: configTypes[datatype as Datatype][0],
    dims: model.tabular ? shape.slice(1) : shape,
  })
  return {
    name: live.name,
    platform: model.platform,
    max_batch_size: model.tabular ? live.spec.limits.rowsPerRequest : 0,
    input: inputs.map(port),
    output: outputs.map(port),
  }
}

/** The figures of a version in Triton’s form; what is not measured is left out. */
export function statisticsOf(name: string, { version, rows, lastMs, success, fail }: Readonly<VersionStatistics>) {
  return {
    name,
    version: String(version),
    last_inference: lastMs,
    inference_count: rows,
    inference_stats: { success: { ...success }, fail: { ...fail } },
  }
}
