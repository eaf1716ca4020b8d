import { writeFileSync } from 'node:fs'
import { parquetWriteFile } from 'hyparquet-writer'
import { type Tree, treeModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { createRandom } from '../../src/lib/random.ts'

export const FEATURES = 30
const TREES = 100
const DEPTH = 6
const ROW_GROUP = 250_000

/** Random full trees: what they say does not matter here, what they cost does. */
export function writeModel(file: string): void {
  const random = createRandom('batch')
  const inner = 2 ** DEPTH - 1
  const nodes = 2 ** (DEPTH + 1) - 1
  const tree = (): Tree => ({
    feature: Int32Array.from({ length: nodes }, (_, node) => (node < inner ? random.int(FEATURES) : -1)),
    threshold: Float32Array.from({ length: nodes }, () => random.next()),
    left: Int32Array.from({ length: nodes }, (_, node) => (node < inner ? 2 * node + 1 : 0)),
    right: Int32Array.from({ length: nodes }, (_, node) => (node < inner ? 2 * node + 2 : 0)),
    value: Float32Array.from({ length: nodes }, () => (random.next() - 0.5) / 5),
  })
  writeFileSync(file, treeModel({ producer: { name: 'bench', version: '1' }, features: FEATURES }, Array.from({ length: TREES }, tree), 0))
}

/** An id and the features, as float. */
export function writeRows(file: string, rows: number): void {
  const random = createRandom('rows')
  const columnData = [
    { name: 'id', data: BigInt64Array.from({ length: rows }, (_, i) => BigInt(i)), type: 'INT64' as const, encoding: 'PLAIN' as const },
    ...Array.from({ length: FEATURES }, (_, f) => {
      const data = new Float32Array(rows)
      for (let i = 0; i < rows; i++) data[i] = random.next()
      return { name: `f${f}`, data, type: 'FLOAT' as const, encoding: 'PLAIN' as const }
    }),
  ]
  parquetWriteFile({ filename: file, columnData, codec: 'SNAPPY', rowGroupSize: ROW_GROUP })
}
