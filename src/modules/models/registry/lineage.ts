import type { Db } from '../../../infra/sql/index.ts'
import type { Documents } from '../../govern/documents/index.ts'
import { listAliases } from './alias-store.ts'
import { isSteering } from './aliases.ts'
import { needVersion } from './needed.ts'
import type { Registry } from './registry.ts'
import { listVersions, versionsFromSource } from './store.ts'

type Lineage = Awaited<ReturnType<Registry['getLineage']>>

const MOST_VERSIONS = 10_000

/** What a version was made from, as its record says, and what stands on it now: deployments, and versions made of it. */
export async function lineageOf(
  { sql, documents }: { sql: Db; documents: Documents },
  project: string,
  model: string,
  version: number,
): Promise<Lineage> {
  const { manifest, runId, loggedModel, source } = await needVersion(sql, project, model, version)
  const held = (await listAliases(sql, project, model)).filter((record) => record.version === version && isSteering(record.alias))
  const serving = (await documents.all('Deployment', project)).filter(({ spec }) => spec.model === model)
  const children = (await listVersions(sql, project, model, MOST_VERSIONS)).filter((other) => other.manifest.parent === version)
  const copies = await versionsFromSource(sql, project, `models:/${model}/${version}`)
  const isCopy = (child: { model: string; version: number }) =>
    copies.some((copy) => copy.model === child.model && copy.version === child.version)
  return {
    upstream: {
      run: runId,
      loggedModel,
      commit: manifest.commit,
      dataSnapshot: manifest.dataSnapshot,
      training: manifest.training,
      parent: manifest.parent,
      copiedFrom: source?.startsWith('models:/') && !source.startsWith('models:/m-') ? source : null,
      features: manifest.features ?? {},
      prompts: manifest.prompts ?? {},
    },
    downstream: {
      deployments: serving.flatMap(({ metadata }) => held.map(({ alias }) => ({ name: metadata.name, alias }))),
      versions: [
        ...copies.map((copy) => ({ ...copy, relation: 'copied from it' as const })),
        ...children
          .filter((child) => !isCopy(child))
          .map((child) => ({ model, version: child.version, relation: 'trained from it' as const })),
      ],
    },
  }
}
