import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { AppError, messageFrom } from '../../contract/errors.ts'
import type { Db, Dialect } from './store.ts'

export type Migration = { readonly file: string; readonly checksum: string; readonly statements: readonly string[] }

type MigrationTables = { setpoint_migrations: { file: string; checksum: string; applied_at: number } }

const FILE_NAME = /^\d{4}-[a-z0-9-]+\.sql$/

/** The migrations of a folder, in the order they apply. Throws `invalid` for a file whose name does not say its place. */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const names = await readdir(folder).catch((cause) => {
    throw new AppError('invalid', `the folder of migrations ${folder} cannot be read: ${messageFrom(cause)}`, { folder }, cause)
  })
  const files = names.filter((name) => name.endsWith('.sql')).sort()
  const misnamed = files.find((name) => !FILE_NAME.test(name))
  if (misnamed) throw new AppError('invalid', `migration ${misnamed} must be named NNNN-module-what.sql`, { file: misnamed })
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), 'utf8')
      return { file, checksum: createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex'), statements: statementsOf(text) }
    }),
  )
}

/** A statement ends with `;` at the end of a line; whole-line `--` comments are left out. */
export function statementsOf(text: string): readonly string[] {
  const code = text
    .split(/\r?\n/)
    .filter((line) => !/^\s*--/.test(line))
    .join('\n')
  return code
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

/**
 * Applies in `tx` what has not been applied, and records it. Throws `conflict` when an applied file was changed
 * afterwards, or is unknown because a newer Setpoint applied it; `invalid` with the file when a statement fails.
 * Returns the files applied now.
 */
export async function applyMigrations(
  { db }: Db,
  { migrations, dialect, nowMs }: { migrations: readonly Migration[]; dialect: Dialect; nowMs: number },
): Promise<readonly string[]> {
  const own = db.withTables<MigrationTables>()
  await sql
    .raw(
      'CREATE TABLE IF NOT EXISTS setpoint_migrations (file TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)',
    )
    .execute(db)
  const applied = new Map((await own.selectFrom('setpoint_migrations').selectAll().execute()).map((row) => [row.file, row.checksum]))
  refuseStrangers(applied, migrations)
  const pending = migrations.filter(({ file }) => !applied.has(file))
  for (const { file, checksum, statements } of pending) {
    for (const statement of statements) {
      await sql
        .raw(dialect === 'postgresql' ? withByteOrder(statement) : statement)
        .execute(db)
        .catch((cause) => {
          throw new AppError('invalid', `migration ${file} failed: ${messageFrom(cause)} in: ${statement.slice(0, 200)}`, { file }, cause)
        })
    }
    await own.insertInto('setpoint_migrations').values({ file, checksum, applied_at: nowMs }).execute()
  }
  return pending.map(({ file }) => file)
}

function refuseStrangers(applied: ReadonlyMap<string, string>, migrations: readonly Migration[]) {
  const known = new Map(migrations.map((migration) => [migration.file, migration.checksum]))
  for (const [file, checksum] of applied) {
    if (!known.has(file)) {
      throw new AppError('conflict', `the database has migration ${file}, which this Setpoint does not know; start the newer Setpoint`, {
        file,
      })
    }
    if (known.get(file) !== checksum) {
      throw new AppError('conflict', `migration ${file} was changed after it was applied; restore it and write a new file instead`, {
        file,
      })
    }
  }
}

/** Text sorts and compares by bytes on SQLite; a PostgreSQL column does so when told, whatever the database's locale. */
function withByteOrder(statement: string): string {
  if (!/^(create|alter)\s+table/i.test(statement)) return statement
  return statement
    .split(/('(?:[^']|'')*')/)
    .map((part) => (part.startsWith("'") ? part : part.replace(/\bTEXT\b/gi, 'TEXT COLLATE "C"')))
    .join('')
}
