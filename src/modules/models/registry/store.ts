import type { Alias, AliasRecord, Model, ModelVersion } from '../../../contract/registry.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const modelsTable: AuditedTable = { table: 'models', key: ['project', 'name'] }
export const versionsTable: AuditedTable = { table: 'model_versions', key: ['project', 'model', 'version'] }
export const aliasesTable: AuditedTable = { table: 'model_aliases', key: ['project', 'model', 'alias'] }

type VersionRow = {
  project: string
  model: string
  version: number
  digest: string
  size_bytes: number
  facts: string
  features: string
  reference: string | null
  evaluation: string | null
  manifest: string
  owner: string
  tags: string
  warnings: string
  created_at: number
  created_by: string
}
type AliasRow = {
  project: string
  model: string
  alias: string
  version: number
  previous_version: number | null
  moved_at: number
  moved_by: string
  reason: string
}
type Tables = {
  models: { project: string; name: string; latest_version: number; created_at: number }
  model_versions: VersionRow
  model_aliases: AliasRow
}

const tables = (db: Db) => db.db.withTables<Tables>()

/** Takes the next version number of a model, creating the model with its first. Rows lock, so numbers are given once. */
export async function takeVersionNumber(db: Db, project: string, name: string, nowMs: number): Promise<number> {
  const row = await tables(db)
    .insertInto('models')
    .values({ project, name, latest_version: 1, created_at: nowMs })
    .onConflict((conflict) =>
      conflict.columns(['project', 'name']).doUpdateSet((eb) => ({ latest_version: eb('models.latest_version', '+', 1) })),
    )
    .returning('latest_version')
    .executeTakeFirstOrThrow()
  return row.latest_version
}

export async function insertVersion(db: Db, project: string, v: ModelVersion): Promise<void> {
  await tables(db)
    .insertInto('model_versions')
    .values({
      project,
      model: v.model,
      version: v.version,
      digest: v.digest,
      size_bytes: v.sizeBytes,
      facts: JSON.stringify(v.facts),
      features: JSON.stringify(v.features),
      reference: v.reference,
      evaluation: v.evaluation && JSON.stringify(v.evaluation),
      manifest: JSON.stringify(v.manifest),
      owner: v.owner,
      tags: JSON.stringify(v.tags),
      warnings: JSON.stringify(v.warnings),
      created_at: v.createdAt,
      created_by: v.createdBy,
    })
    .execute()
}

export async function deleteVersion(db: Db, project: string, model: string, version: number): Promise<void> {
  await tables(db)
    .deleteFrom('model_versions')
    .where('project', '=', project)
    .where('model', '=', model)
    .where('version', '=', version)
    .execute()
}

export async function findVersion(db: Db, project: string, model: string, version: number): Promise<ModelVersion | undefined> {
  const row = await tables(db)
    .selectFrom('model_versions')
    .selectAll()
    .where('project', '=', project)
    .where('model', '=', model)
    .where('version', '=', version)
    .executeTakeFirst()
  return row && versionFromRow(row, await listAliases(db, project, model))
}

export async function listVersions(db: Db, project: string, model: string, limit: number): Promise<ModelVersion[]> {
  const rows = await tables(db)
    .selectFrom('model_versions')
    .selectAll()
    .where('project', '=', project)
    .where('model', '=', model)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute()
  const aliases = await listAliases(db, project, model)
  return rows.map((row) => versionFromRow(row, aliases))
}

export async function findModel(db: Db, project: string, name: string): Promise<Model | undefined> {
  const row = await tables(db).selectFrom('models').selectAll().where('project', '=', project).where('name', '=', name).executeTakeFirst()
  return (
    row && { name: row.name, createdAt: row.created_at, latestVersion: row.latest_version, aliases: await listAliases(db, project, name) }
  )
}

export async function listModels(db: Db, project: string, limit: number): Promise<Model[]> {
  const rows = await tables(db).selectFrom('models').selectAll().where('project', '=', project).orderBy('name').limit(limit).execute()
  const aliases = await tables(db).selectFrom('model_aliases').selectAll().where('project', '=', project).execute()
  return rows.map((row) => ({
    name: row.name,
    createdAt: row.created_at,
    latestVersion: row.latest_version,
    aliases: aliases.filter((alias) => alias.model === row.name).map(aliasFromRow),
  }))
}

export async function listAliases(db: Db, project: string, model: string): Promise<AliasRecord[]> {
  const rows = await tables(db)
    .selectFrom('model_aliases')
    .selectAll()
    .where('project', '=', project)
    .where('model', '=', model)
    .orderBy('alias')
    .execute()
  return rows.map(aliasFromRow)
}

export async function findAlias(db: Db, project: string, model: string, alias: Alias): Promise<AliasRecord | undefined> {
  return (await listAliases(db, project, model)).find((record) => record.alias === alias)
}

export async function saveAlias(db: Db, project: string, record: AliasRecord): Promise<void> {
  const moved = {
    version: record.version,
    previous_version: record.previousVersion,
    moved_at: record.movedAt,
    moved_by: record.movedBy,
    reason: record.reason,
  }
  await tables(db)
    .insertInto('model_aliases')
    .values({ project, model: record.model, alias: record.alias, ...moved })
    .onConflict((conflict) => conflict.columns(['project', 'model', 'alias']).doUpdateSet(moved))
    .execute()
}

export async function deleteAlias(db: Db, project: string, model: string, alias: Alias): Promise<void> {
  await tables(db)
    .deleteFrom('model_aliases')
    .where('project', '=', project)
    .where('model', '=', model)
    .where('alias', '=', alias)
    .execute()
}

function aliasFromRow(row: AliasRow): AliasRecord {
  return {
    model: row.model,
    alias: row.alias as Alias,
    version: row.version,
    previousVersion: row.previous_version,
    movedAt: row.moved_at,
    movedBy: row.moved_by,
    reason: row.reason,
  }
}

function versionFromRow(row: VersionRow, aliases: readonly AliasRecord[]): ModelVersion {
  return {
    model: row.model,
    version: row.version,
    digest: row.digest,
    sizeBytes: row.size_bytes,
    format: 'onnx',
    facts: JSON.parse(row.facts),
    features: JSON.parse(row.features),
    reference: row.reference,
    evaluation: row.evaluation === null ? null : JSON.parse(row.evaluation),
    manifest: JSON.parse(row.manifest),
    owner: row.owner,
    tags: JSON.parse(row.tags),
    warnings: JSON.parse(row.warnings),
    aliases: aliases.filter((alias) => alias.version === row.version).map((alias) => alias.alias),
    createdAt: row.created_at,
    createdBy: row.created_by,
  }
}
