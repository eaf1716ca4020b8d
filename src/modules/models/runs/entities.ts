/** A key and its value, as they were given. */
export type Pair = { readonly key: string; readonly value: string }
export type Lifecycle = 'active' | 'deleted'
export type ViewType = 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL'
export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'

/** Times are milliseconds since the epoch. */
export type Experiment = {
  readonly id: string
  readonly name: string
  readonly artifactLocation: string
  readonly lifecycle: Lifecycle
  readonly createdAt: number
  readonly updatedAt: number
  readonly tags: readonly Pair[]
}

export type RunInfo = {
  readonly id: string
  readonly experimentId: string
  readonly name: string
  readonly userId: string
  readonly status: RunStatus
  readonly lifecycle: Lifecycle
  readonly startedAt: number
  readonly endedAt: number | null
  readonly artifactUri: string
}

/** One measurement; `value` may be NaN, and infinities are kept as the largest numbers a double holds. */
export type Metric = { readonly key: string; readonly value: number; readonly at: number; readonly step: number }

/** A measurement as it is logged; with a `modelId` it is also kept with that logged model. */
export type LoggedMetric = Metric & {
  readonly modelId?: string | undefined
  readonly datasetName?: string | undefined
  readonly datasetDigest?: string | undefined
}

export type Dataset = {
  readonly name: string
  readonly digest: string
  readonly sourceType: string
  readonly source: string
  readonly schema: string | null
  readonly profile: string | null
}
export type DatasetInput = { readonly dataset: Dataset; readonly tags: readonly Pair[] }
export type DatasetSummary = {
  readonly experimentId: string
  readonly name: string
  readonly digest: string
  readonly context: string | null
}
export type ModelOutput = { readonly modelId: string; readonly step: number }

export type Run = {
  readonly info: RunInfo
  /** The latest value of each metric by step, then time, then value. */
  readonly metrics: readonly Metric[]
  readonly params: readonly Pair[]
  readonly tags: readonly Pair[]
  readonly datasets: readonly DatasetInput[]
  readonly modelInputs: readonly string[]
  readonly modelOutputs: readonly ModelOutput[]
}

export type ModelStatus = 'PENDING' | 'READY' | 'FAILED'

export type ModelMetric = Metric & {
  readonly runId: string
  readonly datasetName: string | null
  readonly datasetDigest: string | null
}

export type LoggedModel = {
  readonly id: string
  readonly experimentId: string
  readonly name: string
  readonly artifactLocation: string
  readonly modelType: string | null
  readonly sourceRunId: string | null
  readonly status: ModelStatus
  readonly lifecycle: Lifecycle
  readonly createdAt: number
  readonly updatedAt: number
  readonly params: readonly Pair[]
  readonly tags: readonly Pair[]
  readonly metrics: readonly ModelMetric[]
}

export type Page<T> = { readonly items: readonly T[]; readonly nextPageToken: string | undefined }

/** The tag that repeats a run’s name; they are kept the same. */
export const RUN_NAME_TAG = 'mlflow.runName'
/** The tag of a dataset input that says what it was used for, such as `training`. */
export const DATASET_CONTEXT_TAG = 'mlflow.data.context'
export const MODEL_HISTORY_TAG = 'mlflow.log-model.history'
