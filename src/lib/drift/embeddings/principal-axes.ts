import type { RowBlock } from '../two-sample/row-block.ts'
import { symmetricEigen } from '../two-sample/symmetric-eigen.ts'
import { centredRows, centroidOf, dotOf } from './embedding-geometry.ts'

/** Axes of less variance than this share of the whole are rounding. */
const LEAST_SHARE = 1e-12

export type PrincipalAxes = {
  /** The mean of the rows. */
  readonly centre: Float64Array
  /** Unit vectors, that of the greatest variance first. */
  readonly axes: readonly Float64Array[]
  /** The variance along each, divided by n − 1. */
  readonly variances: readonly number[]
  /** The share of the whole variance that they hold. */
  readonly explained: number
}

/**
 * The first `count` principal axes of rows as they are, or as many as have a variance. They come from the covariance of the
 * dimensions or, where rows are fewer than dimensions, from the rows' dot products, which have the same eigenvalues (Turk & Pentland
 * 1991), so that the cost goes with the smaller of both. The sign of an axis means nothing. Throws RangeError with fewer than two rows.
 */
export function principalAxesOf(block: RowBlock, count: number): PrincipalAxes {
  if (block.rows < 2) throw new RangeError(`principal axes need at least two rows, not ${block.rows}`)
  const centre = centroidOf(block)
  const centred = centredRows(block)
  const byRows = block.rows < block.width
  const { values, vectors } = symmetricEigen(byRows ? rowProducts(centred) : covarianceOf(centred), byRows ? block.rows : block.width)
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0)
  const kept = values.slice(0, count).filter((value) => value > LEAST_SHARE * total)
  const held = kept.reduce((sum, value) => sum + value, 0)
  return {
    centre,
    axes: kept.map((_, i) => (byRows ? axisFromRows(centred, vectors[i]!) : vectors[i]!)),
    variances: kept,
    explained: total > 0 ? held / total : 1,
  }
}

/** Where each row lies along an axis, from the centre. */
export function projectionsOf({ values, rows, width }: RowBlock, { centre, axes }: PrincipalAxes, axis: number): Float64Array {
  const along = axes[axis]!
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0
    for (let d = 0; d < width; d++) sum += (values[row * width + d]! - centre[d]!) * along[d]!
    return sum
  })
}

function covarianceOf({ values, rows, width }: RowBlock): Float64Array {
  const covariance = new Float64Array(width * width)
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < width; i++)
      for (let j = 0; j <= i; j++) covariance[i * width + j]! += (values[row * width + i]! * values[row * width + j]!) / (rows - 1)
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) covariance[j * width + i] = covariance[i * width + j]!
  return covariance
}

function rowProducts(centred: RowBlock): Float64Array {
  const { rows } = centred
  const products = new Float64Array(rows * rows)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j <= i; j++) {
      const product = dotOf(centred, i, centred, j) / (rows - 1)
      products[i * rows + j] = product
      products[j * rows + i] = product
    }
  return products
}

/** The unit axis whose scores are proportional to the eigenvector of the rows' dot products. */
function axisFromRows({ values, rows, width }: RowBlock, vector: Float64Array): Float64Array {
  const axis = new Float64Array(width)
  for (let row = 0; row < rows; row++) for (let d = 0; d < width; d++) axis[d]! += vector[row]! * values[row * width + d]!
  const length = Math.hypot(...axis)
  return axis.map((value) => value / length)
}
