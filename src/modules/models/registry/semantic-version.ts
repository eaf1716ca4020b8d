import type { ModelVersion } from '../../../contract/model-record.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { needVersion } from './needed.ts'
import type { Registry } from './registry.ts'
import { pageVersions } from './store.ts'

type Suggestion = Awaited<ReturnType<Registry['suggestVersion']>>

/**
 * Suggests a version number by the rule of semantic versioning for models: major where callers must change (inputs, outputs,
 * kind of model), minor where the model was trained anew, patch where only what surrounds it changed. Compares with `since`,
 * else with the version before.
 */
export async function suggestVersion(db: Db, project: string, model: string, version: number, since?: number): Promise<Suggestion> {
  const current = await needVersion(db, project, model, version)
  const earlier = since === undefined ? await versionBefore(db, project, model, version) : await needVersion(db, project, model, since)
  if (!earlier) return { since: null, suggested: '1.0.0', bump: 'first', because: ['it is the first version'] }
  const { bump, because } = compare(earlier, current)
  const suggested = bumped(earlier.semanticVersion ?? earlier.tags.semantic_version ?? `${Math.max(earlier.version, 1)}.0.0`, bump)
  return { since: earlier.version, suggested, bump, because }
}

async function versionBefore(db: Db, project: string, model: string, version: number): Promise<ModelVersion | undefined> {
  const [before] = await pageVersions(db, project, { model, after: { model, version } }, 1)
  return before?.model === model ? before : undefined
}

function compare(before: ModelVersion, after: ModelVersion): { bump: 'major' | 'minor' | 'patch'; because: string[] } {
  const breaking = [
    ...differences('features', before.features, after.features),
    ...ports('input', before.facts?.inputs ?? before.signature?.inputs, after.facts?.inputs ?? after.signature?.inputs),
    ...ports('output', before.facts?.outputs ?? before.signature?.outputs, after.facts?.outputs ?? after.signature?.outputs),
    ...(algorithmOf(before) === algorithmOf(after)
      ? []
      : [`the kind of model changed from ${algorithmOf(before)} to ${algorithmOf(after)}`]),
  ]
  if (breaking.length > 0) return { bump: 'major', because: breaking }
  const retrained = [
    ...(before.digest !== after.digest || before.storage !== after.storage ? ['the model’s files changed'] : []),
    ...(before.manifest.dataSnapshot !== after.manifest.dataSnapshot ? ['it was trained on other data'] : []),
  ]
  if (retrained.length > 0) return { bump: 'minor', because: retrained }
  return { bump: 'patch', because: ['inputs, outputs, kind and files are the same'] }
}

function differences(what: string, before: readonly string[], after: readonly string[]): string[] {
  const removed = before.filter((name) => !after.includes(name))
  const added = after.filter((name) => !before.includes(name))
  const moved = removed.length + added.length === 0 && before.join('\0') !== after.join('\0')
  return [
    ...(removed.length > 0 ? [`${what} went away: ${removed.join(', ')}`] : []),
    ...(added.length > 0 ? [`${what} came in: ${added.join(', ')}`] : []),
    ...(moved ? [`${what} changed their order`] : []),
  ]
}

type Port = { readonly name: string | null; readonly shape: readonly number[] | null; readonly datatype?: string; readonly type?: string }

function ports(what: string, before: readonly Port[] | undefined, after: readonly Port[] | undefined): string[] {
  const text = (port: Port) => `${port.name ?? what} ${port.datatype ?? port.type} [${port.shape?.join(', ') ?? ''}]`
  return differences(`${what}s`, (before ?? []).map(text), (after ?? []).map(text))
}

/** The operators of an ONNX graph, or the flavours of a folder: what tells one algorithm from another. */
function algorithmOf({ facts, flavors, format }: ModelVersion): string {
  return facts ? Object.keys(facts.operators).sort().join('+') : [format, ...flavors].join('+')
}

function bumped(version: string, bump: 'major' | 'minor' | 'patch'): string {
  const [major = 0, minor = 0, patch = 0] = (/^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1) ?? []).map(Number)
  if (bump === 'major') return `${major + 1}.0.0`
  return bump === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`
}
