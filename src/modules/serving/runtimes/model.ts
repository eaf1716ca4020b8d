import type { Tensor, TensorSpec } from '../../../lib/tensors/tensor.ts'

/** A model ready to score rows of floats. */
export type Scorer = {
  /**
   * Scores `rows` rows laid out one after another in `values` (rows × features, NaN = missing); gives one score a row.
   * Throws `internal` when the model fails, `unsupported` when it does not map one matrix of floats to one score a row.
   */
  score(values: Float32Array, rows: number): Promise<Float32Array>
  /** Columns of the matrix that `score` takes. */
  readonly features: number
  release(): Promise<void>
}

export type InferOptions = {
  /** Names of the outputs that are wanted; all when empty. */
  readonly outputs: readonly string[]
  /** Ends the work where the runtime can: a remote call, a wait for a worker. */
  readonly signal?: AbortSignal
}

/** How a model fares that may fall ill: on a server elsewhere, in workers. */
export type ModelHealth = {
  /** What keeps it from answering now; null while nothing does. */
  readonly problem: string | null
  /** Of a server elsewhere: `open` is not asked, `half_open` is being tried. */
  readonly breaker?: 'closed' | 'open' | 'half_open'
  readonly workers?: { readonly wanted: number; readonly ready: number; readonly restarts: number; readonly waiting: number }
}

/** A model in memory, in a worker, in another process or on another machine: what every runtime gives. */
export type LoadedModel = Scorer & {
  /** Whether `score` may be called: one matrix of floats in, one score a row out. */
  readonly tabular: boolean
  /** What `infer` takes and gives, in the model’s own names. Shapes leave out nothing: the batch dimension is there, as -1. */
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** The output that `score` reads; null for models that are not tabular. */
  readonly scoreOutput: string | null
  /** `onnxruntime_onnx`, `python_pyfunc`, `remote_oip` …: what metadata calls the platform. */
  readonly platform: string
  /**
   * Runs the model on tensors of its own names. Throws `invalid` for tensors it does not take, `internal` when it fails, and
   * of models elsewhere `unavailable`, `timeout`, `throttled`.
   */
  infer(inputs: readonly Tensor[], options: InferOptions): Promise<readonly Tensor[]>
  /** Absent of what runs in this process. */
  readonly health?: () => ModelHealth
}
