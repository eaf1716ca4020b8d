import { createRandom } from '../../random.ts'
import { blockFrom, type RowBlock } from '../two-sample/row-block.ts'

export type EmbeddingProfileOptions = {
  /** Length of each vector. */
  readonly width: number
  /** Rows kept whole for comparisons of pairs. 1,000 if not given. */
  readonly sampleRows?: number
  /** Co-moments of all pairs of dimensions, or the diagonal alone. All up to 256 dimensions if not given: cost per row is their number. */
  readonly covariance?: 'packed' | 'diagonal'
}

/** A row of the sample: the caller's key of the row, its place in the draw, and its vector. */
type Kept = { readonly key: string; readonly place: number; readonly vector: readonly number[] }

/**
 * How the vectors of a stretch of traffic lie. Plain data: it goes to JSON and back unchanged. Its size depends on the options
 * alone. Two profiles merge into the profile of all their rows: counts and sample exactly, moments to rounding.
 */
export type EmbeddingProfile = {
  readonly width: number
  readonly sampleRows: number
  readonly covariance: 'packed' | 'diagonal'
  readonly rows: number
  readonly mean: readonly number[]
  /** Σ (x − mean)(x − mean)ᵀ: rows of the lower triangle one after another, or the diagonal. */
  readonly comoments: readonly number[]
  /** Of the Euclidean norms: mean and Σ (norm − mean)². */
  readonly norms: { readonly mean: number; readonly squares: number }
  /** The rows with the lowest places: a uniform sample without replacement of all rows with different keys (Cohen & Kaplan 2007). */
  readonly sample: readonly Kept[]
}

const MOST_PACKED_WIDTH = 256

export function emptyEmbeddingProfile({ width, sampleRows = 1_000, covariance }: EmbeddingProfileOptions): EmbeddingProfile {
  if (!(Number.isInteger(width) && width >= 1)) throw new RangeError(`an embedding has at least one dimension, not ${width}`)
  if (!(Number.isInteger(sampleRows) && sampleRows >= 0)) throw new RangeError(`sampleRows is a whole number ≥ 0, not ${sampleRows}`)
  const kind = covariance ?? (width <= MOST_PACKED_WIDTH ? 'packed' : 'diagonal')
  const cells = kind === 'packed' ? (width * (width + 1)) / 2 : width
  const zeros = (length: number) => new Array<number>(length).fill(0)
  return {
    width,
    sampleRows,
    covariance: kind,
    rows: 0,
    mean: zeros(width),
    comoments: zeros(cells),
    norms: { mean: 0, squares: 0 },
    sample: [],
  }
}

/**
 * The profile of a batch of rows, to be merged into a longer one. `keys` name the rows (a request's id): a row's place in the
 * sample is drawn from its key, so that it does not matter who sees it or in which order. Throws RangeError when keys, rows and
 * width do not match, and on NaN and infinity.
 */
export function embeddingProfileFrom(
  keys: readonly string[],
  rows: readonly ArrayLike<number>[],
  options: EmbeddingProfileOptions,
): EmbeddingProfile {
  const empty = emptyEmbeddingProfile(options)
  const { width, covariance, sampleRows } = empty
  if (keys.length !== rows.length) throw new RangeError(`${keys.length} keys do not match ${rows.length} rows`)
  rows.forEach((row, i) => {
    if (row.length !== width) throw new RangeError(`row ${keys[i]} has ${row.length} dimensions, not ${width}`)
    for (let d = 0; d < width; d++)
      if (!Number.isFinite(row[d]!)) throw new RangeError(`row ${keys[i]} holds ${row[d]}; remove what is not a finite number`)
  })
  if (rows.length === 0) return empty
  const mean = new Float64Array(width)
  for (const row of rows) for (let d = 0; d < width; d++) mean[d]! += row[d]! / rows.length
  const comoments = new Float64Array(empty.comoments.length)
  const gaps = new Float64Array(width)
  for (const row of rows) {
    for (let d = 0; d < width; d++) gaps[d] = row[d]! - mean[d]!
    let cell = 0
    for (let d = 0; d < width; d++) {
      if (covariance === 'diagonal') comoments[d]! += gaps[d]! ** 2
      else for (let e = 0; e <= d; e++) comoments[cell++]! += gaps[d]! * gaps[e]!
    }
  }
  const lengths = rows.map((row) => Math.hypot(...Array.from(row)))
  const norm = lengths.reduce((sum, length) => sum + length / rows.length, 0)
  const squares = lengths.reduce((sum, length) => sum + (length - norm) ** 2, 0)
  const drawn = rows.map((row, i) => ({ key: keys[i]!, place: placeOf(keys[i]!), vector: row }))
  const sample = lowest(drawn, sampleRows).map((kept) => ({ ...kept, vector: Array.from(kept.vector) }))
  return {
    ...empty,
    rows: rows.length,
    mean: Array.from(mean),
    comoments: Array.from(comoments),
    norms: { mean: norm, squares },
    sample,
  }
}

/** The profile of the rows of both (moments by Chan, Golub & LeVeque 1983). Throws RangeError when their shapes differ. */
export function mergeEmbeddingProfiles(first: EmbeddingProfile, second: EmbeddingProfile): EmbeddingProfile {
  const shapeOf = ({ width, sampleRows, covariance }: EmbeddingProfile) =>
    `${width} dimensions, ${sampleRows} sampled rows, ${covariance} covariance`
  if (shapeOf(first) !== shapeOf(second))
    throw new RangeError(`embedding profiles merge only when alike: ${shapeOf(first)} against ${shapeOf(second)}`)
  const rows = first.rows + second.rows
  const sample = lowest([...first.sample, ...second.sample], first.sampleRows)
  if (first.rows === 0 || second.rows === 0) return { ...(first.rows === 0 ? second : first), sample }
  const part = second.rows / rows
  const weight = first.rows * part
  const gaps = first.mean.map((mean, d) => second.mean[d]! - mean)
  const comoments = first.comoments.map((value, cell) => value + second.comoments[cell]!)
  let cell = 0
  for (let d = 0; d < first.width; d++) {
    if (first.covariance === 'diagonal') comoments[d]! += weight * gaps[d]! ** 2
    else for (let e = 0; e <= d; e++) comoments[cell++]! += weight * gaps[d]! * gaps[e]!
  }
  const normGap = second.norms.mean - first.norms.mean
  return {
    ...first,
    rows,
    mean: first.mean.map((mean, d) => mean + part * gaps[d]!),
    comoments,
    norms: {
      mean: first.norms.mean + part * normGap,
      squares: first.norms.squares + second.norms.squares + weight * normGap ** 2,
    },
    sample,
  }
}

/** The sampled rows as a block, for the comparisons; undefined when there are none. */
export function sampledBlock(profile: EmbeddingProfile): RowBlock | undefined {
  return profile.sample.length === 0 ? undefined : blockFrom(profile.sample.map(({ vector }) => vector))
}

/** The rows with the lowest places, in that order; of several with one key the first. */
function lowest<T extends { readonly key: string; readonly place: number }>(rows: readonly T[], most: number): T[] {
  const known = new Set<string>()
  const different = rows.filter(({ key }) => !known.has(key) && known.add(key))
  return different.sort((a, b) => a.place - b.place || (a.key < b.key ? -1 : 1)).slice(0, most)
}

/** A number in [0, 1) that depends on the key alone. */
function placeOf(key: string): number {
  return createRandom(key).next()
}
