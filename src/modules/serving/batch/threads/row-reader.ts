import fs from 'node:fs'
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync } from 'hyparquet'
import { AppError, messageFrom } from '../../../../contract/errors.ts'
import { type ColumnCursor, flatColumns, openColumn, type ReadAt } from '../../../../lib/parquet/column-cursor.ts'

/** Keys of rows: whole numbers exact to 64 bits, or texts. */
export type Keys =
  | { readonly integers: BigInt64Array; readonly present: Uint8Array | null }
  | { readonly texts: readonly (string | null)[] }

/** A Parquet file whose columns are read by stretches of rows, in order. */
export type RowReader = {
  readonly rows: number
  readonly groups: readonly number[]
  has(column: string): boolean
  /** Puts the numbers of a column into `into[offset + i × stride]`; `onText` hears of values that are none. */
  numbers(column: string, from: number, to: number, place: Place, onText: (row: number, text: string) => void): void
  keys(column: string, from: number, to: number): Keys
  texts(column: string, from: number, to: number): (string | null)[]
  close(): void
}
type Place = { readonly into: Float32Array; readonly offset: number; readonly stride: number }

type Group = { readonly first: number; readonly end: number; readonly columns: Map<string, ColumnCursor> }

export async function openRows(file: string): Promise<RowReader> {
  const metadata = await metadataOf(file)
  const descriptor = fs.openSync(file, 'r')
  const size = fs.fstatSync(descriptor).size
  const readAt: ReadAt = (offset, length) => {
    // Not from the shared pool: what is read is taken as arrays of numbers, which need a start of their own.
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - offset)))
    fs.readSync(descriptor, bytes, 0, bytes.length, offset)
    return new Uint8Array(bytes.buffer)
  }
  const flat = flatColumns(metadata)
  const groups: Group[] = []
  for (const group of metadata.row_groups) {
    const first = groups.at(-1)?.end ?? 0
    groups.push({ first, end: first + Number(group.num_rows), columns: new Map() })
  }

  /** Calls `visit` for each page of a column that has rows of the stretch. */
  function eachPage(name: string, wanted: 'numbers' | 'keys', { from, to }: Stretch, visit: Visit): void {
    for (const [g, group] of groups.entries()) {
      if (group.end <= from || group.first >= to) continue
      const id = `${wanted}/${name}`
      let cursor = group.columns.get(id)
      if (!cursor) {
        cursor = openColumn(readAt, metadata, metadata.row_groups[g]!, name, wanted)
        group.columns.set(id, cursor)
      }
      for (let row = Math.max(from, group.first); row < Math.min(to, group.end); ) {
        const page = cursor.pageOf(row - group.first)
        const end = Math.min(to, group.first + page.endRow)
        visit(page.values, row - group.first - page.firstRow, { from: row, to: end })
        row = end
      }
      if (group.end <= to) group.columns.delete(id)
    }
  }

  return {
    rows: groups.at(-1)?.end ?? 0,
    groups: groups.map(({ first, end }) => end - first),
    has: (column) => flat.has(column),
    numbers(column, from, to, { into, offset, stride }, onText) {
      eachPage(column, 'numbers', { from, to }, (values, skip, part) => {
        const count = part.to - part.from
        let at = offset + (part.from - from) * stride
        if ('numbers' in values) {
          const { numbers } = values
          for (let i = 0; i < count; i++, at += stride) into[at] = numbers[skip + i]!
          return
        }
        if ('integers' in values) throw new AppError('internal', `column ${column} was read as keys`)
        for (let i = 0; i < count; i++, at += stride)
          into[at] = numberFrom(values.others[skip + i], (text) => onText(part.from - from + i, text))
      })
    },
    keys(column, from, to) {
      return isInteger(flat.get(column)!) ? integerKeys(column, from, to) : { texts: textsOf(column, from, to) }
    },
    texts: textsOf,
    close: () => fs.closeSync(descriptor),
  }

  function textsOf(column: string, from: number, to: number): (string | null)[] {
    const texts: (string | null)[] = []
    eachPage(column, 'keys', { from, to }, (values, skip, part) => {
      for (let i = 0; i < part.to - part.from; i++) texts.push(textFrom(values, skip + i))
    })
    return texts
  }

  function integerKeys(column: string, from: number, to: number): Keys {
    const integers = new BigInt64Array(to - from)
    let present: Uint8Array | null = null
    const miss = (at: number) => {
      present ??= new Uint8Array(to - from).fill(1)
      present[at] = 0
    }
    eachPage(column, 'keys', { from, to }, (values, skip, part) => {
      const start = part.from - from
      const count = part.to - part.from
      if ('integers' in values) {
        integers.set(values.integers.subarray(skip, skip + count), start)
        if (values.present) for (let i = 0; i < count; i++) if (!values.present[skip + i]) miss(start + i)
        return
      }
      const others = 'others' in values ? values.others : values.numbers
      for (let i = 0; i < count; i++) {
        const value = others[skip + i]
        if (value === null || value === undefined) miss(start + i)
        else integers[start + i] = BigInt(value as bigint | number)
      }
    })
    return { integers, present }
  }
}

type Stretch = { readonly from: number; readonly to: number }
type Visit = (values: ReturnType<ColumnCursor['pageOf']>['values'], skip: number, part: Stretch) => void

async function metadataOf(file: string): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(await asyncBufferFromFile(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new AppError('unavailable', `there is no file ${file}`)
    throw new AppError('invalid', `${file} is no Parquet file: ${messageFrom(error)}`, {}, error)
  }
}

type Leaf = { readonly element: { readonly type?: string; readonly converted_type?: string; readonly logical_type?: { type: string } } }

function isInteger({ element }: Leaf): boolean {
  if (element.type !== 'INT64' && element.type !== 'INT32') return false
  if (element.converted_type !== undefined && !/^U?INT_(8|16|32|64)$/.test(element.converted_type)) return false
  return element.converted_type !== 'UINT_64' && (element.logical_type === undefined || element.logical_type.type === 'INTEGER')
}

const missingTexts: ReadonlySet<string> = new Set(['', 'nan', 'null', 'none', 'na', 'n/a'])

/** A cell as a number; NaN for what is missing. A text that is neither is told to `onText`, and NaN too. */
export function numberFrom(value: unknown, onText: (text: string) => void): number {
  switch (typeof value) {
    case 'number':
      return value
    case 'bigint':
      return Number(value)
    case 'boolean':
      return value ? 1 : 0
    case 'undefined':
      return Number.NaN
    case 'string': {
      const text = value.trim()
      if (missingTexts.has(text.toLowerCase())) return Number.NaN
      const number = Number(text)
      if (Number.isNaN(number)) onText(value)
      return number
    }
    default:
      if (value === null) return Number.NaN
      if (value instanceof Date) return value.getTime()
      onText(String(value))
      return Number.NaN
  }
}

function textFrom(values: Parameters<Visit>[0], at: number): string | null {
  if ('integers' in values) return values.present && !values.present[at] ? null : String(values.integers[at])
  const value = 'others' in values ? values.others[at] : values.numbers[at]
  if (value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))) return null
  if (value instanceof Date) return value.toISOString()
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value)
}
