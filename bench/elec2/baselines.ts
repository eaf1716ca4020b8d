import { scoreRows, trainTrees } from '../../examples/phishing/gbt.ts'
import { TREES } from './settings.ts'
import { splitRows } from './split.ts'

/** Accuracies on one tenth of the file. */
export type Decile = { readonly decile: number; readonly stale: number; readonly retrained: number }

/** What the same trees score without a loop, trained as the loop's versions are: once on the first tenth, and blindly on each tenth for the next. */
export function offlineDeciles(columns: readonly Float64Array[], labels: Float64Array): Decile[] {
  const size = labels.length / 10
  const startOf = (decile: number) => Math.floor((decile - 1) * size)
  const pick = (rows: readonly number[]) => ({
    values: Float32Array.from(rows.flatMap((row) => columns.map((column) => column[row]!))),
    labels: Uint8Array.from(rows, (row) => labels[row]!),
  })
  const modelOf = (decile: number) => {
    const from = startOf(decile)
    const { values, labels: known } = pick(splitRows(startOf(decile + 1) - from).taught.map((row) => from + row))
    return trainTrees(values, known, TREES)
  }
  const accuracy = (model: ReturnType<typeof modelOf>, decile: number) => {
    const { values, labels: known } = pick(Array.from({ length: startOf(decile + 1) - startOf(decile) }, (_, i) => startOf(decile) + i))
    const scores = scoreRows(model, values, columns.length)
    return known.reduce((right, label, row) => right + Number(scores[row]! >= 0.5 === (label === 1)), 0) / known.length
  }
  const first = modelOf(1)
  return Array.from({ length: 10 }, (_, i) => ({
    decile: i + 1,
    stale: accuracy(first, i + 1),
    retrained: accuracy(i === 0 ? first : modelOf(i), i + 1),
  }))
}
