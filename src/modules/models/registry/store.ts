import type { AliasRecord, Model, ModelVersion, Stage } from '../../../contract/model-record.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'
import { type AliasRow, aliasFromRow, listAliases } from './alias-store.ts'

export const modelsTable: AuditedTable = { table: 'models', key: ['project', 'name'] }
export const versionsTable: AuditedTable = { table: 'model_versions', key: ['project', 'model', 'version'] }

type ModelRow = {
  project: string
  name: string
  latest_version: number
  created_at: number
  description: string | null
  tags: string | null
  updated_at: number | null
  created_by: string | null
}
type VersionRow = {
  project: string
  model: string
  version: number
  digest: string | null
  size_bytes: number | null
  facts: string | null
  features: string
  reference: string | null
  evaluation: string | null
  manifest: string
  owner: string
  tags: string
  warnings: string
  created_at: number
  created_by: string
  format: string | null
  source: string | null
  run_id: string | null
  stage: string | null
  updated_at: number | null
  record: string | null
}
type Tables = { models: ModelRow; model_versions: VersionRow; model_aliases: AliasRow }

const tables = (db: Db) => db.db.withTables<Tables>()

/** Takes the next version number of a model, creating the model with its first. Rows lock, so numbers are given once. */
export async function takeVersionNumber(db: Db, project: string, name: string, creator: string, nowMs: number): Promise<number> {
  const row = await tables(db)
    .insertInto('models')
    .values({ ...newModelRow(project, name, creator, nowMs), latest_version: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(['project', 'name'])
        .doUpdateSet((eb) => ({ latest_version: eb('models.latest_version', '+', 1), updated_at: nowMs })),
    )
    .returning('latest_version')
    .executeTakeFirstOrThrow()
  return row.latest_version
}

function newModelRow(project: string, name: string, creator: string, nowMs: number): ModelRow {
  return { project, name, latest_version: 0, created_at: nowMs, description: null, tags: null, updated_at: nowMs, created_by: creator }
}

/** Answers false when the project has a model of that name. */
export async function insertModel(db: Db, project: string, model: Model): Promise<boolean> {
  const inserted = await tables(db)
    .insertInto('models')
    .values({
      ...newModelRow(project, model.name, model.createdBy ?? '', model.createdAt),
      latest_version: model.latestVersion,
      description: model.description,
      tags: JSON.stringify(model.tags),
    })
    .onConflict((conflict) => conflict.columns(['project', 'name']).doNothing())
    .executeTakeFirst()
  return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n
}

export async function saveModel(db: Db, project: string, model: Model): Promise<void> {
  await tables(db)
    .updateTable('models')
    .set({ description: model.description, tags: JSON.stringify(model.tags), updated_at: model.updatedAt })
    .where('project', '=', project)
    .where('name', '=', model.name)
    .execute()
}

export async function deleteModel(db: Db, project: string, name: string): Promise<void> {
  await tables(db).deleteFrom('models').where('project', '=', project).where('name', '=', name).execute()
}

export async function findModel(db: Db, project: string, name: string): Promise<Model | undefined> {
  const row = await tables(db).selectFrom('models').selectAll().where('project', '=', project).where('name', '=', name).executeTakeFirst()
  return row && modelFromRow(row, await listAliases(db, project, name))
}

/** Models by name, from the one after `after` on. */
export async function listModels(db: Db, project: string, limit: number, after?: string): Promise<Model[]> {
  let query = tables(db).selectFrom('models').selectAll().where('project', '=', project).orderBy('name').limit(limit)
  if (after !== undefined) query = query.where('name', '>', after)
  const rows = await query.execute()
  if (rows.length === 0) return []
  const aliases = await tables(db)
    .selectFrom('model_aliases')
    .selectAll()
    .where('project', '=', project)
    .where('model', '>=', rows[0]!.name)
    .where('model', '<=', rows.at(-1)!.name)
    .orderBy('alias')
    .execute()
  const byModel = Map.groupBy(aliases.map(aliasFromRow), (alias) => alias.model)
  return rows.map((row) => modelFromRow(row, byModel.get(row.name) ?? []))
}

function modelFromRow(row: ModelRow, aliases: readonly AliasRecord[]): Model {
  return {
    name: row.name,
    description: row.description ?? '',
    tags: row.tags === null ? {} : JSON.parse(row.tags),
    createdAt: row.created_at,
    createdBy: row.created_by,
    updatedAt: row.updated_at ?? row.created_at,
    latestVersion: row.latest_version,
    aliases: [...aliases],
  }
}

export async function insertVersion(db: Db, project: string, version: ModelVersion): Promise<void> {
  await tables(db).insertInto('model_versions').values(rowFromVersion(project, version)).execute()
}

export async function saveVersion(db: Db, project: string, version: ModelVersion): Promise<void> {
  const { project: _project, model, version: number, ...row } = rowFromVersion(project, version)
  await tables(db)
    .updateTable('model_versions')
    .set(row)
    .where('project', '=', project)
    .where('model', '=', model)
    .where('version', '=', number)
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

/** What narrows a listing in the database itself; `after` is the last row of the page before. */
export type VersionRange = {
  readonly model?: string
  readonly runId?: string
  readonly stage?: Stage
  readonly after?: { readonly model: string; readonly version: number }
}

/** Versions by model and falling number. */
export async function pageVersions(db: Db, project: string, range: VersionRange, limit: number): Promise<ModelVersion[]> {
  const { model, runId, stage, after } = range
  let query = tables(db).selectFrom('model_versions').selectAll().where('project', '=', project)
  if (model !== undefined) query = query.where('model', '=', model)
  if (runId !== undefined) query = query.where('run_id', '=', runId)
  if (stage !== undefined) query = query.where('stage', '=', stage)
  if (after)
    query = query.where((eb) =>
      eb.or([eb('model', '>', after.model), eb.and([eb('model', '=', after.model), eb('version', '<', after.version)])]),
    )
  const rows = await query.orderBy('model').orderBy('version', 'desc').limit(limit).execute()
  const aliases = new Map<string, AliasRecord[]>()
  for (const name of new Set(rows.map((row) => row.model))) aliases.set(name, await listAliases(db, project, name))
  return rows.map((row) => versionFromRow(row, aliases.get(row.model) ?? []))
}

export async function listVersions(db: Db, project: string, model: string, limit: number): Promise<ModelVersion[]> {
  return await pageVersions(db, project, { model }, limit)
}

/** The versions of any model that were registered from a source. */
export async function versionsFromSource(db: Db, project: string, source: string): Promise<{ model: string; version: number }[]> {
  return await tables(db)
    .selectFrom('model_versions')
    .select(['model', 'version'])
    .where('project', '=', project)
    .where('source', '=', source)
    .orderBy('model')
    .orderBy('version')
    .execute()
}

function rowFromVersion(project: string, v: ModelVersion): VersionRow {
  const { storage, loggedModel, runLink, description, flavors, signature, unsafe, semanticVersion, processing } = v
  return {
    project,
    model: v.model,
    version: v.version,
    digest: v.digest,
    size_bytes: v.sizeBytes,
    facts: v.facts && JSON.stringify(v.facts),
    features: JSON.stringify(v.features),
    reference: v.reference,
    evaluation: v.evaluation && JSON.stringify(v.evaluation),
    manifest: JSON.stringify(v.manifest),
    owner: v.owner,
    tags: JSON.stringify(v.tags),
    warnings: JSON.stringify(v.warnings),
    created_at: v.createdAt,
    created_by: v.createdBy,
    format: v.format,
    source: v.source,
    run_id: v.runId,
    stage: v.stage,
    updated_at: v.updatedAt,
    record: JSON.stringify({ storage, loggedModel, runLink, description, flavors, signature, unsafe, semanticVersion, processing }),
  }
}

/** What rows written before the record had these fields are read as. */
const plain = {
  storage: null,
  loggedModel: null,
  runLink: null,
  description: '',
  flavors: [] as string[],
  signature: null,
  unsafe: [] as string[],
  semanticVersion: null,
  processing: null,
}

function versionFromRow(row: VersionRow, aliases: readonly AliasRecord[]): ModelVersion {
  return {
    ...plain,
    ...(row.record === null ? {} : (JSON.parse(row.record) as typeof plain)),
    model: row.model,
    version: row.version,
    digest: row.digest,
    sizeBytes: row.size_bytes,
    format: row.format ?? 'onnx',
    facts: row.facts === null ? null : JSON.parse(row.facts),
    features: JSON.parse(row.features),
    source: row.source,
    runId: row.run_id,
    stage: (row.stage ?? 'experimental') as Stage,
    reference: row.reference,
    evaluation: row.evaluation === null ? null : JSON.parse(row.evaluation),
    manifest: JSON.parse(row.manifest),
    owner: row.owner,
    tags: JSON.parse(row.tags),
    warnings: JSON.parse(row.warnings),
    aliases: aliases.filter((alias) => alias.version === row.version).map((alias) => alias.alias),
    createdAt: row.created_at,
    createdBy: row.created_by,
    updatedAt: row.updated_at ?? row.created_at,
  }
}
