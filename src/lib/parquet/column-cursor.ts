import type { FileMetaData, RowGroup, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import { parquetHeader, readPage } from 'hyparquet/src/column.js'
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js'
import {
  type ColumnDecoder,
  compressors,
  hasPlainDictionary,
  type PageColumn,
  type PageValues,
  valuesOfDictionary,
  valuesOfPage,
  type Wanted,
} from './page-values.ts'

/** Reads `length` bytes of the file at `offset`, fewer at its end, into memory of their own. */
export type ReadAt = (offset: number, length: number) => Uint8Array<ArrayBuffer>

type Page = { readonly firstRow: number; readonly endRow: number; readonly values: PageValues }

/** Goes through one column of one row group, a page at a time, without holding more than that page. */
export type ColumnCursor = {
  /** The page that holds `row`, counted from 0 in the group; rows may only be asked for in order. */
  pageOf(row: number): Page
}

const HEADER_BYTES = 1_024
const LONGEST_HEADER_BYTES = 1 << 24

/** The columns of a file that are not nested, by name. */
export function flatColumns(metadata: FileMetaData): Map<string, SchemaTree> {
  const flat = parquetSchema(metadata).children.filter(
    (child) => child.children.length === 0 && child.element.repetition_type !== 'REPEATED',
  )
  return new Map(flat.map((child) => [child.element.name, child]))
}

/** Throws RangeError when the group lacks the column, or its bytes are no pages. */
export function openColumn(readAt: ReadAt, metadata: FileMetaData, group: RowGroup, name: string, wanted: Wanted): ColumnCursor {
  const meta = group.columns.find((column) => column.meta_data?.path_in_schema.join('.') === name)?.meta_data
  const leaf = flatColumns(metadata).get(name)
  if (!meta || !leaf) throw new RangeError(`the file has no column ${name} of single values`)
  const decoder: ColumnDecoder = {
    pathInSchema: [name],
    type: meta.type,
    element: leaf.element,
    schemaPath: [parquetSchema(metadata), leaf],
    codec: meta.codec,
    parsers: DEFAULT_PARSERS,
    compressors,
  }
  const first = Number(meta.dictionary_page_offset ?? meta.data_page_offset)
  const start =
    meta.dictionary_page_offset !== undefined && first > 0 ? Math.min(first, Number(meta.data_page_offset)) : Number(meta.data_page_offset)
  return createCursor(readAt, { decoder, wanted }, { start, rows: Number(group.num_rows), name })
}

function createCursor(
  readAt: ReadAt,
  column: PageColumn,
  { start, rows, name }: { start: number; rows: number; name: string },
): ColumnCursor {
  let at = start
  let nextRow = 0
  let dictionary: PageValues | undefined
  let page: Page | undefined

  function readHeader() {
    for (let length = HEADER_BYTES; ; length *= 8) {
      const bytes = readAt(at, length)
      const reader = { view: new DataView(bytes.buffer), offset: 0 }
      try {
        const header = parquetHeader(reader)
        if (reader.offset <= bytes.length) return { header, size: reader.offset, ahead: bytes }
      } catch (error) {
        if (!(error instanceof RangeError) || length >= LONGEST_HEADER_BYTES || bytes.length < length) throw error
      }
    }
  }

  return {
    pageOf(row) {
      while (!page || row >= page.endRow) {
        if (nextRow >= rows) throw new RangeError(`column ${name} ends after ${nextRow} of ${rows} rows`)
        const { header, size } = readHeader()
        const from = at + size
        at = from + header.compressed_page_size
        if (header.type === 'DICTIONARY_PAGE') {
          const bytes = readAt(from, header.compressed_page_size)
          dictionary = hasPlainDictionary(column)
            ? valuesOfDictionary(header, bytes, column)
            : { others: convertedDictionary(bytes, header, column) }
          continue
        }
        const count = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values
        if (count === undefined) continue
        const endRow = nextRow + count
        if (row < endRow) {
          const values = valuesOfPage(header, readAt(from, header.compressed_page_size), column, dictionary)
          page = { firstRow: nextRow, endRow, values }
        }
        nextRow = endRow
      }
      return page
    },
  }
}

function convertedDictionary(bytes: Uint8Array, header: Parameters<typeof readPage>[1], { decoder }: PageColumn): ArrayLike<unknown> {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
  const { data } = readPage(reader, header, decoder, undefined, undefined, 0)
  return convert(data!, decoder)
}
