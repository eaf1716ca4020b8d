import type { Clock } from '../../../infra/clock.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { thresholdOf } from '../../../lib/processing/processing.ts'
import type { Declared, Documents } from '../../govern/documents/index.ts'
import type { Registry } from '../../models/registry/index.ts'
import * as store from './store.ts'
import { freshSignal } from './watching.ts'

type Deps = { sql: Sql; clock: Clock; documents: Documents; registry: Registry }
export type Targets = ReturnType<typeof createTargets>
/** A monitor with its state and the reference it watches against. */
export type Opened = {
  readonly project: string
  readonly name: string
  readonly monitor: store.StoredMonitor
  readonly reference: store.StoredProfile
  readonly threshold: number
}

/** Finds what a monitor watches, and opens and resets its state. */
export function createTargets({ sql, clock, documents, registry }: Deps) {
  const lockRows = sql.dialect === 'postgresql'

  /** What a monitor watches: its deployment’s champion. */
  async function targetOf({ project, spec }: Declared<'Monitor'>) {
    const target = await documents.find('Deployment', project, spec.deployment)
    const champion = target && (await registry.champion(project, target.spec.model))
    return target && champion && { champion, threshold: thresholdOf(champion.processing, target.spec.threshold) }
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
    const { version } = target.champion
    const same = kept && kept.version === version && JSON.stringify(kept.spec) === JSON.stringify(spec)
    const monitor: store.StoredMonitor = same
      ? kept
      : { spec, version, features: freshSignal, error: freshSignal, counted: kept?.counted ?? {}, resetAt: clock.now() }
    return { monitor, reference, threshold: target.threshold, project, name: metadata.name }
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
        await store.saveMonitor(tx, project, name, { ...kept.state, features: freshSignal, error: freshSignal, resetAt: nowMs }, nowMs)
      })
    },
  }
}
