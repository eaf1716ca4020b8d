export type Pair = { readonly key: string; readonly value: string }
export type MetricPoint = { readonly value: number | string; readonly timestamp: number; readonly step: number }
export type SourceExperiment = { readonly id: string; readonly name: string; readonly tags: readonly Pair[] }

export type SourceRun = {
  readonly id: string
  readonly name: string
  readonly userId: string
  readonly status: string
  readonly startTime: number
  readonly endTime: number | null
  readonly params: readonly Pair[]
  readonly tags: readonly Pair[]
  readonly metricKeys: readonly string[]
  /** Data sets in the form the protocol takes them. */
  readonly datasets: readonly object[]
}
export type SourceModel = {
  readonly id: string
  readonly name: string
  readonly modelType: string | null
  readonly sourceRunId: string | null
  readonly status: string
  readonly params: readonly Pair[]
  readonly tags: readonly Pair[]
}
export type SourceVersion = {
  readonly version: number
  readonly source: string
  readonly runId: string | null
  readonly modelId: string | null
  readonly description: string
  readonly stage: string
  readonly tags: readonly Pair[]
}
export type SourceRegistered = {
  readonly name: string
  readonly description: string
  readonly tags: readonly Pair[]
  readonly aliases: readonly { readonly alias: string; readonly version: number }[]
  /** By rising number. */
  readonly versions: readonly SourceVersion[]
}
/** A file below the artifacts of a run or a logged model. */
export type SourceFile = { readonly path: string; open(): Promise<AsyncIterable<Uint8Array>> }

/** Where runs come from: a folder that MLflow wrote, or a server that speaks its protocol. Deleted things are left out. */
export type Source = {
  experiments(): Promise<readonly SourceExperiment[]>
  runs(experimentId: string): AsyncIterable<SourceRun>
  history(experimentId: string, runId: string, key: string): Promise<readonly MetricPoint[]>
  models(experimentId: string): AsyncIterable<SourceModel>
  files(of: 'run' | 'model', experimentId: string, id: string): AsyncIterable<SourceFile>
  registered(): Promise<readonly SourceRegistered[]>
}
