import type { RuntimeSpec } from '../contract/deployments.ts'
import { AppError, type ErrorCode } from '../contract/errors.ts'
import type { ModelVersion } from '../contract/model-record.ts'
import type { Blobs } from '../infra/blobs/blobs.ts'
import type { Bus } from '../infra/bus/index.ts'
import { readReference } from '../infra/labelled-rows.ts'
import { thresholdOf } from '../lib/processing/processing.ts'
import type { Declared, Documents } from '../modules/govern/documents/index.ts'
import type { Registry } from '../modules/models/registry/index.ts'
import type { Runtimes } from '../modules/serving/runtimes/index.ts'
import type { Drift } from '../modules/watch/drift/index.ts'
import type { Estimates } from '../modules/watch/estimates/index.ts'

/** A version was registered with reference rows → score them with that very version → freeze the profile that drift is measured against, and what estimates rest on. */
export function freezeReference({
  bus,
  registry,
  runtimes,
  blobs,
  drift,
  estimates,
  documents,
}: {
  bus: Bus
  registry: Registry
  runtimes: Runtimes
  blobs: Blobs
  drift: Drift
  estimates: Estimates
  documents: Documents
}): void {
  async function freeze(project: string, version: ModelVersion, deployment: Declared<'Deployment'> | undefined): Promise<void> {
    if (version.reference === null || version.features.length === 0) return
    const scorer = await loadedOrNone(runtimes, version, deployment?.spec.runtime)
    if (!scorer) return
    try {
      const rows = await readReference(blobs, version.reference, version.features)
      const scores = await scorer.score(rows.values, rows.rows)
      const { model, version: number, features, processing } = version
      const threshold = thresholdOf(processing, deployment?.spec.threshold ?? 0.5)
      const sample = { project, model, version: number, features, rows, scores, threshold }
      await drift.freezeProfile(sample)
      await estimates.freezeReference(sample)
    } finally {
      await scorer.release()
    }
  }

  bus.on('registry.version_registered', 'freeze-reference', async ({ project, data }) => {
    const { model, version } = data as { model: string; version: number }
    const deployment = (await documents.all('Deployment', project)).find(({ spec }) => spec.model === model)
    await freeze(project, await registry.version(project, model, version), deployment)
  })
  // What runs elsewhere can only be scored once a deployment says where.
  bus.on('documents.applied', 'freeze-reference-elsewhere', async ({ project, data }) => {
    const { kind, name } = data as { kind: string; name: string }
    if (kind !== 'Deployment') return
    const deployment = await documents.find('Deployment', project, name)
    const champion = deployment && (await registry.champion(project, deployment.spec.model))
    if (!champion || champion.digest !== null) return
    const { model, version } = champion
    if ((await drift.hasProfile(project, model, version)) && (await estimates.hasReference(project, model, version))) return
    await freeze(project, champion, deployment)
  })
}

/** A version that nothing here can run is not scored, and its drift is not watched: its deployment says why. */
async function loadedOrNone(runtimes: Runtimes, version: ModelVersion, runtime: RuntimeSpec | undefined) {
  try {
    return await runtimes.load(version, runtime)
  } catch (error) {
    if (version.digest === null && error instanceof AppError && elsewhereCodes.has(error.code)) return undefined
    throw error
  }
}

const elsewhereCodes: ReadonlySet<ErrorCode> = new Set(['unsupported', 'forbidden', 'invalid', 'not_found'])
