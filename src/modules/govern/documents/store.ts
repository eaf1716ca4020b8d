import type { Document } from '../../../contract/documents.ts'
import type { KindName } from '../../../contract/kinds.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../ledger/index.ts'

export const documentsTable: AuditedTable = { table: 'documents', key: ['project', 'kind', 'name'] }
export const versionsTable: AuditedTable = { table: 'document_versions', key: ['project', 'kind', 'name', 'version'] }

type Key = { readonly project: string; readonly kind: KindName; readonly name: string }
type VersionRow = {
  project: string
  kind: string
  name: string
  version: number
  owner: string | null
  labels: string
  spec: string
  deleted: number
  applied_at: number
  applied_by: string
  reason: string
}
type Tables = {
  documents: { project: string; kind: string; name: string; version: number; deleted: number }
  document_versions: VersionRow
}

const tables = (db: Db) => db.db.withTables<Tables>()

/** The newest version number of a document and whether it is in force; undefined when it never was. */
export async function findHead(db: Db, { project, kind, name }: Key): Promise<{ version: number; deleted: boolean } | undefined> {
  const row = await tables(db)
    .selectFrom('documents')
    .select(['version', 'deleted'])
    .where('project', '=', project)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst()
  return row && { version: row.version, deleted: row.deleted === 1 }
}

export async function insertVersion(db: Db, project: string, document: Document, deleted: boolean): Promise<void> {
  const { kind, metadata, version } = document
  const flag = deleted ? 1 : 0
  await tables(db)
    .insertInto('document_versions')
    .values({
      project,
      kind,
      name: metadata.name,
      version,
      owner: metadata.owner ?? null,
      labels: JSON.stringify(metadata.labels),
      spec: JSON.stringify(document.spec),
      deleted: flag,
      applied_at: document.appliedAt,
      applied_by: document.appliedBy,
      reason: document.reason,
    })
    .execute()
  await tables(db)
    .insertInto('documents')
    .values({ project, kind, name: metadata.name, version, deleted: flag })
    .onConflict((conflict) => conflict.columns(['project', 'kind', 'name']).doUpdateSet({ version, deleted: flag }))
    .execute()
}

export async function findVersion(db: Db, { project, kind, name }: Key, version: number): Promise<Document | undefined> {
  const row = await tables(db)
    .selectFrom('document_versions')
    .selectAll()
    .where('project', '=', project)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst()
  return row && documentFromRow(row)
}

export async function listVersions(db: Db, { project, kind, name }: Key): Promise<Document[]> {
  const rows = await tables(db)
    .selectFrom('document_versions')
    .selectAll()
    .where('project', '=', project)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .limit(1_000)
    .execute()
  return rows.map(documentFromRow)
}

/** Documents in force; of every project when `project` is absent. */
export async function listInForce(db: Db, filter: { project?: string; kind?: KindName }): Promise<(Document & { project: string })[]> {
  let query = tables(db)
    .selectFrom('documents as d')
    .innerJoin('document_versions as v', (join) =>
      join
        .onRef('v.project', '=', 'd.project')
        .onRef('v.kind', '=', 'd.kind')
        .onRef('v.name', '=', 'd.name')
        .onRef('v.version', '=', 'd.version'),
    )
    .selectAll('v')
    .where('d.deleted', '=', 0)
  if (filter.project !== undefined) query = query.where('d.project', '=', filter.project)
  if (filter.kind !== undefined) query = query.where('d.kind', '=', filter.kind)
  return (await query.orderBy('v.kind').orderBy('v.name').execute()).map((row) => ({ ...documentFromRow(row), project: row.project }))
}

function documentFromRow(row: VersionRow): Document {
  return {
    apiVersion: 'setpoint/v1',
    kind: row.kind as KindName,
    metadata: { name: row.name, ...(row.owner === null ? {} : { owner: row.owner }), labels: JSON.parse(row.labels) },
    spec: JSON.parse(row.spec),
    version: row.version,
    appliedAt: row.applied_at,
    appliedBy: row.applied_by,
    reason: row.reason,
  }
}
