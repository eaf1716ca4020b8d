import fs from 'node:fs'
import path from 'node:path'
import { scoreRows, trainTrees } from '../../examples/phishing/gbt.ts'
import { createNumericCsvReader } from '../../src/lib/numeric-csv.ts'
import { FEATURES, TREES } from '../elec2/settings.ts'
import { splitRows } from '../elec2/split.ts'
import { dummyWatch, errorWatch, portWatch } from './own-detectors.ts'
import { runPeer } from './peers.ts'
import type { Watch } from './streams.ts'
import { tableOf } from './table.ts'

const file = path.resolve(import.meta.dirname, '../../../shared/datasets/elec2/elec.csv')

/**
 * Alarms on the errors of a model that learned two thirds of the first tenth of ELEC2; undefined, with a word, without the
 * file. The reference is the rest of that tenth, in its order. Nobody knows where ELEC2 changes, so alarms are counted per
 * ninth of the stream, beside the error rate there. With a Python that has River its detectors see the same errors.
 */
export function elec2Table(river: string | undefined): string | undefined {
  if (!fs.existsSync(file)) {
    console.error(`left out, ELEC2: there is no ${file}`)
    return undefined
  }
  const { reference, errors } = errorsOf()
  const detectors: (readonly [string, (reference: Float64Array) => Watch])[] = [
    ...[10_000, 100_000].map((budget) => [`e-detector, budget ${budget}`, errorWatch(budget)] as const),
    ...['stepd', 'mddm'].map((kind) => [`${kind} (ours)`, portWatch({ kind })] as const),
    ['dummy, 1 in 10,000', dummyWatch(10_000, 'elec2')],
  ]
  const alarms: (readonly [string, readonly number[]])[] = detectors.map(([name, create]) => {
    const watch = create(reference)
    return [name, [...errors.keys()].filter((row) => watch(errors[row]!))]
  })
  const text = river && runPeer('river_elec2.py', river, Float64Array.of(...reference, ...errors), [String(reference.length)])
  if (text) alarms.push(...Object.entries(JSON.parse(text) as Record<string, number[]>))
  const ninths = Array.from({ length: 9 }, (_, i) => [Math.floor((i * errors.length) / 9), Math.floor(((i + 1) * errors.length) / 9)])
  const shareOf = (part: Float64Array) => (part.reduce((sum, error) => sum + error, 0) / part.length).toFixed(2)
  const rates = ['error rate', `${shareOf(reference)} before`, ...ninths.map(([from, to]) => shareOf(errors.subarray(from, to)))]
  const counted = alarms.map(([name, rows]) => [
    name,
    rows.length > 0 ? rows[0]! + 1 : 'none',
    ...ninths.map(([from, to]) => rows.filter((row) => row >= from! && row < to!).length),
  ])
  return tableOf(['detector', 'first alarm at row', ...ninths.map((_, i) => `${i + 1}`)], [rates, ...counted])
}

function errorsOf(): { readonly reference: Float64Array; readonly errors: Float64Array } {
  const reader = createNumericCsvReader()
  reader.push(fs.readFileSync(file, 'utf8'))
  const table = reader.end()
  const columns = [...FEATURES, 'class'].map((name) => table.columns[table.names.indexOf(name)]!)
  const tenth = Math.floor(table.rows / 10)
  const { taught, heldBack } = splitRows(tenth)
  const valuesOf = (rows: readonly number[]) => Float32Array.from(rows.flatMap((row) => FEATURES.map((_, f) => columns[f]![row]!)))
  const labels = columns.at(-1)!
  const model = trainTrees(
    valuesOf(taught),
    Uint8Array.from(taught, (row) => labels[row]!),
    TREES,
  )
  const wrong = (rows: readonly number[]) => {
    const scores = scoreRows(model, valuesOf(rows), FEATURES.length)
    return Float64Array.from(rows, (row, i) => (scores[i]! >= 0.5 !== labels[row]! >= 0.5 ? 1 : 0))
  }
  const rest = Array.from({ length: table.rows - tenth }, (_, i) => tenth + i)
  return { reference: wrong(heldBack), errors: wrong(rest) }
}
