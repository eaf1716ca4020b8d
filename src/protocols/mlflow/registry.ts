import type { Registry } from '../../modules/models/registry/index.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { modelAliasRpcs } from './model-aliases.ts'
import { modelVersionRpcs } from './model-versions.ts'
import { registeredModelRpcs } from './registered-models.ts'
import type { Rpc } from './rpc.ts'

/** Registered models, their versions, stages, aliases and tags: two views of one record of the registry. */
export function registryRpcs(deps: { readonly registry: Registry; readonly runs: Runs }): Rpc[] {
  return [registeredModelRpcs, modelVersionRpcs, modelAliasRpcs].flatMap((rpcs) => rpcs(deps))
}
