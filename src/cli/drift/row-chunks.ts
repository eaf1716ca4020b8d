/** A cell as text; null where nothing is. */
export type Cell = string | null

/** Rows of cells in the order of the source’s columns; `share` is how much of the file has been read, 0 to 1. */
export type RowChunk = { readonly rows: readonly (readonly Cell[])[]; readonly share: number }

/** A file of rows that is read from start to end as often as it is asked for, a few thousand rows in memory at a time. */
export type RowSource = {
  readonly name: string
  readonly columns: readonly string[]
  read(): AsyncIterable<RowChunk>
}

export type SourceOptions = {
  /** Names of the columns of a CSV file that has no header line. */
  readonly names?: readonly string[]
}

export const CHUNK_ROWS = 4_096

/** A typed value as the text that a CSV file would have for it. */
export function cellOf(value: unknown): Cell {
  if (value === null || value === undefined || value === '') return null
  if (typeof value === 'string') return value
  if (typeof value === 'number') return Number.isNaN(value) ? null : String(value)
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
