import type { Change, Document } from '../../../contract/documents.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import type { Manifest } from '../../../contract/kinds.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { differenceOf } from './difference.ts'
import * as store from './store.ts'

/** Works out what applying a manifest changes, and writes a change as a new version. */
export function createChanges({ clock, ledger, bus }: { clock: Clock; ledger: Ledger; bus: Bus }) {
  async function write(tx: Tx, caller: Caller, document: Document, change: Change, deleted: boolean) {
    const key = [caller.project, document.kind, document.metadata.name]
    await store.insertVersion(tx, caller.project, document, deleted)
    const entry = { caller, reason: document.reason, operation: deleted ? 'documents.delete' : 'documents.apply' }
    await ledger.seal(tx, { ...entry, table: store.versionsTable, key: [...key, document.version] })
    await ledger.seal(tx, { ...entry, table: store.documentsTable, key })
    await bus.publish(tx, {
      name: deleted ? 'documents.deleted' : 'documents.applied',
      project: caller.project,
      subject: `${document.kind}/${document.metadata.name}`,
      data: { kind: document.kind, name: document.metadata.name, version: document.version, change: change.change },
    })
  }

  async function plan(tx: Tx, manifest: Manifest, caller: Caller, reason: string): Promise<{ change: Change; document: Document }> {
    const { kind, metadata } = manifest
    const head = await store.findHead(tx, { project: caller.project, kind, name: metadata.name })
    const before =
      head && !head.deleted ? await store.findVersion(tx, { project: caller.project, kind, name: metadata.name }, head.version) : undefined
    const fields = differenceOf(before && { metadata: before.metadata, spec: before.spec }, {
      metadata: withoutProject(metadata),
      spec: manifest.spec,
    })
    const kindOfChange = !before ? 'created' : fields.length > 0 ? 'updated' : 'unchanged'
    const version = kindOfChange === 'unchanged' ? head!.version : (head?.version ?? 0) + 1
    const document: Document = {
      ...manifest,
      metadata: withoutProject(metadata),
      version,
      appliedAt: clock.now(),
      appliedBy: caller.id,
      reason,
    }
    return { document, change: { kind, name: metadata.name, change: kindOfChange, version, fields } }
  }

  return { plan, write }
}

function withoutProject({ project: _project, ...metadata }: Manifest['metadata']): Manifest['metadata'] {
  return metadata
}
