import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Compressors } from 'hyparquet'
import { readPage } from 'hyparquet/src/column.js'
import { areAllOne, readRunLengths } from './run-lengths.ts'
import { uncompressSnappy } from './snappy.ts'

type PageHeader = Parameters<typeof readPage>[1]
export type ColumnDecoder = Parameters<typeof readPage>[2]

/** What a column's values are wanted as: numbers, NaN where missing; or keys, whole numbers kept exact to 64 bits. */
export type Wanted = 'numbers' | 'keys'
type Numbers = Float32Array | Float64Array | Int32Array

/** The values of one page. `present` is 0 where an integer is missing; `others` are what is no plain number. */
export type PageValues =
  | { readonly numbers: Numbers }
  | { readonly integers: BigInt64Array; readonly present: Uint8Array | null }
  | { readonly others: ArrayLike<unknown> }

export const compressors: Compressors = {
  SNAPPY: (input, size) => uncompressSnappy(input, size),
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
}

/** Types of a column whose bytes are its numbers. */
const numeric: ReadonlySet<string> = new Set(['FLOAT', 'DOUBLE', 'INT32', 'INT64'])
const sameNumber: ReadonlySet<string> = new Set(['INT_8', 'INT_16', 'INT_32', 'INT_64', 'UINT_8', 'UINT_16'])

export type PageColumn = { readonly decoder: ColumnDecoder; readonly wanted: Wanted }

/** Whether values of this column can be taken as they lie there, without an object each. */
function isPlain({ decoder: { type, element }, wanted }: PageColumn): boolean {
  if (!numeric.has(type) || (element.converted_type !== undefined && !sameNumber.has(element.converted_type))) return false
  const logical = element.logical_type?.type
  if (logical !== undefined && logical !== 'INTEGER') return false
  return wanted === 'numbers' || type === 'INT64' || type === 'INT32'
}

/**
 * The values of a data page, one a row, of a column that is not nested. Plain numbers with or without a dictionary are
 * read as arrays; any other page by hyparquet, value by value. Throws RangeError for bytes that are no such page.
 */
export function valuesOfPage(header: PageHeader, bytes: Uint8Array, column: PageColumn, dictionary: PageValues | undefined): PageValues {
  const opened = isPlain(column) ? openPage(header, bytes, column.decoder) : undefined
  const plain = opened && plainValues(opened, column, dictionary)
  if (plain) return plain
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
  const given = dictionary && asDecoded(dictionary)
  const { data } = readPage(reader, header, column.decoder, given as never, undefined, 0)
  return { others: data ?? [] }
}

/** The dictionary that stands before the pages of a column. */
export function valuesOfDictionary(header: PageHeader, bytes: Uint8Array, column: PageColumn): PageValues {
  const count = header.dictionary_page_header!.num_values
  const page = uncompress(bytes, header.uncompressed_page_size, column.decoder)
  return plainNumbers(page, count, column)
}

export function hasPlainDictionary(column: PageColumn): boolean {
  return isPlain(column)
}

type OpenedPage = {
  readonly count: number
  readonly encoding: string
  readonly values: Uint8Array
  /** 1 where a value is present; null where all are. */
  readonly present: Uint8Array | null
}

function openPage(header: PageHeader, bytes: Uint8Array, decoder: ColumnDecoder): OpenedPage | undefined {
  const nullable = decoder.element.repetition_type === 'OPTIONAL'
  if (header.data_page_header) {
    const { num_values: count, encoding } = header.data_page_header
    const page = uncompress(bytes, header.uncompressed_page_size, decoder)
    if (!nullable) return { count, encoding, values: page, present: null }
    const length = new DataView(page.buffer, page.byteOffset).getUint32(0, true)
    return { count, encoding, values: page.subarray(4 + length), present: presence(page.subarray(4, 4 + length), count) }
  }
  const second = header.data_page_header_v2
  if (!second) return undefined
  const levels = second.repetition_levels_byte_length + second.definition_levels_byte_length
  const packed = bytes.subarray(levels)
  const values = second.is_compressed === false ? packed : uncompress(packed, header.uncompressed_page_size - levels, decoder)
  const present = nullable ? presence(bytes.subarray(second.repetition_levels_byte_length, levels), second.num_values) : null
  return { count: second.num_values, encoding: second.encoding, values, present }
}

function presence(levels: Uint8Array, count: number): Uint8Array | null {
  const from = { bytes: levels, at: 0 }
  return areAllOne(from, count) ? null : Uint8Array.from(readRunLengths(from, 1, count))
}

function plainValues(page: OpenedPage, column: PageColumn, dictionary: PageValues | undefined): PageValues | undefined {
  const held = page.present === null ? page.count : page.present.reduce((sum, one) => sum + one, 0)
  if (page.encoding === 'PLAIN') return spread(plainNumbers(page.values, held, column), page.present)
  if (page.encoding !== 'RLE_DICTIONARY' && page.encoding !== 'PLAIN_DICTIONARY') return undefined
  if (!dictionary || 'others' in dictionary) return undefined
  const width = page.values[0]!
  const places = width === 0 ? new Int32Array(held) : readRunLengths({ bytes: page.values, at: 1 }, width, held)
  return spread(lookedUp(dictionary, places), page.present)
}

function lookedUp(dictionary: Exclude<PageValues, { others: unknown }>, places: Int32Array): PageValues {
  if ('integers' in dictionary) {
    const integers = new BigInt64Array(places.length)
    for (let i = 0; i < places.length; i++) integers[i] = dictionary.integers[places[i]!]!
    return { integers, present: null }
  }
  const numbers = new (dictionary.numbers.constructor as Float64ArrayConstructor)(places.length)
  for (let i = 0; i < places.length; i++) numbers[i] = dictionary.numbers[places[i]!]!
  return { numbers }
}

/** Puts the values that are there into the places of their rows. */
function spread(values: PageValues, present: Uint8Array | null): PageValues {
  if (present === null) return values
  if ('integers' in values) {
    const integers = new BigInt64Array(present.length)
    for (let row = 0, next = 0; row < present.length; row++) if (present[row]) integers[row] = values.integers[next++]!
    return { integers, present }
  }
  const held = (values as { numbers: Numbers }).numbers
  const numbers = held instanceof Float32Array ? new Float32Array(present.length) : new Float64Array(present.length)
  for (let row = 0, next = 0; row < present.length; row++) numbers[row] = present[row] ? held[next++]! : Number.NaN
  return { numbers }
}

function plainNumbers(bytes: Uint8Array, count: number, { decoder: { type }, wanted }: PageColumn): PageValues {
  const wide = type === 'DOUBLE' || type === 'INT64'
  const size = count * (wide ? 8 : 4)
  if (bytes.length < size) throw new RangeError(`a page of ${count} values holds ${bytes.length} bytes`)
  // Numbers need a place that their width divides; elsewhere a copy, which lies at the start of a buffer of its own.
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice(0, size)
  const { buffer, byteOffset: at } = aligned
  if (wanted === 'keys') {
    const integers = type === 'INT64' ? new BigInt64Array(buffer, at, count) : BigInt64Array.from(new Int32Array(buffer, at, count), BigInt)
    return { integers, present: null }
  }
  if (type === 'FLOAT') return { numbers: new Float32Array(buffer, at, count) }
  if (type === 'DOUBLE') return { numbers: new Float64Array(buffer, at, count) }
  if (type === 'INT32') return { numbers: new Int32Array(buffer, at, count) }
  const halves = new Int32Array(buffer, at, 2 * count)
  const numbers = new Float64Array(count)
  for (let i = 0; i < count; i++) numbers[i] = (halves[2 * i]! >>> 0) + halves[2 * i + 1]! * 2 ** 32
  return { numbers }
}

function uncompress(bytes: Uint8Array, size: number, { codec }: ColumnDecoder): Uint8Array {
  if (codec === 'UNCOMPRESSED') return bytes
  const uncompressed = compressors[codec]?.(bytes, size)
  if (!uncompressed) throw new RangeError(`the compression ${codec} of this Parquet file is not known`)
  return uncompressed
}

function asDecoded(values: PageValues): unknown {
  if ('others' in values) return values.others
  return 'integers' in values ? values.integers : values.numbers
}
