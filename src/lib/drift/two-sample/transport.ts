import { createRandom } from '../../random.ts'
import { kolmogorovSmirnovOfSorted } from './kolmogorov-smirnov.ts'
import { type TestOutcome, tooFew } from './result.ts'
import { eachLevel, meanAndVariance, sampleOf, sortedSample } from './samples.ts'

const LEAST_ROWS = 10
/** A permutation looks at no more rows a side than this. */
const MOST_PERMUTED_ROWS = 2_000

export type DistanceOptions = {
  /**
   * Where the p-value comes from. `permutation`: of this statistic on at most 2,000 rows a side, never below 1/(permutations +
   * 1). `kolmogorov_smirnov`: of that test on all rows, whose null is the same, that both samples have one distribution.
   * `none`: no p-value. The default is `permutation`.
   */
  readonly pValueFrom?: 'permutation' | 'kolmogorov_smirnov' | 'none'
  readonly permutations?: number
  readonly seed?: number
}

/**
 * The Wasserstein-1 distance ∫ |F − G|, in the feature's unit: how far a row moved on average. The effect is the same in
 * deviations of the reference (of both samples together when the reference is constant). Throws RangeError on NaN and infinity.
 */
export function wassersteinTest(reference: Float64Array, current: Float64Array, options: DistanceOptions = {}): TestOutcome {
  const first = sortedSample(reference, 'reference')
  const second = sortedSample(current, 'current')
  const short = tooFew('wasserstein', 'The Wasserstein distance', LEAST_ROWS, first.length, second.length)
  if (short) return short
  const { area } = gapsOf(first, second)
  const own = meanAndVariance(first).variance
  const variance = own > 0 ? own : meanAndVariance(Float64Array.of(...[first[0]!, first.at(-1)!, second[0]!, second.at(-1)!])).variance
  return {
    test: 'wasserstein',
    statistic: area,
    effect: {
      name: own > 0 ? 'distance in reference deviations' : 'distance in deviations of the ends, the reference being constant',
      value: area === 0 ? 0 : area / Math.sqrt(variance),
    },
    ...pValueOf(first, second, (pair) => pair.area, options),
    referenceRows: first.length,
    currentRows: second.length,
  }
}

/**
 * The energy distance √(2 ∫ (F − G)²) of Székely & Rizzo (2013). The effect is their energy coefficient, the square over
 * 2·E|X − Y|: 0 for equal samples, 1 for two different constants. Throws RangeError on NaN and infinity.
 */
export function energyTest(reference: Float64Array, current: Float64Array, options: DistanceOptions = {}): TestOutcome {
  const first = sortedSample(reference, 'reference')
  const second = sortedSample(current, 'current')
  const short = tooFew('energy', 'The energy distance', LEAST_ROWS, first.length, second.length)
  if (short) return short
  const { square, apart } = gapsOf(first, second)
  return {
    test: 'energy',
    statistic: Math.sqrt(2 * square),
    effect: { name: 'energy coefficient', value: apart > 0 ? square / apart : 0 },
    ...pValueOf(first, second, (pair) => pair.square, options),
    referenceRows: first.length,
    currentRows: second.length,
  }
}

type Gaps = { readonly area: number; readonly square: number; readonly apart: number }

/** ∫ |F − G|, ∫ (F − G)² and E|X − Y| = ∫ F(1 − G) + G(1 − F), over the gaps between neighbouring values. */
function gapsOf(reference: Float64Array, current: Float64Array): Gaps {
  const [n, m] = [reference.length, current.length]
  let [area, square, apart] = [0, 0, 0]
  let [before, f, g] = [Number.NaN, 0, 0]
  eachLevel(reference, current, (level) => {
    if (f + g > 0) {
      const gap = level.value - before
      area += Math.abs(f - g) * gap
      square += (f - g) ** 2 * gap
      apart += (f * (1 - g) + g * (1 - f)) * gap
    }
    before = level.value
    f = (level.referenceBelow + level.reference) / n
    g = (level.currentBelow + level.current) / m
  })
  return { area, square, apart }
}

function pValueOf(
  reference: Float64Array,
  current: Float64Array,
  statisticOf: (gaps: Gaps) => number,
  { pValueFrom = 'permutation', permutations = 999, seed = 1 }: DistanceOptions,
): { readonly pValue: number | null; readonly note?: string } {
  if (pValueFrom === 'none') return { pValue: null }
  if (pValueFrom === 'kolmogorov_smirnov') {
    const outcome = kolmogorovSmirnovOfSorted(reference, current)
    return { pValue: 'insufficient' in outcome ? null : outcome.pValue, note: 'p-value of Kolmogorov–Smirnov on the same rows' }
  }
  const random = createRandom(seed)
  const [first, second] = [reference, current].map((values) => sampleOf(values, MOST_PERMUTED_ROWS, random)) as [Float64Array, Float64Array]
  const seen = statisticOf(gapsOf(first, second))
  const pool = Float64Array.of(...first, ...second).sort()
  const marks = Uint8Array.from(pool, (_, row) => Number(row < first.length))
  let asFar = 0
  for (let round = 0; round < permutations; round++) {
    for (let row = 0; row < pool.length - 1; row++) {
      const other = row + Math.floor(random.next() * (pool.length - row))
      const mark = marks[other]!
      marks[other] = marks[row]!
      marks[row] = mark
    }
    if (statisticOf(markedGaps(pool, marks, first.length)) >= seen * (1 - 1e-12)) asFar++
  }
  const sampled = first.length < reference.length || second.length < current.length
  const rows = sampled ? ` of ${first.length} and ${second.length} sampled rows` : ''
  return { pValue: (1 + asFar) / (1 + permutations), note: `p-value from ${permutations} permutations${rows}` }
}

/** The same sums over a sorted pool whose rows are marked 1 for the first sample; equal neighbours have no gap between them. */
function markedGaps(pool: Float64Array, marks: Uint8Array, firstRows: number): Gaps {
  const secondRows = pool.length - firstRows
  let [area, square, seen] = [0, 0, 0]
  for (let row = 0; row < pool.length - 1; row++) {
    seen += marks[row]!
    const gap = pool[row + 1]! - pool[row]!
    const apart = seen / firstRows - (row + 1 - seen) / secondRows
    area += Math.abs(apart) * gap
    square += apart * apart * gap
  }
  return { area, square, apart: 0 }
}
