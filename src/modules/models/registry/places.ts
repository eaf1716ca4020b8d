import type { ModelDescription } from '../../../contract/artifacts.ts'

/** A run that made a version: where its artifacts lie, and what it says of its making. */
export type Origin = {
  readonly artifactUri: string
  readonly runId: string | null
  readonly owner: string | null
  readonly commit: string | null
  readonly dataSnapshot: string | null
  readonly metrics: Readonly<Record<string, number>>
}

/** What a folder holds, and the id under which it was frozen as it is. */
export type Inspection = ModelDescription & { readonly tree: string }

/** What stands behind the places that a version can be registered from. */
export type Places = {
  run(project: string, runId: string): Promise<Origin | undefined>
  loggedModel(project: string, modelId: string): Promise<Origin | undefined>
  /** Undefined when the folder is not among the project’s artifacts. */
  inspect(project: string, uri: string): Promise<Inspection | undefined>
}
