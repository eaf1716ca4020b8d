import { DatabaseSync } from 'node:sqlite'
import type { Client } from 'pg'
import { AppError, messageFrom } from '../../../../contract/errors.ts'
import type { StagedColumns, Tasks } from './messages.ts'
import { openPostgres } from './postgres.ts'
import { createStage } from './stage-rows.ts'

const FETCH_ROWS = 8_192

type Given = Tasks['stageSql']['given']
type Take = { readonly names: (names: readonly string[]) => void; readonly row: (cells: readonly unknown[]) => boolean }

/** Reads a query into staged files, in a transaction that can change nothing. */
export async function stageSql(given: Given): Promise<Tasks['stageSql']['gives']> {
  const { columns, folder, query, mostRows } = given
  const stage = createStage(folder, columns, 0)
  let places: { key: number; numbers: number[]; texts: number[]; newest: number } | undefined
  let newestMs: number | null = null
  let rows = 0
  const take: Take = {
    names(names) {
      places = placesOf(names, columns, query.newest)
    },
    row(cells) {
      const { key, numbers, texts, newest } = places!
      const id = cells[key]
      stage.add(
        id === null || id === undefined || id === '' ? null : String(id),
        numbers.map((place) => cells[place]),
        texts.map((place) => cells[place]),
      )
      if (newest >= 0) newestMs = Math.max(newestMs ?? Number.NEGATIVE_INFINITY, instantOf(cells[newest], query.newest!))
      rows += 1
      return rows !== mostRows
    },
  }
  if (given.from.kind === 'sqlite') readSqlite(given.from.file, given, take)
  else await readPostgres(given, take)
  return { files: stage.end(), newestMs }
}

function placesOf(names: readonly string[], { key, numbers, texts }: StagedColumns, newest: string | null) {
  const wanted = [key, ...numbers, ...texts, ...(newest === null ? [] : [newest])]
  const missing = [...new Set(wanted)].filter((name) => !names.includes(name))
  if (missing.length > 0)
    throw new AppError('invalid', `the query gives no column ${missing.slice(0, 10).join(', ')}; it gives ${names.join(', ')}`)
  const place = (name: string) => names.indexOf(name)
  return { key: place(key), numbers: numbers.map(place), texts: texts.map(place), newest: newest === null ? -1 : place(newest) }
}

function instantOf(value: unknown, column: string): number {
  const ms =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'number' || typeof value === 'bigint'
        ? Number(value)
        : Date.parse(String(value))
  if (Number.isNaN(ms)) throw new AppError('invalid', `column ${column} holds "${String(value)}", which is no time`)
  return ms
}

function readSqlite(file: string, { query, ds }: Given, take: Take): void {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(file, { readOnly: true })
  } catch (error) {
    throw new AppError('unavailable', `the SQLite file ${file} cannot be opened: ${messageFrom(error)}`, {}, error)
  }
  try {
    const statement = database.prepare(query.text)
    statement.setReturnArrays(true)
    take.names(statement.columns().map(({ name }) => name))
    for (const cells of statement.iterate(...new Array<string>(query.days).fill(ds)) as Iterable<unknown>)
      if (!take.row(cells as unknown[])) break
  } catch (error) {
    throw error instanceof AppError ? error : new AppError('invalid', `the query failed: ${messageFrom(error)}`, {}, error)
  } finally {
    database.close()
  }
}

async function readPostgres({ from, query, ds }: Given, take: Take): Promise<void> {
  if (from.kind !== 'postgresql') return
  const client: Client = await openPostgres(from)
  try {
    await client.query('BEGIN TRANSACTION READ ONLY ISOLATION LEVEL REPEATABLE READ')
    await client.query({ text: `DECLARE batch NO SCROLL CURSOR FOR ${query.text}`, values: new Array<string>(query.days).fill(ds) })
    for (let isFirst = true; ; isFirst = false) {
      const page = await client.query({ text: `FETCH ${FETCH_ROWS} FROM batch`, rowMode: 'array' })
      if (isFirst) take.names(page.fields.map(({ name }) => name))
      for (const cells of page.rows as unknown[][]) if (!take.row(cells)) return
      if (page.rows.length < FETCH_ROWS) return
    }
  } catch (error) {
    throw error instanceof AppError ? error : new AppError('invalid', `the query failed: ${messageFrom(error)}`, {}, error)
  } finally {
    await client.end()
  }
}
