import { sql as raw } from 'kysely'
import type { LedgerEntry } from '../../../contract/ledger.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'

/** A table whose every row is sealed by the ledger; `key` names the columns that identify a row. */
export type AuditedTable = { readonly table: string; readonly key: readonly string[] }
export type Row = Readonly<Record<string, unknown>>

type EntryRow = {
  n: number
  at: number
  project: string
  actor: string
  reason: string
  operation: string
  subject: string
  before_digest: string | null
  after_digest: string | null
  state: string
  previous_hash: string
  hash: string
}
type Tables = { ledger_entries: EntryRow; ledger_head: { id: number; n: number; hash: string } }

export type Store = ReturnType<typeof createStore>

export function createStore(sql: Sql) {
  const tables = (db: Db) => db.db.withTables<Tables>()
  return {
    /** The newest link, locked until the transaction ends so that links are made one at a time. */
    async lockHead(db: Db): Promise<{ n: number; hash: string }> {
      const query = tables(db).selectFrom('ledger_head').select(['n', 'hash']).where('id', '=', 1)
      return await (sql.dialect === 'postgresql' ? query.forUpdate() : query).executeTakeFirstOrThrow()
    },
    async append(db: Db, entry: LedgerEntry): Promise<void> {
      await tables(db).insertInto('ledger_entries').values(rowFromEntry(entry)).execute()
      await tables(db).updateTable('ledger_head').set({ n: entry.n, hash: entry.hash }).where('id', '=', 1).execute()
    },
    async head(db: Db): Promise<{ n: number; hash: string }> {
      return await tables(db).selectFrom('ledger_head').select(['n', 'hash']).where('id', '=', 1).executeTakeFirstOrThrow()
    },
    async newestOf(db: Db, subject: string): Promise<LedgerEntry | undefined> {
      const row = await tables(db)
        .selectFrom('ledger_entries')
        .selectAll()
        .where('subject', '=', subject)
        .orderBy('n', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row && entryFromRow(row)
    },
    async list(db: Db, filter: { project: string; subject?: string; before?: number; limit: number }): Promise<LedgerEntry[]> {
      let query = tables(db).selectFrom('ledger_entries').selectAll().where('project', '=', filter.project)
      if (filter.subject !== undefined) query = query.where('subject', '=', filter.subject)
      if (filter.before !== undefined) query = query.where('n', '<', filter.before)
      return (await query.orderBy('n', 'desc').limit(filter.limit).execute()).map(entryFromRow)
    },
    async about(db: Db, project: string, subject: string, match: 'exact' | 'prefix'): Promise<LedgerEntry[]> {
      const query = tables(db).selectFrom('ledger_entries').selectAll().where('project', '=', project)
      const range =
        match === 'exact'
          ? query.where('subject', '=', subject)
          : query.where('subject', '>=', subject).where('subject', '<', `${subject}\u{10ffff}`)
      return (await range.orderBy('n').execute()).map(entryFromRow)
    },
    async page(db: Db, after: number, limit: number, project?: string): Promise<LedgerEntry[]> {
      let query = tables(db).selectFrom('ledger_entries').selectAll().where('n', '>', after)
      if (project !== undefined) query = query.where('project', '=', project)
      return (await query.orderBy('n').limit(limit).execute()).map(entryFromRow)
    },
    async readRow(db: Db, { table, key }: AuditedTable, values: readonly (string | number)[]): Promise<Row | null> {
      const conditions = key.map((column, i) => raw`${raw.ref(column)} = ${values[i]}`)
      const result = await raw<Row>`select * from ${raw.table(table)} where ${raw.join(conditions, raw` and `)}`.execute(db.db)
      return result.rows[0] ?? null
    },
    async rowsOf(db: Db, { table, key }: AuditedTable, offset: number, limit: number): Promise<Row[]> {
      const order = raw.join(key.map((column) => raw.ref(column)))
      return (await raw<Row>`select * from ${raw.table(table)} order by ${order} limit ${limit} offset ${offset}`.execute(db.db)).rows
    },
  }
}

function rowFromEntry(entry: LedgerEntry): EntryRow {
  const { before, after, previousHash, state, ...same } = entry
  return { ...same, before_digest: before, after_digest: after, previous_hash: previousHash, state: JSON.stringify(state) }
}

function entryFromRow(row: EntryRow): LedgerEntry {
  const { before_digest, after_digest, previous_hash, state, ...same } = row
  return { ...same, before: before_digest, after: after_digest, previousHash: previous_hash, state: JSON.parse(state) }
}
