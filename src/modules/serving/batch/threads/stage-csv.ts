import fs from 'node:fs'
import { parse } from 'csv-parse'
import { AppError, messageFrom } from '../../../../contract/errors.ts'
import type { Tasks } from './messages.ts'
import { createStage } from './stage-rows.ts'

/** Reads a CSV with a header line, separated by comma, semicolon or tab, into staged files. Throws `invalid` for what is none. */
export async function stageCsv({
  file,
  columns,
  folder,
  first,
  mostRows,
}: Tasks['stageCsv']['given']): Promise<Tasks['stageCsv']['gives']> {
  const stage = createStage(folder, columns, first)
  for await (const row of readCsv(file, [columns.key, ...columns.numbers, ...columns.texts], mostRows)) {
    const [key, ...cells] = row
    stage.add(key === '' || key === undefined ? null : key, cells.slice(0, columns.numbers.length), cells.slice(columns.numbers.length))
  }
  return { files: stage.end() }
}

/** The rows of a CSV, only the columns asked for and in that order. */
export async function* readCsv(file: string, columns: readonly string[], mostRows: number | null): AsyncGenerator<(string | undefined)[]> {
  const stream = fs.createReadStream(file, { highWaterMark: 1 << 18 })
  const parser = stream.pipe(
    parse({ bom: true, delimiter: delimiterOf(file), skip_empty_lines: true, trim: true, relax_column_count_less: true }),
  )
  stream.on('error', (error) => parser.destroy(error))
  let places: number[] | undefined
  let rows = 0
  try {
    for await (const cells of parser as AsyncIterable<string[]>) {
      if (places === undefined) {
        places = placesOf(file, cells, columns)
        continue
      }
      yield places.map((place) => cells[place])
      if (++rows === mostRows) return
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw new AppError('unavailable', `there is no file ${file}`)
    throw new AppError('invalid', `${file} cannot be read as CSV: ${messageFrom(error)}`, {}, error)
  } finally {
    stream.destroy()
  }
  if (places === undefined) throw new AppError('unavailable', `${file} is empty; a header line is needed`)
}

function placesOf(file: string, header: readonly string[], columns: readonly string[]): number[] {
  const missing = [...new Set(columns)].filter((column) => !header.includes(column))
  if (missing.length > 0)
    throw new AppError(
      'invalid',
      `${file} has no column ${missing.slice(0, 10).join(', ')}; its header has ${header.slice(0, 50).join(', ')}`,
    )
  return columns.map((column) => header.indexOf(column))
}

function delimiterOf(file: string): string {
  let head = ''
  try {
    const descriptor = fs.openSync(file, 'r')
    const bytes = Buffer.alloc(1 << 16)
    head = bytes.toString('utf8', 0, fs.readSync(descriptor, bytes)).split('\n')[0]!
    fs.closeSync(descriptor)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new AppError('unavailable', `there is no file ${file}`)
    throw error
  }
  return [',', ';', '\t'].reduce((best, one) => (head.split(one).length > head.split(best).length ? one : best))
}
