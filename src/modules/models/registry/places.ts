import type { Signature } from '../../../contract/model-record.ts'

/** What a folder of artifacts turned out to hold. */
export type Inspection = {
  readonly format: string
  readonly flavors: readonly string[]
  readonly signature: Signature | null
  /** Files that run code when they are loaded. */
  readonly unsafe: readonly string[]
  readonly sizeBytes: number
  /** The one ONNX file of the folder. */
  readonly onnx: { readonly digest: string; readonly sizeBytes: number } | null
}

/** A run that made a version: where its artifacts lie, and what it says of its making. */
export type Origin = {
  readonly artifactUri: string
  readonly runId: string | null
  readonly owner: string | null
  readonly commit: string | null
  readonly dataSnapshot: string | null
  readonly metrics: Readonly<Record<string, number>>
}

/** What stands behind the places that a version can be registered from. */
export type Places = {
  run(project: string, runId: string): Promise<Origin | undefined>
  loggedModel(project: string, modelId: string): Promise<Origin | undefined>
  /** Undefined when the folder is not among the project’s artifacts. */
  inspect(project: string, uri: string): Promise<Inspection | undefined>
}
