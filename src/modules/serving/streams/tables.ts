import { parse } from 'csv-parse'
import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { StreamSpec } from '../../../contract/streams.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'

type TableSpec = Extract<StreamSpec['enrich'][number], { kind: 'table' }>
/** feature → key → value. */
export type LookupTable = ReadonlyMap<string, ReadonlyMap<string, number>>

const MOST_TABLE_ROWS = 1_000_000

/** Reads a lookup table whole. Throws `invalid` naming the line for a key that comes twice or a cell that is no number. */
export async function readTable(blobs: Pick<Blobs, 'get'>, spec: TableSpec): Promise<LookupTable> {
  const table = new Map(Object.keys(spec.features).map((feature) => [feature, new Map<string, number>()]))
  const refuse = (line: number, problem: string): never => {
    throw new AppError('invalid', `lookup ${spec.name}, line ${line}: ${problem}`)
  }
  let header: readonly string[] | undefined
  let line = 0
  for await (const cells of rowsOf(blobs, spec)) {
    line += 1
    if (!header) {
      header = cells
      const missing = [spec.key, ...Object.values(spec.features)].filter((column) => !cells.includes(column))
      if (missing.length > 0) refuse(line, `there is no column ${missing.join(', ')}; the header has ${cells.slice(0, 50).join(', ')}`)
      continue
    }
    if (line > MOST_TABLE_ROWS) throw new AppError('too_large', `lookup ${spec.name} has more than ${MOST_TABLE_ROWS} rows`)
    const key = cells[header.indexOf(spec.key)]!
    for (const [feature, column] of Object.entries(spec.features)) {
      const values = table.get(feature)!
      if (values.has(key)) refuse(line, `key ${key} comes twice; a join needs each key once`)
      const cell = cells[header.indexOf(column)] ?? ''
      const value = cell === '' ? Number.NaN : Number(cell)
      if (cell !== '' && Number.isNaN(value)) refuse(line, `"${cell.slice(0, 60)}" in column ${column} is no number`)
      values.set(key, value)
    }
  }
  return table
}

async function* rowsOf(blobs: Pick<Blobs, 'get'>, { name, digest }: TableSpec): AsyncGenerator<string[]> {
  const { stream } = await blobs.get(digest)
  const parser = parse({ bom: true, skip_empty_lines: true, trim: true })
  const feeding = (async () => {
    for await (const piece of stream) parser.write(Buffer.from(piece))
    parser.end()
  })().catch((error: unknown) => parser.destroy(error instanceof Error ? error : new Error(String(error))))
  try {
    yield* parser as AsyncIterable<string[]>
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('invalid', `lookup ${name} cannot be read as CSV: ${messageFrom(error)}`, {}, error)
  } finally {
    await feeding
  }
}
