import type { ColumnChunk, FileMetaData, SchemaElement } from 'hyparquet'
import { ByteWriter } from 'hyparquet-writer'
import { writePageHeader } from 'hyparquet-writer/src/datapage.js'
import { writeMetadata } from 'hyparquet-writer/src/metadata.js'

/** A column without missing values: the bytes of all its values, or of the one value that every row has, as PLAIN has them. */
export type PlainColumn = {
  readonly name: string
  readonly type: 'INT32' | 'INT64' | 'DOUBLE' | 'BYTE_ARRAY'
  readonly meaning?: 'UTF8' | 'TIMESTAMP_MILLIS'
} & ({ readonly values: Uint8Array } | { readonly same: Uint8Array })

const MAGIC = 0x31524150

/**
 * A Parquet file of one row group, uncompressed, without statistics. For columns whose bytes are at hand this costs a copy;
 * a value that is the same in every row is kept once.
 */
export function parquetOfRowGroup(rows: number, columns: readonly PlainColumn[]): Uint8Array {
  const writer = new ByteWriter()
  writer.appendUint32(MAGIC)
  const chunks = columns.map((column) => writeColumn(writer, rows, column))
  const size = chunks.reduce((sum, { meta_data }) => sum + meta_data!.total_uncompressed_size, 0n)
  const group = { columns: chunks, total_byte_size: size, num_rows: BigInt(rows), total_compressed_size: size }
  const schema: SchemaElement[] = [
    { name: 'root', num_children: columns.length },
    ...columns.map(({ name, type, meaning }): SchemaElement => ({ name, type, repetition_type: 'REQUIRED', converted_type: meaning })),
  ]
  const metadata = { version: 2, created_by: 'setpoint', schema, num_rows: BigInt(rows), row_groups: rows === 0 ? [] : [group] }
  writeMetadata(writer, metadata as unknown as FileMetaData)
  writer.appendUint32(MAGIC)
  return writer.getBytes()
}

function writeColumn(writer: ByteWriter, rows: number, column: PlainColumn): ColumnChunk {
  const start = writer.offset
  const isSame = 'same' in column
  if (isSame) {
    const size = column.same.length
    writePageHeader(writer, {
      type: 'DICTIONARY_PAGE',
      uncompressed_page_size: size,
      compressed_page_size: size,
      dictionary_page_header: { num_values: 1, encoding: 'PLAIN' },
    })
    writer.appendBytes(column.same)
  }
  const dataStart = writer.offset
  const bytes = isSame ? firstOfDictionary(rows) : column.values
  writePageHeader(writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: bytes.length,
    compressed_page_size: bytes.length,
    data_page_header_v2: {
      num_values: rows,
      num_nulls: 0,
      num_rows: rows,
      encoding: isSame ? 'RLE_DICTIONARY' : 'PLAIN',
      definition_levels_byte_length: 0,
      repetition_levels_byte_length: 0,
      is_compressed: false,
    },
  })
  writer.appendBytes(bytes)
  const size = BigInt(writer.offset - start)
  return {
    file_offset: 0n,
    meta_data: {
      type: column.type,
      encodings: isSame ? ['PLAIN', 'RLE_DICTIONARY'] : ['PLAIN'],
      path_in_schema: [column.name],
      codec: 'UNCOMPRESSED',
      num_values: BigInt(rows),
      total_uncompressed_size: size,
      total_compressed_size: size,
      data_page_offset: BigInt(dataStart),
      dictionary_page_offset: isSame ? BigInt(start) : undefined,
    },
  }
}

/** The first entry of a dictionary, for every row, as one run: the width of an index in bits, the length, the index. */
function firstOfDictionary(rows: number): Uint8Array {
  const writer = new ByteWriter()
  writer.appendUint8(1)
  writer.appendVarInt(rows * 2)
  writer.appendUint8(0)
  return writer.getBytes().slice()
}

/** Texts as PLAIN has them: each after its length in bytes. */
export function plainTexts(texts: readonly string[]): Uint8Array {
  let room = 0
  for (const text of texts) room += 4 + text.length * 3
  const buffer = Buffer.allocUnsafe(room)
  let at = 0
  for (const text of texts) {
    const length = buffer.write(text, at + 4)
    buffer.writeUInt32LE(length, at)
    at += 4 + length
  }
  return buffer.subarray(0, at)
}

export function plainNumbers(values: BigInt64Array | Float64Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
