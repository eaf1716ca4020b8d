import fs from 'node:fs'
import { type Options, parse } from 'csv-parse'
import { type Cell, CHUNK_ROWS, type RowSource, type SourceOptions } from './row-chunks.ts'

/** Opens a CSV file; fields are separated by comma, semicolon or tab, whichever the first line uses. Its first line names the columns unless `names` does. */
export async function openCsvRows(file: string, { names }: SourceOptions): Promise<Pick<RowSource, 'columns' | 'read'>> {
  const first = await firstLine(file)
  const delimiter = [',', ';', '\t'].reduce((best, one) => (first.split(one).length > first.split(best).length ? one : best))
  // Some files mix line ends of two systems.
  const options: Options = { bom: true, delimiter, record_delimiter: ['\r\n', '\n'], skip_empty_lines: true, trim: true }
  const header = await firstRecord(file, options)
  if (names && names.length !== header.length)
    throw new RangeError(`--names gives ${names.length} columns, the first line has ${header.length}`)
  if (!names) checkHeader(header)
  const size = fs.statSync(file).size
  return {
    columns: names ?? header,
    async *read() {
      const stream = fs.createReadStream(file, { highWaterMark: 1 << 18 })
      const parser = stream.pipe(parse({ ...options, from: names ? 1 : 2 }))
      stream.on('error', (error) => parser.destroy(error))
      try {
        let rows: Cell[][] = []
        for await (const cells of parser as AsyncIterable<string[]>) {
          rows.push(cells.map((cell) => (cell === '' ? null : cell)))
          if (rows.length < CHUNK_ROWS) continue
          yield { rows, share: stream.bytesRead / size }
          rows = []
        }
        if (rows.length > 0) yield { rows, share: 1 }
      } finally {
        stream.destroy()
      }
    },
  }
}

/** A first line that holds numbers names nothing. */
function checkHeader(header: readonly string[]): void {
  const odd = header.find((cell) => cell === '' || Number.isFinite(Number(cell)))
  if (odd !== undefined)
    throw new RangeError(
      `its first line should name the columns, but holds ${odd === '' ? 'an empty cell' : odd}; give the names with --names a,b,c`,
    )
}

async function firstRecord(file: string, options: Options): Promise<string[]> {
  const stream = fs.createReadStream(file)
  try {
    for await (const cells of stream.pipe(parse({ ...options, to: 1 })) as AsyncIterable<string[]>) return cells
    throw new RangeError('it is empty')
  } finally {
    stream.destroy()
  }
}

const LONGEST_LINE = 1 << 20

async function firstLine(file: string): Promise<string> {
  let text = ''
  for await (const part of fs.createReadStream(file, { encoding: 'utf8', end: LONGEST_LINE }) as AsyncIterable<string>) {
    text += part
    if (text.includes('\n')) break
  }
  return text.split('\n')[0]!
}
