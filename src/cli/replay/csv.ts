import fs from 'node:fs'
import { type Options, parse } from 'csv-parse'
import type { Table } from './rows.ts'

const QUOTE = 0x22
const NEWLINE = 0x0a
const RETURN = 0x0d

/** Opens a CSV file with a header line; fields are separated by comma, semicolon or tab, whichever the header uses. */
export async function openCsv(file: string): Promise<Table> {
  const header = await firstLine(file)
  const delimiter = [',', ';', '\t'].reduce((best, one) => (header.split(one).length > header.split(best).length ? one : best))
  const options: Options = { bom: true, delimiter, skip_empty_lines: true, trim: true }
  const columns = await headerOf(file, options)
  const rows = (await countLines(file)) - 1
  return {
    columns,
    rows,
    async *read(names, from) {
      const places = names.map((name) => columns.indexOf(name))
      const stream = fs.createReadStream(file)
      const parser = stream.pipe(parse({ ...options, from: from + 1 }))
      stream.on('error', (error) => parser.destroy(error))
      try {
        for await (const cells of parser as AsyncIterable<readonly string[]>) yield places.map((place) => cells[place])
      } finally {
        stream.destroy()
      }
    },
  }
}

async function headerOf(file: string, options: Options): Promise<string[]> {
  const stream = fs.createReadStream(file)
  try {
    for await (const cells of stream.pipe(parse({ ...options, to: 1 })) as AsyncIterable<string[]>) return cells
    throw new RangeError('it is empty; a header line is needed')
  } finally {
    stream.destroy()
  }
}

async function firstLine(file: string): Promise<string> {
  let text = ''
  for await (const chunk of fs.createReadStream(file, { encoding: 'utf8', end: 1 << 20 }) as AsyncIterable<string>) {
    text += chunk
    if (text.includes('\n')) break
  }
  return text.split('\n')[0]!
}

/** Lines that hold something; a line break inside quotes is none. */
async function countLines(file: string): Promise<number> {
  let lines = 0
  let quoted = false
  let filled = false
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      if (byte === QUOTE) quoted = !quoted
      if (byte === NEWLINE && !quoted) {
        if (filled) lines += 1
        filled = false
      } else if (byte !== RETURN) filled = true
    }
  }
  return lines + (filled ? 1 : 0)
}
