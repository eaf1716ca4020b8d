import type { Alias, AliasRecord } from '../../../contract/model-record.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const aliasesTable: AuditedTable = { table: 'model_aliases', key: ['project', 'model', 'alias'] }

export type AliasRow = {
  project: string
  model: string
  alias: string
  version: number
  previous_version: number | null
  moved_at: number
  moved_by: string
  reason: string
}

const tables = (db: Db) => db.db.withTables<{ model_aliases: AliasRow }>()

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

export function aliasFromRow(row: AliasRow): AliasRecord {
  return {
    model: row.model,
    alias: row.alias,
    version: row.version,
    previousVersion: row.previous_version,
    movedAt: row.moved_at,
    movedBy: row.moved_by,
    reason: row.reason,
  }
}
