import type { TreesFacts } from './boosted-trees.ts'
import { type MlmodelFacts, readMlmodel } from './mlmodel.ts'
import { type FileKind, whyUnsafe } from './recognise.ts'
import type { WeightsFacts } from './safetensors.ts'
import type { Signature } from './signature.ts'

/** A file of a folder, its path from the folder on. */
export type FolderFile = { readonly path: string; readonly digest: string; readonly sizeBytes: number }
/** What was read of one file: what kind it is, and the facts of its header or what is wrong with it. */
export type LookedAt = FolderFile & {
  readonly kind: FileKind
  readonly weights?: WeightsFacts
  readonly trees?: TreesFacts
  readonly problem?: string
}

/** What kind of model a folder holds. Everything in it is what the files claim. */
export type ModelDescription = {
  readonly format:
    | 'onnx'
    | 'safetensors'
    | 'gguf'
    | 'lightgbm'
    | 'xgboost'
    | 'skops'
    | 'keras'
    | 'torch'
    | 'pickle'
    | 'mlflow'
    | 'archive'
    | 'unknown'
  readonly flavors: MlmodelFacts['flavors']
  readonly signature: Signature | null
  /** The file a sample input is in, where the folder holds it. */
  readonly inputExample: (FolderFile & { readonly type: string }) | null
  /** The one ONNX file, where there is exactly one. */
  readonly onnxFile: FolderFile | null
  readonly weights: WeightsFacts | null
  readonly trees: TreesFacts | null
  /** Files that must never be loaded in a process that matters. */
  readonly unsafe: { readonly path: string; readonly reason: string }[]
  /** Files that are not what they should be. */
  readonly problems: { readonly path: string; readonly problem: string }[]
  readonly runId: string | null
  readonly modelId: string | null
  readonly mlflowVersion: string | null
  readonly files: number
  readonly sizeBytes: number
}

/** From what can be trusted most to what says least. */
const order = ['onnx', 'safetensors', 'gguf', 'lightgbm', 'xgboost', 'skops', 'keras', 'torch', 'pickle'] as const

/** Describes a folder from its files, each looked at, and its MLmodel file where it has one. */
export function describeModelFolder(files: readonly LookedAt[], mlmodel: Uint8Array | undefined): ModelDescription {
  const read = mlmodel && readMlmodel(mlmodel)
  const facts = read && !('problem' in read) ? read : undefined
  const kinds = new Set(files.map((file) => file.kind))
  const onnx = files.filter((file) => file.kind === 'onnx')
  const example = facts?.inputExample
  const exampleFile = example && files.find((file) => file.path === example.path)
  return {
    format: order.find((kind) => kinds.has(kind)) ?? (facts ? 'mlflow' : kinds.has('archive') ? 'archive' : 'unknown'),
    flavors: facts?.flavors ?? {},
    signature: facts?.signature ?? null,
    inputExample: exampleFile ? { ...plain(exampleFile), type: example.type } : null,
    onnxFile: onnx.length === 1 ? plain(onnx[0]!) : null,
    weights: sumOfWeights(files),
    trees: files.find((file) => file.trees)?.trees ?? null,
    unsafe: files.flatMap(({ path, kind }) => {
      const reason = whyUnsafe(kind)
      return reason === undefined ? [] : [{ path, reason }]
    }),
    problems: [
      ...(read && 'problem' in read ? [{ path: 'MLmodel', problem: read.problem }] : []),
      ...files.flatMap(({ path, problem }) => (problem === undefined ? [] : [{ path, problem }])),
    ],
    runId: facts?.runId ?? null,
    modelId: facts?.modelId ?? null,
    mlflowVersion: facts?.mlflowVersion ?? null,
    files: files.length,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
  }
}

function plain({ path, digest, sizeBytes }: FolderFile): FolderFile {
  return { path, digest, sizeBytes }
}

/** Large models lie in several files of weights: they are counted together. */
function sumOfWeights(files: readonly LookedAt[]): WeightsFacts | null {
  const all = files.flatMap((file) => file.weights ?? [])
  if (all.length === 0) return null
  const types: Record<string, number> = {}
  for (const one of all) for (const [type, count] of Object.entries(one.types)) types[type] = (types[type] ?? 0) + count
  return {
    tensors: all.reduce((sum, one) => sum + one.tensors, 0),
    parameters: all.reduce((sum, one) => sum + one.parameters, 0),
    types,
    metadata: all[0]!.metadata,
  }
}
