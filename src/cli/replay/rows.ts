import fs from 'node:fs'
import path from 'node:path'
import { messageFrom } from '../../contract/errors.ts'
import { usageError } from '../failures.ts'
import { openCsv } from './csv.ts'
import { openParquet } from './parquet.ts'
import { numberFrom, timeFrom } from './values.ts'

/** A file of rows, counted beforehand. `read` gives the cells of the columns asked for, in that order, from row `from` on; rows count from 1. */
export type Table = {
  readonly columns: readonly string[]
  readonly rows: number
  read(columns: readonly string[], from: number): AsyncIterable<readonly unknown[]>
}

export type Wanted = { readonly features: readonly string[]; readonly label: string; readonly time?: string }
export type Row = { readonly n: number; readonly features: readonly number[]; readonly label: number; readonly timeMs: number | undefined }

/** Opens a CSV or Parquet file. Throws a usage error when it is absent, unreadable, empty or of another form. */
export async function openTable(named: string, folder: string): Promise<Table> {
  const file = path.resolve(folder, named)
  if (!fs.existsSync(file)) throw usageError(`--data: there is no file ${file}`)
  const open = /\.parquet$/i.test(file) ? openParquet : /\.(csv|tsv|txt)$/i.test(file) ? openCsv : undefined
  if (!open) throw usageError(`--data: ${named} ends neither in .csv nor in .parquet`)
  try {
    const table = await open(file)
    if (table.rows > 0) return table
  } catch (error) {
    throw usageError(`--data: ${named} cannot be read: ${messageFrom(error)}`, error)
  }
  throw usageError(`--data: ${named} has no rows`)
}

/** Throws a usage error that names the columns the file does not have, and those it has. */
export function checkColumns({ columns }: Pick<Table, 'columns'>, { features, label, time }: Wanted): void {
  const missing = [...features, label, ...(time === undefined ? [] : [time])].filter((name) => !columns.includes(name))
  if (missing.length === 0) return
  throw usageError(
    `the file has no column ${missing.join(', ')}; it has ${columns.join(', ')}. Name the model’s features in its own order with --features, the label with --label`,
  )
}

/**
 * The rows as numbers, from row `from` on; a missing value is NaN. Throws a usage error naming row and column for a value
 * that is no number, and for a time that goes back: rows out of time order would tell the model its future.
 */
export async function* readRows(table: Table, wanted: Wanted, from: number): AsyncGenerator<Row> {
  const { features, label, time } = wanted
  const names = [...features, label]
  let n = from - 1
  let lastMs = Number.NEGATIVE_INFINITY
  for await (const cells of table.read(time === undefined ? names : [...names, time], from)) {
    n += 1
    const values = names.map((name, i) => {
      const value = numberFrom(cells[i])
      if (value === undefined) throw usageError(`row ${n}, column ${name}: ${JSON.stringify(String(cells[i]))} is no number`)
      return value
    })
    const timeMs = time === undefined ? undefined : timeFrom(cells[names.length])
    if (time !== undefined) {
      if (timeMs === undefined) throw usageError(`row ${n}, column ${time}: ${JSON.stringify(String(cells[names.length]))} is no time`)
      if (timeMs < lastMs) throw usageError(`row ${n}: ${time} goes back in time; sort the file by it, or leave --time out`)
      lastMs = timeMs
    }
    yield { n, features: values.slice(0, -1), label: values.at(-1)!, timeMs }
  }
}
