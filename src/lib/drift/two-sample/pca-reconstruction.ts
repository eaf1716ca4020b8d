import { createRandom } from '../../random.ts'
import { welchTest } from './mean-tests.ts'
import { isInsufficient, type TestOutcome, tooFew } from './result.ts'
import { checkBlock, checkBlocks, type RowBlock, rowsAt, type Scaling, scaled, scalingOf } from './row-block.ts'
import { meanAndVariance, sampleIndices } from './samples.ts'
import { symmetricEigen } from './symmetric-eigen.ts'

const LEAST_ROWS = 20

/** Principal components of a reference sample. Plain data: it goes to JSON and back unchanged. */
export type PcaReference = {
  readonly scaling: Scaling
  /** Unit vectors in the space of the scaled features, the one of greatest variance first. */
  readonly components: readonly (readonly number[])[]
  /** The share of the variance that they hold. */
  readonly explained: number
}

/**
 * Freezes the fewest principal components of the standardised features that hold more than `explained` of their variance (0.65 if
 * not given, as in NannyML). Throws RangeError on NaN, infinity and fewer than two rows.
 */
export function pcaReferenceFrom(block: RowBlock, { explained = 0.65 }: { readonly explained?: number } = {}): PcaReference {
  checkBlock(block, 'reference')
  if (block.rows < 2) throw new RangeError(`principal components need at least two rows, not ${block.rows}`)
  if (!(explained > 0 && explained < 1)) throw new RangeError(`the explained share lies between 0 and 1, not ${explained}`)
  const scaling = scalingOf(block)
  const { values, rows, width } = scaled(block, scaling)
  const covariance = new Float64Array(width * width)
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < width; i++)
      for (let j = 0; j <= i; j++) covariance[i * width + j]! += (values[row * width + i]! * values[row * width + j]!) / rows
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) covariance[j * width + i] = covariance[i * width + j]!
  const eigen = symmetricEigen(covariance, width)
  const total = eigen.values.reduce((sum, value) => sum + value, 0)
  let held = 0
  let count = 0
  while (count < width && held <= explained * total) held += eigen.values[count++]!
  const components = eigen.vectors.slice(0, count).map((vector) => Array.from(vector))
  return { scaling, components, explained: total > 0 ? held / total : 1 }
}

/** How far each row lies from the space of the components: the Euclidean norm of what they do not reconstruct, in scaled features. */
export function reconstructionErrors({ scaling, components }: PcaReference, block: RowBlock): Float64Array {
  checkBlock(block, 'current')
  if (block.width !== scaling.means.length)
    throw new RangeError(`${block.width} features do not match ${scaling.means.length} of the reference`)
  const { values, rows, width } = scaled(block, scaling)
  return Float64Array.from({ length: rows }, (_, row) => {
    const rest = values.slice(row * width, (row + 1) * width)
    for (const component of components) {
      let along = 0
      for (let i = 0; i < width; i++) along += rest[i]! * component[i]!
      for (let i = 0; i < width; i++) rest[i]! -= along * component[i]!
    }
    return Math.hypot(...rest)
  })
}

export type ChunkLimits = { readonly low: number; readonly high: number; readonly chunkRows: number }

/**
 * Between what limits the mean error of a chunk of `chunkRows` rows stays in the reference: the mean over the reference's own
 * chunks ± `deviations` of them, not below 0 (the rule of NannyML, with its 3 deviations). The last chunk, if not full, is left
 * out. Throws RangeError with fewer than two chunks.
 */
export function chunkLimitsOf(errors: Float64Array, chunkRows: number, deviations = 3): ChunkLimits {
  const chunks = Math.floor(errors.length / chunkRows)
  if (!(chunks >= 2)) throw new RangeError(`limits need at least two chunks of ${chunkRows} rows; there are ${errors.length} rows`)
  const means = Array.from({ length: chunks }, (_, c) => meanAndVariance(errors.subarray(c * chunkRows, (c + 1) * chunkRows)).mean)
  const { mean, variance } = meanAndVariance(means)
  const spread = deviations * Math.sqrt((variance * (chunks - 1)) / chunks)
  return { low: Math.max(0, mean - spread), high: mean + spread, chunkRows }
}

/**
 * Whether current rows are reconstructed as well as the reference's: components from a seeded half of the reference, errors of the
 * other half against those of the current rows, so that neither was fitted to. The statistic is the mean current error;
 * effect and p-value are Welch's of the errors. It sees that linear relations between features broke, not that
 * rows moved along them. Throws RangeError on NaN, infinity and blocks of different width.
 */
export function pcaReconstructionTest(
  reference: RowBlock,
  current: RowBlock,
  { explained = 0.65, seed = 1 }: { readonly explained?: number; readonly seed?: number } = {},
): TestOutcome {
  checkBlocks(reference, current)
  const test = 'pca_reconstruction'
  const least = Math.max(LEAST_ROWS, 4 * reference.width)
  const short = tooFew(test, 'PCA reconstruction', least, reference.rows, current.rows)
  if (short) return short
  const fitted = sampleIndices(reference.rows, reference.rows >> 1, createRandom(seed))
  const used = new Set(fitted)
  const held = Uint32Array.from({ length: reference.rows }, (_, row) => row).filter((row) => !used.has(row))
  const pca = pcaReferenceFrom(rowsAt(reference, fitted), { explained })
  if (pca.components.length === reference.width)
    return { test, insufficient: `PCA reconstruction needs features that hang together; all ${reference.width} components are needed` }
  const errors = reconstructionErrors(pca, current)
  const outcome = welchTest(reconstructionErrors(pca, rowsAt(reference, held)), errors)
  if (isInsufficient(outcome)) return { test, insufficient: outcome.insufficient }
  const { mean } = meanAndVariance(errors)
  const note = `${pca.components.length} of ${reference.width} components, from ${fitted.length} of the reference's rows`
  return { ...outcome, test, statistic: mean, referenceRows: reference.rows, note }
}
