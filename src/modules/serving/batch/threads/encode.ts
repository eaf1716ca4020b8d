import type { SchemaElement } from 'hyparquet'
import { ByteWriter, type ColumnSource, parquetWrite, schemaFromColumnData } from 'hyparquet-writer'
import type { OutputForm, Stamp } from './messages.ts'

/** Rows that have a score, in the order of the input. */
export type ScoredRows = { readonly keys: BigInt64Array | readonly string[]; readonly scores: Float32Array }

export const outputColumns = ['score', 'prediction', 'model_version', 'run_id', 'scored_at'] as const

/** A part of the output: lines of a CSV without a header, or a Parquet file of one row group. */
export function encodePart(rows: ScoredRows, stamp: Stamp, form: OutputForm, keyName: string): string | Uint8Array {
  return form === 'csv' ? csvLines(rows, stamp) : parquetPart(rows, stamp, keyName)
}

export function csvHeader(keyName: string): string {
  return `${[keyName, ...outputColumns].map(csvCell).join(',')}\n`
}

/** RFC 4180, but for the line break. */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function csvLines({ keys, scores }: ScoredRows, { version, run, atMs, threshold }: Stamp): string {
  const same = `,${version},${run},${new Date(atMs).toISOString()}\n`
  let text = ''
  for (let i = 0; i < scores.length; i++) {
    const key = keys[i]!
    text += `${typeof key === 'string' ? csvCell(key) : key},${scores[i]},${scores[i]! >= threshold ? 1 : 0}${same}`
  }
  return text
}

function parquetPart({ keys, scores }: ScoredRows, { version, run, atMs, threshold }: Stamp, keyName: string): Uint8Array {
  const count = scores.length
  const predictions = new Int32Array(count)
  for (let i = 0; i < count; i++) predictions[i] = scores[i]! >= threshold ? 1 : 0
  const columnData: ColumnSource[] = [
    keys instanceof BigInt64Array
      ? { name: keyName, data: keys, type: 'INT64', encoding: 'PLAIN' }
      : { name: keyName, data: [...keys], type: 'STRING', encoding: 'PLAIN' },
    { name: 'score', data: Float64Array.from(scores), type: 'DOUBLE', encoding: 'PLAIN' },
    { name: 'prediction', data: predictions, type: 'INT32', encoding: 'PLAIN' },
    { name: 'model_version', data: new Int32Array(count).fill(version), type: 'INT32' },
    { name: 'run_id', data: new Array<string>(count).fill(run), type: 'STRING' },
    { name: 'scored_at', data: new BigInt64Array(count).fill(BigInt(atMs)), type: 'INT64' },
  ]
  const writer = new ByteWriter()
  const own = columnData.map((column): ColumnSource => ({ ...column, nullable: false, offsetIndex: false }))
  parquetWrite({
    writer,
    columnData: own.map(({ type: _type, nullable: _nullable, ...column }) => column),
    schema: schemaFromColumnData({ columnData: own }).map(asInstant),
    codec: 'UNCOMPRESSED',
    rowGroupSize: Math.max(1, count),
  })
  return writer.getBytes()
}

function asInstant(element: SchemaElement): SchemaElement {
  return element.name === 'scored_at' ? { ...element, converted_type: 'TIMESTAMP_MILLIS' } : element
}
