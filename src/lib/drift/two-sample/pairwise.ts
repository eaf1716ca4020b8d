import { createRandom } from '../../random.ts'
import { type TestName, type TestOutcome, tooFew } from './result.ts'
import { checkBlocks, type RowBlock, sampleRows, scaled, scalingOf } from './row-block.ts'

const LEAST_ROWS = 10
/** No more rows a side are compared pair by pair: a matrix of 2,000 × 2,000. */
const MOST_ROWS = 1_000

export type PairwiseOptions = {
  /** Rows a side that are drawn when there are more; at most 1,000. */
  readonly mostRows?: number
  /** The p-value is never below 1/(permutations + 1). 299 if not given. */
  readonly permutations?: number
  readonly seed?: number
  /** Whether each feature is first divided by its deviation in the reference, so that units do not matter. True if not given. */
  readonly standardise?: boolean
  /** Of the Gaussian kernel exp(−d²/(2·bandwidth²)); the median distance of the pooled rows if not given. */
  readonly bandwidth?: number
}

/**
 * The maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012, eq. 3: the unbiased MMD², which may be negative), with
 * a p-value by permutation. The effect is √max(0, MMD²), at most √2. Whole rows are compared, so a changed correlation between
 * features that look as before is found. Throws RangeError on blocks of different width and on NaN and infinity.
 */
export function mmdTest(reference: RowBlock, current: RowBlock, options: PairwiseOptions = {}): TestOutcome {
  return pairwiseTest('mmd', 'MMD', reference, current, options, (distances, rows) => {
    const bandwidth = options.bandwidth ?? medianDistance(distances, rows)
    // All rows equal: no bandwidth, and nothing to tell apart.
    const rate = bandwidth > 0 ? 1 / (2 * bandwidth * bandwidth) : 0
    for (let i = 0; i < distances.length; i++) distances[i] = Math.exp(-rate * distances[i]! * distances[i]!)
    const statisticOf = ({ within, between, other }: PairSums, n: number, m: number) =>
      within / (n * (n - 1)) + other / (m * (m - 1)) - (2 * between) / (n * m)
    return { statisticOf, effectOf: (square) => ({ name: 'MMD', value: Math.sqrt(Math.max(0, square)) }) }
  })
}

/**
 * The energy distance of whole rows, 2·E|X − Y| − E|X − X′| − E|Y − Y′| with Euclidean distances (Székely & Rizzo 2013, eq. 5; means
 * over all pairs of different rows, so that it is unbiased and may be negative), with a p-value by permutation. The effect
 * is the energy coefficient, the distance over 2·E|X − Y|, at least 0. Otherwise as `mmdTest`.
 */
export function energyRowsTest(reference: RowBlock, current: RowBlock, options: PairwiseOptions = {}): TestOutcome {
  return pairwiseTest('energy', 'The energy distance', reference, current, options, () => {
    const statisticOf = ({ within, between, other }: PairSums, n: number, m: number) =>
      (2 * between) / (n * m) - within / (n * (n - 1)) - other / (m * (m - 1))
    const effectOf = (distance: number, { between }: PairSums, n: number, m: number) => ({
      name: 'energy coefficient',
      value: between > 0 ? Math.max(0, distance) / ((2 * between) / (n * m)) : 0,
    })
    return { statisticOf, effectOf }
  })
}

/** Sums over ordered pairs of different rows: both of the first sample, one of each, both of the second. */
type PairSums = { readonly within: number; readonly between: number; readonly other: number }
type Statistic = {
  readonly statisticOf: (sums: PairSums, n: number, m: number) => number
  readonly effectOf: (statistic: number, sums: PairSums, n: number, m: number) => { readonly name: string; readonly value: number }
}

function pairwiseTest(
  test: TestName,
  title: string,
  reference: RowBlock,
  current: RowBlock,
  { mostRows = MOST_ROWS, permutations = 299, seed = 1, standardise = true }: PairwiseOptions,
  prepare: (distances: Float64Array, rows: number) => Statistic,
): TestOutcome {
  checkBlocks(reference, current)
  if (!(mostRows >= LEAST_ROWS && mostRows <= MOST_ROWS))
    throw new RangeError(`mostRows lies between ${LEAST_ROWS} and ${MOST_ROWS}, not ${mostRows}`)
  const short = tooFew(test, title, LEAST_ROWS, reference.rows, current.rows)
  if (short) return short
  const random = createRandom(seed)
  const drawn = [sampleRows(reference, mostRows, random), sampleRows(current, mostRows, random)] as const
  const scaling = standardise ? scalingOf(reference) : undefined
  const [first, second] = scaling ? [scaled(drawn[0], scaling), scaled(drawn[1], scaling)] : drawn
  const [n, m] = [first.rows, second.rows]
  const matrix = distancesOf(first, second)
  const { statisticOf, effectOf } = prepare(matrix, n + m)
  const rowSums = rowSumsOf(matrix, n + m)
  const order = Uint32Array.from({ length: n + m }, (_, row) => row)
  const seen = sumsOf(matrix, rowSums, order, n)
  const statistic = statisticOf(seen, n, m)
  let asFar = 0
  for (let round = 0; round < permutations; round++) {
    for (let row = 0; row < n; row++) {
      const other = row + random.int(n + m - row)
      const kept = order[other]!
      order[other] = order[row]!
      order[row] = kept
    }
    if (statisticOf(sumsOf(matrix, rowSums, order, n), n, m) >= statistic - 1e-12 * Math.abs(statistic)) asFar++
  }
  const sampled = n < reference.rows || m < current.rows ? ` of ${n} and ${m} sampled rows` : ''
  return {
    test,
    statistic,
    effect: effectOf(statistic, seen, n, m),
    pValue: (1 + asFar) / (1 + permutations),
    referenceRows: reference.rows,
    currentRows: current.rows,
    note: `p-value from ${permutations} permutations${sampled}`,
  }
}

/** Euclidean distances of all rows of both samples, the first sample's first; symmetric, its diagonal 0. */
function distancesOf(first: RowBlock, second: RowBlock): Float64Array {
  const { width } = first
  const rows = first.rows + second.rows
  const values = new Float64Array(rows * width)
  values.set(first.values)
  values.set(second.values, first.values.length)
  const matrix = new Float64Array(rows * rows)
  for (let a = 0; a < rows; a++)
    for (let b = 0; b < a; b++) {
      let square = 0
      for (let i = 0; i < width; i++) {
        const gap = values[a * width + i]! - values[b * width + i]!
        square += gap * gap
      }
      const distance = Math.sqrt(square)
      matrix[a * rows + b] = distance
      matrix[b * rows + a] = distance
    }
  return matrix
}

function medianDistance(distances: Float64Array, rows: number): number {
  const above = new Float64Array((rows * (rows - 1)) / 2)
  let at = 0
  for (let a = 1; a < rows; a++) {
    above.set(distances.subarray(a * rows, a * rows + a), at)
    at += a
  }
  above.sort()
  const middle = above.length >> 1
  return above.length % 2 === 1 ? above[middle]! : (above[middle - 1]! + above[middle]!) / 2
}

/** The sum of each row of the matrix, its diagonal left out. */
function rowSumsOf(matrix: Float64Array, rows: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, a) => {
    let sum = -matrix[a * rows + a]!
    for (let b = 0; b < rows; b++) sum += matrix[a * rows + b]!
    return sum
  })
}

/** The first `n` rows of `order` are the first sample. Only their pairs are visited: the other sums follow from the row sums. */
function sumsOf(matrix: Float64Array, rowSums: Float64Array, order: Uint32Array, n: number): PairSums {
  const rows = order.length
  let half = 0
  let outgoing = 0
  for (let i = 0; i < n; i++) {
    const base = order[i]! * rows
    outgoing += rowSums[order[i]!]!
    for (let j = 0; j < i; j++) half += matrix[base + order[j]!]!
  }
  let all = 0
  for (const sum of rowSums) all += sum
  const within = 2 * half
  const between = outgoing - within
  return { within, between, other: all - within - 2 * between }
}
