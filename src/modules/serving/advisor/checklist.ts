import type { ServingDecision } from '../../../contract/advise.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import type { KindName, Spec } from '../../../contract/kinds.ts'
import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Gates } from '../../change/gates/index.ts'
import type { Rollouts } from '../../change/rollouts/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import type { Deployments } from '../deployments/index.ts'

export type ChecklistDeps = { documents: Documents; registry: Registry; deployments: Deployments; rollouts: Rollouts; gates: Gates }
type Item = ServingDecision['checklist'][number]

/** Rollouts and load reports that are looked through. */
const MOST_LOOKED_AT = 200

/** What a version must have before any mode (P1-08), read from its record. */
export async function modelReadiness({ registry, gates }: ChecklistDeps, version: ModelVersion, caller: Caller): Promise<Item[]> {
  const { model, manifest } = version
  const here = `${model} version ${version.version}`
  const item = (name: string, met: boolean, evidence: string): Item => ({ rule: 'P1-08', item: name, met, evidence })
  const { aliases } = await registry.modelOf(caller.project, model)
  const rollback = aliases.find(({ alias }) => alias === 'champion')?.previousVersion ?? null
  const loaded = await findLoad(gates, version, caller)
  const frozen = manifest.artifact ?? version.digest
  const described = version.description !== ''
  const environment = Object.entries(manifest.environment ?? {})
  const lineage = [
    manifest.training && `training ${manifest.training}`,
    version.runId && `run ${version.runId}`,
    manifest.dataSnapshot && `data ${manifest.dataSnapshot}`,
    manifest.commit && `commit ${manifest.commit}`,
  ].filter(Boolean)
  return [
    item(
      'registry entry with owner',
      version.owner !== '',
      version.owner === '' ? `${here} has no owner` : `${here}, owned by ${version.owner}`,
    ),
    item(
      'evaluation report',
      version.evaluation !== null,
      version.evaluation
        ? `${version.evaluation.dataset}, ${version.evaluation.rows} rows`
        : `${here} was registered without an evaluation`,
    ),
    item(
      'model card',
      described,
      described ? `setpoint registry get-card ${model} ${version.version}` : `the card of ${here} has no description`,
    ),
    item(
      'frozen training artifacts',
      frozen !== null && lineage.length > 0,
      lineage.length === 0 ? `${here} names no run, training, data or commit` : `${lineage.join(', ')}; files ${frozen ?? 'not frozen'}`,
    ),
    item(
      'pinned environment',
      environment.length > 0,
      environment.length > 0
        ? environment.map(([name, value]) => `${name} ${value}`).join(', ')
        : `${here} was registered without its environment`,
    ),
    item('rollback target', rollback !== null, rollback === null ? `${model} has had one champion only` : `${model} version ${rollback}`),
    item(
      'infrastructure validated',
      version.facts !== null && loaded !== undefined,
      loaded ? `opened and tried when registered; ${loaded}` : 'no load test of its file was saved; run "setpoint load --save"',
    ),
  ]
}

/** What a deployment must have for production (P1-09) and for its rollouts (P1-10). */
export async function deploymentReadiness(deps: ChecklistDeps, name: string, version: ModelVersion, caller: Caller): Promise<Item[]> {
  const { deployments, rollouts, gates } = deps
  const item = (rule: string, name: string, met: boolean, evidence: string): Item => ({ rule, item: name, met, evidence })
  const serving = await deployments.getDeployment({ deployment: name }, caller)
  const past = await rollouts.listRollouts({ deployment: name, limit: MOST_LOOKED_AT }, caller)
  const rollout = past.find(({ challenger, state }) => challenger === version.version && state === 'promoted')
  const named = <K extends KindName>(kind: K, where: (spec: Spec<K>) => boolean) => namesOf(deps.documents, kind, caller.project, where)
  const monitors = await named('Monitor', (spec) => spec.deployment === name)
  const alerts = await named('Alert', (spec) => spec.enabled && (spec.deployment === undefined || spec.deployment === name))
  const objectives = await named('Objective', (spec) => spec.deployment === name)
  const loops = await named('Loop', (spec) => spec.deployment === name && spec.rollout !== undefined)
  const running = await named('Loop', (spec) => spec.deployment === name && spec.enabled)
  const loaded = await findLoad(gates, version, caller)
  const listed = (kind: string, found: readonly string[]) => (found.length > 0 ? `${kind} ${found.join(', ')}` : `no ${kind} names ${name}`)
  return [
    item(
      'P1-09',
      'serving environment built and tested',
      serving.ready,
      serving.ready ? `${name} is ready` : `${name} is not ready: ${serving.problem}`,
    ),
    item(
      'P1-09',
      'canary or shadow passed',
      rollout !== undefined,
      rollout ? `rollout ${rollout.id}` : `no rollout of ${name} promoted version ${version.version}`,
    ),
    item(
      'P1-09',
      'monitoring and alerts on',
      monitors.length > 0 && alerts.length > 0,
      `${listed('Monitor', monitors)}; ${listed('enabled Alert', alerts)}`,
    ),
    item('P1-09', 'service objectives documented', objectives.length > 0, listed('Objective', objectives)),
    item(
      'P1-09',
      'timeouts tested under load',
      loaded !== undefined,
      loaded ?? 'no load test of its file was saved; run "setpoint load --save"',
    ),
    item('P1-10', 'rollout plan approved', loops.length > 0, listed('Loop with a rollout', loops)),
    item('P1-10', 'rollback automated', running.length > 0, listed('enabled Loop', running)),
    item('P1-10', 'logs and dashboards ready', true, `the console’s page of ${name}, its traffic, its records and the ledger`),
  ]
}

async function namesOf<K extends KindName>(
  documents: Documents,
  kind: K,
  project: string,
  where: (spec: Spec<K>) => boolean,
): Promise<string[]> {
  return (await documents.all(kind, project)).filter(({ spec }) => where(spec)).map(({ metadata }) => metadata.name)
}

/** The newest passed load test of a version’s own file, in words. */
async function findLoad(gates: Gates, version: ModelVersion, caller: Caller): Promise<string | undefined> {
  const found = (await gates.listEvidence({ limit: MOST_LOOKED_AT }, caller)).find(
    ({ digest, model, version: number, report }) =>
      report.verdict === 'pass' &&
      (version.digest === null ? model === version.model && number === version.version : digest === version.digest),
  )
  return found && `load test ${found.id}: ${found.report.achieved.toFixed(1)} requests a second, p99 ${found.report.latencyMs.p99} ms`
}
