import type { Blobs } from '../infra/blobs/blobs.ts'
import type { Bus } from '../infra/bus/index.ts'
import { readReference } from '../infra/labelled-rows.ts'
import type { Documents } from '../modules/govern/documents/index.ts'
import type { Registry } from '../modules/models/registry/index.ts'
import type { Runtimes } from '../modules/serving/runtimes/index.ts'
import type { Drift } from '../modules/watch/drift/index.ts'

/** A version was registered with reference rows → score them with that very version → freeze the profile that drift is measured against. */
export function freezeReference({
  bus,
  registry,
  runtimes,
  blobs,
  drift,
  documents,
}: {
  bus: Bus
  registry: Registry
  runtimes: Runtimes
  blobs: Blobs
  drift: Drift
  documents: Documents
}): void {
  bus.on('registry.version_registered', 'freeze-reference', async ({ project, data }) => {
    const { model, version: number } = data as { model: string; version: number }
    const version = await registry.version(project, model, number)
    if (version.reference === null || version.digest === null) return
    const rows = await readReference(blobs, version.reference, version.features)
    const scorer = await runtimes.load(version)
    try {
      const scores = await scorer.score(rows.values, rows.rows)
      const deployment = (await documents.all('Deployment', project)).find(({ spec }) => spec.model === model)
      await drift.freezeProfile({
        project,
        model,
        version: number,
        features: version.features,
        rows,
        scores,
        threshold: deployment?.spec.threshold ?? 0.5,
      })
    } finally {
      await scorer.release()
    }
  })
}
