import type { DeploymentSpec, TrafficRoute } from '../../../contract/deployments.ts'
import type { Processing } from '../../../contract/processing.ts'
import type { LoadedModel } from '../runtimes/index.ts'

export type LoadedVersion = {
  readonly version: number
  readonly features: readonly string[]
  readonly processing: Processing | null
  readonly model: LoadedModel
}

/** What the data plane knows of one deployment: everything it needs to answer, in memory. */
export type Live = {
  readonly project: string
  readonly name: string
  readonly spec: DeploymentSpec
  readonly route: TrafficRoute
  /** Salts the split, so that each rollout divides the requests anew. */
  readonly salt: string
  readonly champion: LoadedVersion
  readonly challenger: LoadedVersion | null
  /** Answers when the champion cannot. */
  readonly fallback: LoadedVersion | null
  /** As what its champion’s answers are recorded: `challenger` for the other side of a split. */
  readonly role: 'champion' | 'challenger'
  /** The other side of a split: the same deployment with its challenger for a champion. */
  readonly otherSide: Live | null
}

/** Rows of one request, waiting for the end of the event-loop turn. */
export type Work = {
  readonly ids: readonly string[]
  readonly values: Float32Array
  readonly actor: string
  readonly source: string
  readonly startedUs: number
  readonly resolve: (scored: Scored) => void
  readonly reject: (error: unknown) => void
}

/** The answer to one request: a score and the version that gave it, row by row. */
export type Scored = {
  readonly scores: Float32Array
  readonly versions: readonly number[]
  /** False when telemetry could not keep it. */
  readonly recorded: boolean
  /** True when the fallback version answered for the champion. */
  readonly fallback: boolean
}
