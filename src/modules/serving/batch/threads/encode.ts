import { type PlainColumn, parquetOfRowGroup, plainNumbers, plainTexts } from '../../../../lib/parquet/write-row-group.ts'
import type { OutputForm, Stamp } from './messages.ts'

/** Rows that have a score, in the order of the input. */
export type ScoredRows = { readonly keys: BigInt64Array | readonly string[]; readonly scores: Float32Array }

const outputColumns = ['score', 'prediction', 'model_version', 'run_id', 'scored_at'] as const

/** A part of the output: lines of a CSV without a header, or a Parquet file of one row group. */
export function encodePart(rows: ScoredRows, stamp: Stamp, form: OutputForm, keyName: string): string | Uint8Array {
  return form === 'csv' ? csvLines(rows, stamp) : parquetPart(rows, stamp, keyName)
}

export function csvHeader(keyName: string): string {
  return `${[keyName, ...outputColumns].map(csvCell).join(',')}\n`
}

/** RFC 4180, but for the line break. */
function csvCell(text: string): string {
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
  const predictions = new Int32Array(scores.length)
  for (let i = 0; i < scores.length; i++) predictions[i] = scores[i]! >= threshold ? 1 : 0
  const key: PlainColumn =
    keys instanceof BigInt64Array
      ? { name: keyName, type: 'INT64', values: plainNumbers(keys) }
      : { name: keyName, type: 'BYTE_ARRAY', meaning: 'UTF8', values: plainTexts(keys) }
  return parquetOfRowGroup(scores.length, [
    key,
    { name: 'score', type: 'DOUBLE', values: plainNumbers(Float64Array.from(scores)) },
    { name: 'prediction', type: 'INT32', values: plainNumbers(predictions) },
    { name: 'model_version', type: 'INT32', same: plainNumbers(Int32Array.of(version)) },
    { name: 'run_id', type: 'BYTE_ARRAY', meaning: 'UTF8', same: plainTexts([run]) },
    { name: 'scored_at', type: 'INT64', meaning: 'TIMESTAMP_MILLIS', same: plainNumbers(BigInt64Array.of(BigInt(atMs))) },
  ])
}
