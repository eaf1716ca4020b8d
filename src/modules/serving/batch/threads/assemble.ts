import { createHash, type Hash } from 'node:crypto'
import fs from 'node:fs'
import { type ColumnChunk, type FileMetaData, parquetMetadata } from 'hyparquet'
import { ByteWriter } from 'hyparquet-writer'
import { writeMetadata } from 'hyparquet-writer/src/metadata.js'
import { csvHeader } from './encode.ts'
import type { Tasks } from './messages.ts'
import { openRows } from './row-reader.ts'

const MAGIC = Buffer.from('PAR1')

/** Makes one file of the parts, in their order, durable before it is renamed by whoever publishes it. */
export function assemble({ parts, form, to, keyName }: Tasks['assemble']['given']): Tasks['assemble']['gives'] {
  const out = openOutput(to)
  try {
    if (form === 'csv') {
      out.append(Buffer.from(csvHeader(keyName)))
      for (const part of parts) out.append(fs.readFileSync(part))
    } else joinRowGroups(parts, out.append)
    return out.end()
  } finally {
    out.close()
  }
}

export function joinTexts({ parts, to }: Tasks['joinTexts']['given']): Tasks['joinTexts']['gives'] {
  const out = openOutput(to)
  let lines = 0
  try {
    for (const part of parts) {
      const text = fs.readFileSync(part)
      for (const byte of text) if (byte === 0x0a) lines += 1
      out.append(text)
    }
    out.end()
  } finally {
    out.close()
  }
  return { lines }
}

function openOutput(to: string) {
  const descriptor = fs.openSync(to, 'w')
  const hash: Hash = createHash('sha256')
  let sizeBytes = 0
  return {
    append(bytes: Uint8Array) {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at)
      hash.update(bytes)
      sizeBytes += bytes.length
    },
    end() {
      fs.fsyncSync(descriptor)
      return { digest: hash.digest('hex'), sizeBytes }
    },
    close: () => fs.closeSync(descriptor),
  }
}

/** Puts the row groups of Parquet files of one schema into one file: the bytes stay, the places in its footer move. */
function joinRowGroups(parts: readonly string[], append: (bytes: Uint8Array) => void): void {
  append(MAGIC)
  let at = MAGIC.length
  let first: FileMetaData | undefined
  const groups: FileMetaData['row_groups'] = []
  for (const part of parts) {
    const bytes = fs.readFileSync(part)
    const metadata = parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer)
    first ??= metadata
    const body = bytes.subarray(MAGIC.length, bytes.length - 8 - metadata.metadata_length)
    const shift = BigInt(at - MAGIC.length)
    for (const group of metadata.row_groups)
      if (group.num_rows > 0n)
        groups.push({ ...group, file_offset: undefined, columns: group.columns.map((column) => moved(column, shift)) })
    append(body)
    at += body.length
  }
  const { metadata_length: _length, ...rest } = first!
  const writer = new ByteWriter()
  writeMetadata(writer, { ...rest, num_rows: groups.reduce((sum, group) => sum + group.num_rows, 0n), row_groups: groups } as FileMetaData)
  writer.appendUint32(MAGIC.readUInt32LE())
  append(writer.getBytes())
}

function moved(column: ColumnChunk, shift: bigint): ColumnChunk {
  const { meta_data: meta } = column
  const place = (offset: bigint | undefined) => (offset === undefined ? undefined : offset + shift)
  return {
    ...column,
    file_offset: column.file_offset === 0n ? 0n : column.file_offset + shift,
    meta_data: meta && {
      ...meta,
      data_page_offset: meta.data_page_offset + shift,
      dictionary_page_offset: place(meta.dictionary_page_offset),
    },
  }
}

/** The rows of one part in Parquet. */
export async function readPart({ part, keyName }: Tasks['readPart']['given']): Promise<Tasks['readPart']['gives']> {
  const reader = await openRows(part)
  try {
    const { rows } = reader
    const keys = reader.texts(keyName, 0, rows) as string[]
    // Scores are 32-bit numbers, kept as doubles in the file.
    const column = (name: string) => {
      const into = new Float32Array(rows)
      reader.numbers(name, 0, rows, { into, offset: 0, stride: 1 }, () => {})
      return into
    }
    return { keys, scores: Float64Array.from(column('score')), predictions: Uint8Array.from(column('prediction')) }
  } finally {
    reader.close()
  }
}
