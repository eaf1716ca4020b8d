import type { Random } from '../../random.ts'
import { type RowBlock, rowsAt } from '../two-sample/row-block.ts'
import { squaredDistance } from './embedding-geometry.ts'

const MOST_ROUNDS = 300

/** Centres, one a row, and for each row that they were found on the centre it is nearest to. */
export type Clusters = { readonly centres: RowBlock; readonly labels: Uint32Array }

/**
 * `count` rows to begin from, far apart by chance: each next one with a probability that grows with its squared distance to those
 * chosen (k-means++, Arthur & Vassilvitskii 2007). Fewer when the block has fewer different rows. Throws RangeError without rows.
 */
export function initialCentres(block: RowBlock, count: number, random: Random): RowBlock {
  if (block.rows === 0) throw new RangeError('centres need at least one row')
  const chosen = [random.int(block.rows)]
  const nearest = Float64Array.from({ length: block.rows }, (_, row) => squaredDistance(block, row, block, chosen[0]!))
  while (chosen.length < count) {
    const total = nearest.reduce((sum, square) => sum + square, 0)
    if (!(total > 0)) break
    let left = random.next() * total
    let next = nearest.findLastIndex((square) => square > 0)
    for (let row = 0; row < block.rows; row++) {
      left -= nearest[row]!
      if (left >= 0 || nearest[row] === 0) continue
      next = row
      break
    }
    chosen.push(next)
    for (let row = 0; row < block.rows; row++) nearest[row] = Math.min(nearest[row]!, squaredDistance(block, row, block, next))
  }
  return rowsAt(block, chosen)
}

/**
 * Lloyd's k-means from the centres given (Lloyd 1982), until no row changes its centre, or for 300 rounds. A centre that loses all
 * its rows stays where it is.
 */
export function kMeansFrom(block: RowBlock, initial: RowBlock): Clusters {
  let centres = initial
  let labels = nearestCentres(block, centres)
  for (let round = 0; round < MOST_ROUNDS; round++) {
    centres = meansOf(block, labels, centres)
    const next = nearestCentres(block, centres)
    const isSettled = next.every((label, row) => label === labels[row])
    labels = next
    if (isSettled) break
  }
  return { centres, labels }
}

/** For each row the nearest centre; the first of several as near. */
export function nearestCentres(block: RowBlock, centres: RowBlock): Uint32Array {
  return Uint32Array.from({ length: block.rows }, (_, row) => {
    let [best, least] = [0, Number.POSITIVE_INFINITY]
    for (let centre = 0; centre < centres.rows; centre++) {
      const square = squaredDistance(block, row, centres, centre)
      if (square < least) [best, least] = [centre, square]
    }
    return best
  })
}

function meansOf(block: RowBlock, labels: Uint32Array, before: RowBlock): RowBlock {
  const { width } = block
  const counts = new Float64Array(before.rows)
  const sums = new Float64Array(before.rows * width)
  labels.forEach((label, row) => {
    counts[label]!++
    for (let d = 0; d < width; d++) sums[label * width + d]! += block.values[row * width + d]!
  })
  const values = sums.map((sum, i) => {
    const count = counts[Math.floor(i / width)]!
    return count > 0 ? sum / count : before.values[i]!
  })
  return { values, rows: before.rows, width }
}
