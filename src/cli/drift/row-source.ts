import fs from 'node:fs'
import path from 'node:path'
import { messageFrom } from '../../contract/errors.ts'
import { usageError } from '../failures.ts'
import { openParquet } from '../replay/parquet.ts'
import { openCsvRows } from './csv-rows.ts'
import { openJsonLines } from './json-lines.ts'
import { type Cell, CHUNK_ROWS, cellOf, type RowSource, type SourceOptions } from './row-chunks.ts'

/** Whether a file of this name holds rows. */
export function isTable(file: string): boolean {
  return /\.(csv|tsv|txt|parquet|jsonl|ndjson)$/i.test(file)
}

/** Opens a CSV, Parquet or JSON-lines file by its ending. Throws a usage error when it is absent, unreadable or without columns. */
export async function openRows(named: string, folder: string, options: SourceOptions = {}): Promise<RowSource> {
  const file = existing(named, folder)
  const open = /\.parquet$/i.test(file) ? openParquetRows : /\.(jsonl|ndjson)$/i.test(file) ? openJsonLines : openCsvRows
  const { columns, read } = await open(file, options).catch((error: unknown) => {
    throw unreadable(named, error)
  })
  const twice = columns.find((column, i) => columns.indexOf(column) !== i)
  if (twice !== undefined)
    throw usageError(
      `${named}: two columns are called ${JSON.stringify(twice)}. Is there a header line? If not, name the columns with --names`,
    )
  return {
    name: path.basename(named),
    columns,
    async *read() {
      try {
        yield* read()
      } catch (error) {
        throw unreadable(named, error)
      }
    },
  }
}

/** The full path of a file. Throws a usage error when there is none. */
export function existing(named: string, folder: string): string {
  const file = path.resolve(folder, named)
  if (!fs.existsSync(file) || !fs.statSync(file).isFile()) throw usageError(`there is no file ${file}`)
  return file
}

export function unreadable(named: string, error: unknown) {
  return usageError(`${named} cannot be read: ${messageFrom(error)}`, error)
}

async function openParquetRows(file: string): Promise<Pick<RowSource, 'columns' | 'read'>> {
  const table = await openParquet(file)
  return {
    columns: table.columns,
    async *read() {
      let rows: Cell[][] = []
      let done = 0
      for await (const cells of table.read(table.columns, 1)) {
        rows.push(cells.map(cellOf))
        if (rows.length < CHUNK_ROWS) continue
        done += rows.length
        yield { rows, share: done / table.rows }
        rows = []
      }
      if (rows.length > 0) yield { rows, share: 1 }
    },
  }
}
