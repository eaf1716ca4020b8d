import { scoreRows, trainTrees } from '../../examples/phishing/gbt.ts'
import { TREES } from './settings.ts'

/** Accuracies on one tenth of the file. */
export type Decile = { readonly decile: number; readonly stale: number; readonly retrained: number }

/** What the same trees score without a loop: trained once on the first tenth, and blindly on each tenth for the next. */
export function offlineDeciles(columns: readonly Float64Array[], labels: Float64Array): Decile[] {
  const size = labels.length / 10
  const bounds = (decile: number): [number, number] => [Math.floor((decile - 1) * size), Math.floor(decile * size)]
  const rowsOf = (decile: number) => {
    const [from, to] = bounds(decile)
    const values = new Float32Array((to - from) * columns.length)
    for (let row = from; row < to; row++)
      for (let f = 0; f < columns.length; f++) values[(row - from) * columns.length + f] = columns[f]![row]!
    return { values, labels: Uint8Array.from(labels.subarray(from, to)) }
  }
  const modelOf = (decile: number) => {
    const { values, labels: known } = rowsOf(decile)
    return trainTrees(values, known, TREES)
  }
  const accuracy = (model: ReturnType<typeof modelOf>, decile: number) => {
    const { values, labels: known } = rowsOf(decile)
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
