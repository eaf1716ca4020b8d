import type { Random } from '../../random.ts'
import { meanAndVariance, sampleIndices } from './samples.ts'

/** Rows of several numeric features: `rows` × `width` values, row by row. */
export type RowBlock = { readonly values: Float64Array; readonly rows: number; readonly width: number }

/** Throws RangeError unless both blocks are as wide as each other, filled, and hold finite numbers only. */
export function checkBlocks(reference: RowBlock, current: RowBlock): void {
  if (reference.width !== current.width) throw new RangeError(`${current.width} features do not match ${reference.width} of the reference`)
  checkBlock(reference, 'reference')
  checkBlock(current, 'current')
}

export function checkBlock({ values, rows, width }: RowBlock, side: string): void {
  if (!(Number.isInteger(width) && width >= 1)) throw new RangeError(`a row holds at least one value, not ${width}`)
  if (values.length !== rows * width)
    throw new RangeError(`${values.length} values do not fill ${rows} rows of ${width} in the ${side} sample`)
  const odd = values.findIndex((value) => !Number.isFinite(value))
  if (odd >= 0)
    throw new RangeError(`the ${side} sample holds ${values[odd]} in row ${Math.floor(odd / width)}; remove what is not a finite number`)
}

/** A block from rows given one by one. Throws RangeError when they differ in width, or there are none. */
export function blockFrom(rows: readonly ArrayLike<number>[]): RowBlock {
  const width = rows[0]?.length ?? 0
  if (width === 0) throw new RangeError('a block needs at least one row of at least one value')
  const values = new Float64Array(rows.length * width)
  rows.forEach((row, i) => {
    if (row.length !== width) throw new RangeError(`row ${i} has ${row.length} values, the first has ${width}`)
    values.set(row, i * width)
  })
  return { values, rows: rows.length, width }
}

export function columnOf({ values, rows, width }: RowBlock, column: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => values[row * width + column]!)
}

/** The rows at these indices, in their order. */
export function rowsAt({ values, width }: RowBlock, indices: ArrayLike<number>): RowBlock {
  const picked = new Float64Array(indices.length * width)
  for (let i = 0; i < indices.length; i++) picked.set(values.subarray(indices[i]! * width, (indices[i]! + 1) * width), i * width)
  return { values: picked, rows: indices.length, width }
}

/** At most `most` rows, drawn without replacement, in their order. */
export function sampleRows(block: RowBlock, most: number, random: Random): RowBlock {
  return block.rows <= most ? block : rowsAt(block, sampleIndices(block.rows, most, random))
}

export type Scaling = { readonly means: readonly number[]; readonly deviations: readonly number[] }

/** Mean and deviation of each column, that of a constant one taken as 1; divided by n as scikit-learn's scaler does. */
export function scalingOf(block: RowBlock): Scaling {
  const columns = Array.from({ length: block.width }, (_, column) => meanAndVariance(columnOf(block, column)))
  const deviation = (variance: number) => Math.sqrt((variance * (block.rows - 1)) / block.rows) || 1
  return { means: columns.map(({ mean }) => mean), deviations: columns.map(({ variance }) => deviation(variance)) }
}

export function scaled({ values, rows, width }: RowBlock, { means, deviations }: Scaling): RowBlock {
  return { values: values.map((value, i) => (value - means[i % width]!) / deviations[i % width]!), rows, width }
}
