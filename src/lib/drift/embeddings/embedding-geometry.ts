import type { RowBlock } from '../two-sample/row-block.ts'

/** The mean vector of the rows. */
export function centroidOf(block: RowBlock): Float64Array {
  return meanOfRows(
    block,
    Uint32Array.from({ length: block.rows }, (_, row) => row),
  )
}

/** The mean vector of the rows at these indices, each as often as it is named. */
export function meanOfRows(block: RowBlock, indices: Uint32Array): Float64Array {
  return sumOfRows(block, indices).map((sum) => sum / indices.length)
}

function sumOfRows({ values, width }: RowBlock, indices: Uint32Array): Float64Array {
  const sum = new Float64Array(width)
  for (const row of indices) for (let d = 0, at = row * width; d < width; d++, at++) sum[d]! += values[at]!
  return sum
}

/** The cosine of the angle between two vectors; 1 when both are zero, 0 when one is. */
export function cosineOf(a: Float64Array, b: Float64Array): number {
  const [lengthA, lengthB] = [normOf(a), normOf(b)]
  if (lengthA === 0 || lengthB === 0) return lengthA === lengthB ? 1 : 0
  let dot = 0
  for (let d = 0; d < a.length; d++) dot += (a[d]! / lengthA) * (b[d]! / lengthB)
  return Math.min(1, Math.max(-1, dot))
}

export function distanceOf(a: Float64Array, b: Float64Array): number {
  let square = 0
  for (let d = 0; d < a.length; d++) square += (a[d]! - b[d]!) ** 2
  return Math.sqrt(square)
}

/** The Euclidean norm of each row. */
export function normsOf({ values, rows, width }: RowBlock): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => normOf(values.subarray(row * width, (row + 1) * width)))
}

function normOf(vector: Float64Array): number {
  let square = 0
  for (const value of vector) square += value * value
  return Math.sqrt(square)
}

/** Rows at length 1; a row of zeros stays. */
export function unitRows(block: RowBlock): RowBlock {
  const values = Float64Array.from(block.values)
  normsOf(block).forEach((norm, row) => {
    if (norm > 0) for (let at = row * block.width; at < (row + 1) * block.width; at++) values[at]! /= norm
  })
  return { ...block, values }
}

/** Rows less their mean vector. */
export function centredRows(block: RowBlock): RowBlock {
  const centre = centroidOf(block)
  return { ...block, values: block.values.map((value, i) => value - centre[i % block.width]!) }
}

/**
 * The mean cosine of all pairs of different rows among those at the indices, from the length of their sum, so that no pairs need
 * to be sampled: (|Σ u|² − Σ c²|u|²)/(k² − Σ c²) over unit rows, each named c times, k in all. A row named twice is no pair with
 * itself. NaN when all indices name one row.
 */
export function meanPairwiseCosine(unit: RowBlock, indices: Uint32Array): number {
  const times = new Float64Array(unit.rows)
  for (const row of indices) times[row]!++
  let [own, pairs] = [0, indices.length ** 2]
  times.forEach((count, row) => {
    if (count === 0) return
    own += (count * normOf(unit.values.subarray(row * unit.width, (row + 1) * unit.width))) ** 2
    pairs -= count * count
  })
  return (normOf(sumOfRows(unit, indices)) ** 2 - own) / pairs
}

/** The dot product of row a of the first and row b of the second block. */
export function dotOf(first: RowBlock, a: number, second: RowBlock, b: number): number {
  const { width } = first
  const [x, y] = [first.values, second.values]
  let dot = 0
  for (let d = 0, at = a * width, other = b * width; d < width; d++, at++, other++) dot += x[at]! * y[other]!
  return dot
}

/** The cosines of disjoint pairs of rows, (0, 1), (2, 3), …: independent draws of the distribution of pairwise cosines. */
export function pairCosines({ values, rows, width }: RowBlock): Float64Array {
  return Float64Array.from({ length: rows >> 1 }, (_, pair) =>
    cosineOf(values.subarray(2 * pair * width, (2 * pair + 1) * width), values.subarray((2 * pair + 1) * width, (2 * pair + 2) * width)),
  )
}

/** The squared Euclidean distance of row a of the first and row b of the second block. */
export function squaredDistance(first: RowBlock, a: number, second: RowBlock, b: number): number {
  const { width } = first
  const [x, y] = [first.values, second.values]
  let square = 0
  for (let d = 0, at = a * width, other = b * width; d < width; d++, at++, other++) {
    const gap = x[at]! - y[other]!
    square += gap * gap
  }
  return square
}

/** For each row the distance to its `neighbour`-th nearest row of `among`, 1 being the nearest. */
export function neighbourDistances(rows: RowBlock, among: RowBlock, neighbour: number): Float64Array {
  const nearest = new Float64Array(neighbour)
  return Float64Array.from({ length: rows.rows }, (_, row) => {
    nearest.fill(Number.POSITIVE_INFINITY)
    for (let other = 0; other < among.rows; other++) {
      let square = squaredDistance(rows, row, among, other)
      for (let k = 0; k < neighbour && square < Number.POSITIVE_INFINITY; k++) {
        if (square >= nearest[k]!) continue
        const farther = nearest[k]!
        nearest[k] = square
        square = farther
      }
    }
    return Math.sqrt(nearest[neighbour - 1]!)
  })
}

/**
 * How far two samples spread in the same directions: tr(AB)/(|A||B|) of their covariances, less what directions that have nothing
 * to do with each other would give, so that 1 is the same and 0 unrelated. From the dot products of centred rows, pairs of
 * different rows only, so that the spread of few rows in many dimensions does not bias it. NaN when either spreads equally in all
 * directions, or not at all: then there are no directions to compare.
 */
export function alignmentOf(first: RowBlock, second: RowBlock): number {
  const [a, b] = [centredRows(first), centredRows(second)]
  let together = 0
  for (let i = 0; i < a.rows; i++) for (let j = 0; j < b.rows; j++) together += dotOf(a, i, b, j) ** 2 / (a.rows * b.rows)
  const own = [a, b].map((block) => {
    let [square, trace] = [0, 0]
    for (let i = 0; i < block.rows; i++) {
      trace += dotOf(block, i, block, i) / block.rows
      for (let j = 0; j < i; j++) square += (2 * dotOf(block, i, block, j) ** 2) / (block.rows * (block.rows - 1))
    }
    return { norm: Math.sqrt(square), trace }
  })
  const [one, other] = own as [{ norm: number; trace: number }, { norm: number; trace: number }]
  const scale = one.norm * other.norm
  if (!(scale > 0)) return Number.NaN
  const unrelated = (one.trace * other.trace) / first.width / scale
  return unrelated > MOST_UNRELATED ? Number.NaN : (together / scale - unrelated) / (1 - unrelated)
}

/** Above this the covariances are so round that turning them changes little. */
const MOST_UNRELATED = 0.8
