import fs from 'node:fs'
import { createInterface } from 'node:readline'
import { type Cell, CHUNK_ROWS, cellOf, type RowSource } from './row-chunks.ts'

/** More columns than this come from keys that are values. */
const MOST_COLUMNS = 10_000

/**
 * Opens a file with one JSON object a line. What is nested is spread: `{"a": {"b": 1}}` is the column a.b, and a list of numbers under v
 * is v.0, v.1 … The columns are those of all lines, for which the file is read once.
 */
export async function openJsonLines(file: string): Promise<Pick<RowSource, 'columns' | 'read'>> {
  const places = new Map<string, number>()
  for await (const { cells } of linesOf(file))
    for (const name of cells.keys()) {
      if (!places.has(name)) places.set(name, places.size)
      if (places.size > MOST_COLUMNS) throw new RangeError(`it has more than ${MOST_COLUMNS} different keys`)
    }
  if (places.size === 0) throw new RangeError('it has no rows')
  return {
    columns: [...places.keys()],
    async *read() {
      let rows: Cell[][] = []
      let last = 0
      for await (const { cells, share } of linesOf(file)) {
        const row = new Array<Cell>(places.size).fill(null)
        for (const [name, cell] of cells) row[places.get(name)!] = cell
        rows.push(row)
        last = share
        if (rows.length < CHUNK_ROWS) continue
        yield { rows, share }
        rows = []
      }
      if (rows.length > 0) yield { rows, share: last }
    },
  }
}

async function* linesOf(file: string): AsyncGenerator<{ cells: Map<string, Cell>; share: number }> {
  const size = fs.statSync(file).size
  const stream = fs.createReadStream(file, { encoding: 'utf8' })
  let line = 0
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++
      if (text.trim() === '') continue
      yield { cells: cellsOf(text, line), share: stream.bytesRead / size }
    }
  } finally {
    stream.destroy()
  }
}

function cellsOf(text: string, line: number): Map<string, Cell> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new RangeError(`line ${line} is no JSON`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RangeError(`line ${line} holds no object`)
  const cells = new Map<string, Cell>()
  spread('', value, cells)
  return cells
}

function spread(path: string, value: unknown, cells: Map<string, Cell>): void {
  const nested =
    typeof value === 'object' &&
    value !== null &&
    (!Array.isArray(value) || (value.length > 0 && value.every((one) => typeof one === 'number')))
  if (!nested) return void cells.set(path, cellOf(value))
  for (const [key, inner] of Object.entries(value)) spread(path === '' ? key : `${path}.${key}`, inner, cells)
}
