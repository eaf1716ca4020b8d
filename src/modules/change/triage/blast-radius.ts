import type { Caller } from '../../../contract/endpoint.ts'
import type { Diagnosis } from '../../../contract/triage.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Telemetry } from '../../watch/telemetry/index.ts'

type Deps = {
  readonly clock: Clock
  readonly documents: Documents
  readonly registry: Pick<Registry, 'getLineage'>
  readonly telemetry: Pick<Telemetry, 'summarizeTraffic'>
}
type Reached = { readonly deployment: string; readonly model: string; readonly version: number; readonly fromMs: number }

/** What else a change reaches: answers already given, and whatever serves, scores in bulk, or was made of the same model. */
export function createBlastRadius({ clock, documents, registry, telemetry }: Deps) {
  return async ({ deployment, model, version, fromMs }: Reached, caller: Caller): Promise<Diagnosis['blastRadius']> => {
    const { project } = caller
    const windowMs = Math.max(1, clock.now() + 1 - fromMs)
    const serving = (await documents.all('Deployment', project)).filter(({ spec }) => spec.model === model)
    const names = serving.map(({ metadata }) => metadata.name)
    const [traffic, lineage, batches, streams] = await Promise.all([
      telemetry.summarizeTraffic({ windowMs, deployment }, caller),
      registry.getLineage({ model, version }, caller),
      documents.all('BatchScoring', project),
      documents.all('Stream', project),
    ])
    return {
      requests: traffic.deployments[0]?.requests ?? 0,
      deployments: names,
      models: lineage.downstream.versions.map((one) => `${one.model} version ${one.version}, ${one.relation}`),
      batches: batches.filter(({ spec }) => spec.model === model).map(({ metadata }) => metadata.name),
      streams: streams.filter(({ spec }) => names.includes(spec.deployment)).map(({ metadata }) => metadata.name),
    }
  }
}
