import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { AppError } from '../../../../contract/errors.ts'
import { createKeySet } from '../../../../lib/key-set.ts'
import type { InputFile, Tasks } from './messages.ts'
import { openRows } from './row-reader.ts'

const STRETCH_ROWS = 65_536
const PIECE_BYTES = 1 << 20

/** Throws `invalid` when the file lacks a column that the layout names. */
export async function describeFile({ file, layout }: Tasks['describe']['given']): Promise<InputFile> {
  const rows = await openRows(file)
  try {
    const needed = [
      layout.key,
      ...layout.features.flatMap((one) => ('lookup' in one ? [] : [one.column])),
      ...layout.lookups.map(({ on }) => on),
    ]
    const missing = needed.filter((column) => !rows.has(column))
    if (missing.length > 0) throw new AppError('invalid', `${file} has no column ${missing.slice(0, 10).join(', ')} of single values`)
    return { file, rows: rows.rows, groups: rows.groups }
  } finally {
    rows.close()
  }
}

export function digestFile({ file }: Tasks['digest']['given']): Tasks['digest']['gives'] {
  const hash = createHash('sha256')
  const descriptor = fs.openSync(file, 'r')
  const piece = Buffer.allocUnsafe(PIECE_BYTES)
  let sizeBytes = 0
  try {
    for (let read = fs.readSync(descriptor, piece); read > 0; read = fs.readSync(descriptor, piece)) {
      hash.update(piece.subarray(0, read))
      sizeBytes += read
    }
  } finally {
    fs.closeSync(descriptor)
  }
  return { digest: hash.digest('hex'), sizeBytes }
}

/** Rows without a key are no duplicates: they become dead letters. */
export async function scanKeys({ files, key }: Tasks['scan']['given']): Promise<Tasks['scan']['gives']> {
  const dropped = new Uint8Array(Math.ceil(files.reduce((sum, { rows }) => sum + rows, 0) / 8))
  if (await areIncreasing(files, key)) return { dropped, duplicates: 0 }
  const seen = createKeySet()
  let duplicates = 0
  let first = 0
  const drop = (row: number) => {
    dropped[row >>> 3]! |= 1 << (row & 7)
    duplicates += 1
  }
  for (const { file, rows } of files) {
    const reader = await openRows(file)
    try {
      for (let from = 0; from < rows; from += STRETCH_ROWS) {
        const keys = reader.keys(key, from, Math.min(rows, from + STRETCH_ROWS))
        if ('texts' in keys) {
          for (const [i, text] of keys.texts.entries()) if (text !== null && !seen.addText(text)) drop(first + from + i)
          continue
        }
        const halves = new Int32Array(keys.integers.buffer)
        for (let i = 0; i < keys.integers.length; i++) {
          if (keys.present && !keys.present[i]) continue
          if (!seen.addInteger(halves[2 * i]!, halves[2 * i + 1]!)) drop(first + from + i)
        }
      }
    } finally {
      reader.close()
    }
    first += rows
  }
  return { dropped, duplicates }
}

/** Whether each whole number is above the one before, as ids often are; then none comes twice, and nothing needs to be remembered. */
async function areIncreasing(files: readonly InputFile[], key: string): Promise<boolean> {
  let low = 0
  let high = Number.NEGATIVE_INFINITY
  for (const { file, rows } of files) {
    const reader = await openRows(file)
    try {
      for (let from = 0; from < rows; from += STRETCH_ROWS) {
        const keys = reader.keys(key, from, Math.min(rows, from + STRETCH_ROWS))
        if ('texts' in keys || keys.present) return false
        const halves = new Int32Array(keys.integers.buffer)
        for (let i = 0; i < halves.length; i += 2) {
          const [nextLow, nextHigh] = [halves[i]! >>> 0, halves[i + 1]!]
          if (nextHigh < high || (nextHigh === high && nextLow <= low)) return false
          low = nextLow
          high = nextHigh
        }
      }
    } finally {
      reader.close()
    }
  }
  return true
}
