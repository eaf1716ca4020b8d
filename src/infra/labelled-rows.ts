import { AppError, messageFrom } from '../contract/errors.ts'
import { createNumericCsvReader } from '../lib/numeric-csv.ts'
import type { Blobs } from './blobs/blobs.ts'

/** Labelled rows, row by row in one matrix. */
export type LabelledMatrix = { readonly values: Float32Array; readonly labels: Float32Array; readonly rows: number }

/** Reads a version’s frozen reference rows: its features in order, then `label`. Throws `invalid` when the file holds other columns. */
export async function readReference(blobs: Blobs, digest: string, features: readonly string[]): Promise<LabelledMatrix> {
  const table = await readTable(blobs, digest)
  const positions = [...features, 'label'].map((name) => table.names.indexOf(name))
  const absent = positions.indexOf(-1)
  if (absent >= 0)
    throw new AppError('invalid', `the reference rows ${digest.slice(0, 12)}… have no column ${[...features, 'label'][absent]}`)
  const width = features.length
  const values = new Float32Array(table.rows * width)
  for (let i = 0; i < width; i++) {
    const column = table.columns[positions[i]!]!
    for (let row = 0; row < table.rows; row++) values[row * width + i] = column[row]!
  }
  return { values, labels: Float32Array.from(table.columns[positions[width]!]!), rows: table.rows }
}

async function readTable(blobs: Blobs, digest: string) {
  const reader = createNumericCsvReader()
  const decoder = new TextDecoder()
  const { stream } = await blobs.get(digest)
  try {
    for await (const chunk of stream) reader.push(decoder.decode(chunk, { stream: true }))
    return reader.end()
  } catch (error) {
    if (error instanceof RangeError)
      throw new AppError('invalid', `the reference rows ${digest.slice(0, 12)}… cannot be read: ${messageFrom(error)}`, {}, error)
    throw error
  }
}
