import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { compileLinearRegex, type LinearRegex } from '../../lib/linear-regex.ts'

/** Rows as arrays: column names travel once, whatever the number of rows. */
export type Answer = { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[]; readonly changes: number }

export type SqliteDatabase = {
  execute(sql: string, parameters: readonly unknown[]): Answer
  close(): void
}

/** How long to wait for another process that holds the file, such as a backup. */
const BUSY_TIMEOUT_MS = 5_000
const STATEMENT_CACHE_SIZE = 500
const WAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
const PAGE_CACHE_KIB = 32 * 1024

/** Texts are searched up to here, so that one row cannot hold up the thread. */
const REGEXP_LIMIT_CHARACTERS = 100_000

/** `text REGEXP pattern`, which SQLite leaves to its host: 1, 0, or null where there is no text. */
function createRegexp() {
  let last: { readonly pattern: string; readonly regex: LinearRegex } | undefined
  return (pattern: SQLInputValue, text: SQLInputValue): number | null => {
    if (typeof pattern !== 'string' || text === null) return null
    if (last?.pattern !== pattern) last = { pattern, regex: compileLinearRegex(pattern) }
    return last.regex.test(String(text).slice(0, REGEXP_LIMIT_CHARACTERS)) ? 1 : 0
  }
}

/**
 * Opens a database so that an acknowledged commit survives power loss: write-ahead log, and a flush at every commit
 * (on macOS through the drive's own cache). `LIKE` heeds case, as it does on PostgreSQL. Throws what `node:sqlite` throws.
 */
export function openSqliteDatabase(file: string): SqliteDatabase {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
  const statements = new Map<string, StatementSync>()
  db.function('regexp', { deterministic: true }, createRegexp())
  for (const pragma of [
    'journal_mode = WAL',
    'synchronous = FULL',
    'fullfsync = ON',
    'checkpoint_fullfsync = ON',
    'case_sensitive_like = ON',
    'trusted_schema = OFF',
    'temp_store = MEMORY',
    `journal_size_limit = ${WAL_SIZE_LIMIT_BYTES}`,
    `cache_size = -${PAGE_CACHE_KIB}`,
  ]) {
    db.exec(`PRAGMA ${pragma}`)
  }

  function prepare(sql: string): StatementSync {
    const known = statements.get(sql)
    if (known) {
      statements.delete(sql)
      statements.set(sql, known)
      return known
    }
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    statements.set(sql, statement)
    if (statements.size > STATEMENT_CACHE_SIZE) statements.delete(statements.keys().next().value!)
    return statement
  }

  return {
    execute(sql, parameters) {
      // A statement that fails for want of space ends the transaction by itself; there is nothing left to roll back then.
      if (sql === 'rollback' && !db.isTransaction) return { columns: [], rows: [], changes: 0 }
      const statement = prepare(sql)
      const columns = statement.columns().map((column) => column.name)
      const values = parameters as SQLInputValue[]
      if (columns.length === 0) return { columns, rows: [], changes: Number(statement.run(...values).changes) }
      const rows = statement.all(...values) as unknown as unknown[][]
      return { columns, rows, changes: rows.length }
    },
    close: () => db.close(),
  }
}
