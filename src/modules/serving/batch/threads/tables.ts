import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { Client } from 'pg'
import { AppError, messageFrom } from '../../../../contract/errors.ts'
import { readPart } from './assemble.ts'
import type { Stamp, Tasks, Warehouse } from './messages.ts'
import { openPostgres } from './postgres.ts'

const quoted = (name: string) =>
  name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
const columnsOf = (keyName: string) => ['ds', keyName, 'score', 'prediction', 'model_version', 'run_id', 'scored_at'].map(quoted).join(', ')
const definition = (table: string, keyName: string) =>
  `CREATE TABLE IF NOT EXISTS ${quoted(table)} (ds TEXT NOT NULL, ${quoted(keyName)} TEXT NOT NULL, score DOUBLE PRECISION NOT NULL,
   prediction INTEGER NOT NULL, model_version INTEGER NOT NULL, run_id TEXT NOT NULL, scored_at TEXT NOT NULL,
   PRIMARY KEY (ds, ${quoted(keyName)}))`
const ROWS_AT_ONCE = 4_096

type Rows = { readonly keys: readonly string[]; readonly scores: Float64Array; readonly predictions: Uint8Array }
/** What is done to a database, whichever it is. */
type Database = {
  run(sql: string, parameters?: readonly unknown[]): Promise<number>
  insert(table: string, keyName: string, ds: string, rows: Rows, stamp: Stamp): Promise<void>
  close(): Promise<void>
}

/** Fills a staging table anew with the rows of the parts. The digest covers keys, scores and predictions in their order. */
export async function writeTable({
  to,
  table,
  staging,
  ds,
  parts,
  keyName,
  stamp,
}: Tasks['writeTable']['given']): Promise<Tasks['writeTable']['gives']> {
  const database = await open(to)
  const hash = createHash('sha256')
  let rows = 0
  try {
    await database.run(definition(table, keyName))
    await database.run(`DROP TABLE IF EXISTS ${quoted(staging)}`)
    await database.run(definition(staging, keyName))
    for (const part of parts) {
      const read = await readPart({ part, keyName })
      hash.update(JSON.stringify(read.keys)).update(new Uint8Array(read.scores.buffer)).update(read.predictions)
      await database.insert(staging, keyName, ds, read, stamp)
      rows += read.keys.length
    }
  } finally {
    await database.close()
  }
  return { rows, digest: hash.digest('hex') }
}

/** Replaces the partition by the staged rows in one transaction; done already when the staging table is gone. */
export async function swapTable({ to, table, staging, ds, keyName }: Tasks['swapTable']['given']): Promise<Tasks['swapTable']['gives']> {
  const database = await open(to)
  const mark = to.kind === 'sqlite' ? '?' : '$1'
  try {
    await database.run(to.kind === 'sqlite' ? 'BEGIN IMMEDIATE' : 'BEGIN')
    await database.run(`DELETE FROM ${quoted(table)} WHERE ds = ${mark}`, [ds])
    const columns = columnsOf(keyName)
    const rows = await database.run(`INSERT INTO ${quoted(table)} (${columns}) SELECT ${columns} FROM ${quoted(staging)}`)
    await database.run(`DROP TABLE ${quoted(staging)}`)
    await database.run('COMMIT')
    return { rows }
  } finally {
    await database.close()
  }
}

export async function dropTable({ to, table }: Tasks['dropTable']['given']): Promise<Tasks['dropTable']['gives']> {
  const database = await open(to)
  try {
    await database.run(`DROP TABLE IF EXISTS ${quoted(table)}`)
  } finally {
    await database.close()
  }
  return { dropped: true }
}

function open(to: Warehouse): Promise<Database> | Database {
  return to.kind === 'sqlite' ? openSqlite(to.file) : openWarehouse(to)
}

function failed(error: unknown): AppError {
  return new AppError('unavailable', `the destination refused: ${messageFrom(error)}`, {}, error)
}

function openSqlite(file: string): Database {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(file, { timeout: 10_000 })
  } catch (error) {
    throw new AppError('unavailable', `the SQLite file ${file} cannot be opened: ${messageFrom(error)}`, {}, error)
  }
  const attempt = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw failed(error)
    }
  }
  return {
    run: async (sql, parameters = []) => attempt(() => Number(database.prepare(sql).run(...(parameters as string[])).changes)),
    async insert(table, keyName, ds, { keys, scores, predictions }, { version, run, atMs }) {
      attempt(() => {
        const insert = database.prepare(`INSERT INTO ${quoted(table)} (${columnsOf(keyName)}) VALUES (?, ?, ?, ?, ?, ?, ?)`)
        const at = new Date(atMs).toISOString()
        database.exec('BEGIN')
        for (const [i, key] of keys.entries()) insert.run(ds, key, scores[i]!, predictions[i]!, version, run, at)
        database.exec('COMMIT')
      })
    },
    close: async () => database.close(),
  }
}

async function openWarehouse(to: Extract<Warehouse, { kind: 'postgresql' }>): Promise<Database> {
  const client: Client = await openPostgres(to)
  const ask = async (sql: string, values: readonly unknown[]) => {
    try {
      return await client.query(sql, [...values])
    } catch (error) {
      throw failed(error)
    }
  }
  return {
    run: async (sql, parameters = []) => (await ask(sql, parameters)).rowCount ?? 0,
    async insert(table, keyName, ds, { keys, scores, predictions }, { version, run, atMs }) {
      const at = new Date(atMs).toISOString()
      for (let from = 0; from < keys.length; from += ROWS_AT_ONCE) {
        const to = Math.min(keys.length, from + ROWS_AT_ONCE)
        await ask(
          `INSERT INTO ${quoted(table)} (${columnsOf(keyName)})
           SELECT $1, key, score, prediction, $5::integer, $6, $7
           FROM unnest($2::text[], $3::double precision[], $4::integer[]) AS rows (key, score, prediction)`,
          [ds, keys.slice(from, to), [...scores.subarray(from, to)], [...predictions.subarray(from, to)], version, run, at],
        )
      }
    },
    close: () => client.end(),
  }
}
