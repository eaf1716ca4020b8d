import type { MonitorSpec } from '../../../contract/drift.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { SeasonBucket } from '../../../lib/drift/streaming/regions.ts'
import type { Segment } from '../../../lib/drift/streaming/segments.ts'
import { thresholdOf } from '../../../lib/processing/processing.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import { segmentReferences } from './feature-watch.ts'
import type { ReferenceTables } from './reference.ts'
import * as store from './store.ts'
import { featuresOf, sampledRowsOf } from './tables.ts'
import { freshSignal } from './watching.ts'

type Deps = { sql: Sql; clock: Clock; documents: Documents; registry: Registry; tables: ReferenceTables }
export type Targets = ReturnType<typeof createTargets>
/** A monitor with its state and the reference it watches against. */
export type Opened = {
  readonly project: string
  readonly name: string
  readonly monitor: store.StoredMonitor
  readonly reference: store.StoredProfile
  /** The reference of each hour, where the monitor has a season and one was frozen. */
  readonly season: { readonly digest: string; readonly buckets: readonly SeasonBucket[] } | undefined
  /** What each declared segment is watched against, where the reference can say it. */
  readonly segments: readonly Segment[]
  readonly threshold: number
}

/** Finds what a monitor watches, and opens and resets its state. */
export function createTargets({ sql, clock, documents, registry, tables }: Deps) {
  const referencesOf = createSegmentReferences(tables)
  const lockRows = sql.dialect === 'postgresql'

  /** What a monitor watches: its deployment’s champion. */
  async function targetOf({ project, spec }: Declared<'Monitor'>) {
    const target = await documents.find('Deployment', project, spec.deployment)
    const champion = target && (await registry.champion(project, target.spec.model))
    if (!target || !champion) return undefined
    const threshold = thresholdOf(champion.processing, target.spec.threshold)
    // Read before a transaction begins: the whole rows of a reference lie among the blobs.
    const reference = spec.segments.length > 0 ? await store.findProfile(sql, project, champion.model, champion.version) : undefined
    return { champion, threshold, segments: reference ? await referencesOf(spec, reference) : [] }
  }

  /** The monitor’s state, begun afresh when the champion or the spec is another than it was watching with. */
  async function open(
    tx: Tx,
    { project, metadata, spec }: Declared<'Monitor'>,
    target: Awaited<ReturnType<typeof targetOf>>,
  ): Promise<Opened | undefined> {
    const reference = target && (await store.findProfile(tx, project, target.champion.model, target.champion.version))
    if (!target || !reference) return undefined
    const kept = (await store.findMonitor(tx, project, metadata.name, lockRows))?.state
    const { model, version } = target.champion
    const season = spec.season === 'none' ? undefined : await store.findSeason(tx, project, model, version, spec.season)
    const same = kept && kept.version === version && JSON.stringify(kept.spec) === JSON.stringify(spec)
    const monitor: store.StoredMonitor = same
      ? kept
      : { spec, version, features: freshSignal, error: freshSignal, others: {}, counted: kept?.counted ?? {}, resetAt: clock.now() }
    const { threshold, segments } = target
    return { monitor, reference, season, segments, threshold, project, name: metadata.name }
  }

  return {
    targetOf,
    open,
    /** The state as it stands, in a transaction of its own. */
    async look(document: Declared<'Monitor'>): Promise<Opened | undefined> {
      const target = await targetOf(document)
      return await sql.transaction((tx) => open(tx, document, target))
    },
    /** Forgets what both signals saw; what was counted stays counted. */
    async reset(project: string, name: string): Promise<void> {
      await sql.transaction(async (tx) => {
        const kept = await store.findMonitor(tx, project, name, lockRows)
        if (!kept) return
        const nowMs = clock.now()
        await store.saveMonitor(
          tx,
          project,
          name,
          { ...kept.state, features: freshSignal, error: freshSignal, others: {}, resetAt: nowMs },
          nowMs,
        )
      })
    },
  }
}

const MOST_REFERENCES = 100

/**
 * What each declared segment is watched against; worked out once for each reference and declaration. Where the rows of the reference are
 * lost there is nothing, and all rows together are watched all the same.
 */
function createSegmentReferences(tables: ReferenceTables) {
  const kept = new Map<string, readonly Segment[]>()
  return async (spec: MonitorSpec, reference: store.StoredProfile): Promise<readonly Segment[]> => {
    const key = JSON.stringify([reference.digest, spec.segments])
    const found = kept.get(key)
    if (found) return found
    const table = await tables.read(reference).catch((error: unknown) => {
      if (tables.problemOf(reference) === null) throw error
    })
    if (!table) return []
    const made = segmentReferences(spec, featuresOf(table), sampledRowsOf(table))
    if (kept.size >= MOST_REFERENCES) kept.delete(kept.keys().next().value!)
    kept.set(key, made)
    return made
  }
}
