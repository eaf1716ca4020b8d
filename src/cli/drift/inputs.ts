import fs from 'node:fs'
import path from 'node:path'
import { isEvidently, profileFromEvidently } from '../../lib/drift/import/evidently.ts'
import type { Imported } from '../../lib/drift/import/imported.ts'
import { isWhylogs, profileFromWhylogs } from '../../lib/drift/import/whylogs.ts'
import { type Histograms, histogramsFrom } from '../../lib/drift/report/histograms.ts'
import { isProfile, profileFromJson } from './profile-file.ts'
import type { RowSource, SourceOptions } from './row-chunks.ts'
import { existing, isTable, openRows, unreadable } from './row-source.ts'

/** One side of a comparison: rows still to be counted, a profile, or the histograms of the simple form. */
export type Input =
  | { readonly kind: 'rows'; readonly name: string; readonly source: RowSource }
  | ({ readonly kind: 'profile'; readonly name: string } & Imported)
  | { readonly kind: 'histograms'; readonly name: string; readonly histograms: Histograms }

/**
 * Opens a file by its ending and what it holds: rows, one of our profiles, a report of Evidently, a profile of whylogs, or the simple
 * form. Of a report with two sides the baseline takes the reference. Throws a usage error that names the file and what is wrong.
 */
export async function openInput(named: string, folder: string, side: 'reference' | 'current', options: SourceOptions): Promise<Input> {
  const name = path.basename(named)
  if (isTable(named)) return { kind: 'rows', name, source: await openRows(named, folder, options) }
  const bytes = fs.readFileSync(existing(named, folder))
  try {
    if (isWhylogs(bytes)) return { kind: 'profile', name, ...profileFromWhylogs(bytes) }
    if (!/\.json$/i.test(named))
      throw new RangeError('its name ends in none of .csv, .parquet, .jsonl, .json, and it is no profile of whylogs')
    return fromJson(name, JSON.parse(bytes.toString('utf8')), side)
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) throw unreadable(named, error)
    throw error
  }
}

function fromJson(name: string, value: unknown, side: 'reference' | 'current'): Input {
  if (isProfile(value)) return { kind: 'profile', name, profile: profileFromJson(value), problems: [], unread: [] }
  if (isEvidently(value)) return { kind: 'profile', name, ...profileFromEvidently(value, side) }
  if (Array.isArray(value) && value.some((one) => typeof one === 'object'))
    throw new RangeError('it is a list of objects; write one object a line, in a file that ends in .jsonl')
  return { kind: 'histograms', name, histograms: histogramsFrom(value) }
}
