import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Columns } from './columns.ts'

type Migration = { readonly name: string; readonly digest: string; readonly statements: readonly string[] }

/** The statements of a migration file: each ends with a semicolon at the end of a line; lines that start with `--` are comments. */
function statementsFrom(text: string): string[] {
  const code = text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('--'))
    .join('\n')
  return code
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

/**
 * Applies the migrations of `folder` that this store has not seen, in the order of their names, and records each. A
 * statement must bear being run twice (`IF NOT EXISTS`): after a crash in the middle of a file the file is run again.
 * Throws `conflict` when a file that was applied has changed or is gone.
 */
export async function applyColumnMigrations(
  columns: Pick<Columns, 'query' | 'insert' | 'execute'>,
  folder: string,
  clock: Clock,
  log: Log,
): Promise<void> {
  await columns.execute(
    `CREATE TABLE IF NOT EXISTS columns_migrations (name String, digest String, applied_at DateTime64(3, 'UTC'))
     ENGINE = MergeTree ORDER BY name SETTINGS non_replicated_deduplication_window = 1000`,
  )
  const applied = await columns.query<{ name: string; digest: string }>(
    'SELECT name, any(digest) AS digest FROM columns_migrations GROUP BY name',
  )
  const migrations = await migrationsIn(folder)
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const { name, digest } of applied) {
    const file = known.get(name)
    if (file === undefined)
      throw new AppError(
        'conflict',
        `the telemetry store was migrated by ${name}, which is not in ${folder}; start the version of Setpoint that has it`,
      )
    if (file.digest !== digest)
      throw new AppError(
        'conflict',
        `${name} has changed since it was applied to the telemetry store; restore it and put the change in a new file`,
      )
  }
  const done = new Set(applied.map((row) => row.name))
  for (const { name, digest, statements } of migrations) {
    if (done.has(name)) continue
    for (const statement of statements) await columns.execute(statement)
    await columns.insert('columns_migrations', [{ name, digest, applied_at: clock.now() }], { token: `migration ${name}` })
    log.info('columns.migrated', { name, statements: statements.length })
  }
}

async function migrationsIn(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  const wrong = names.find((name) => !/^\d{4}-[a-z0-9-]+\.sql$/.test(name))
  if (wrong !== undefined) throw new AppError('invalid', `the migration ${wrong} needs a name such as 0001-telemetry-inference-records.sql`)
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), 'utf8')
      return { name, digest: createHash('sha256').update(text).digest('hex'), statements: statementsFrom(text) }
    }),
  )
}
