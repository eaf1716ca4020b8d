import { kolmogorovTail } from '../../stats/distributions.ts'
import { type TestOutcome, tooFew } from './result.ts'
import { eachLevel, sortedSample } from './samples.ts'

const LEAST_ROWS = 5
/** Up to this product of the sample sizes the p-value is exact: a few milliseconds. */
const MOST_EXACT_PATHS = 1_000_000

export type KolmogorovSmirnovOptions = { readonly mostExactPaths?: number }

/**
 * The Kolmogorov–Smirnov test: the largest distance between both empirical distribution functions, which is statistic and
 * effect (0 to 1). The p-value is exact, given the ties, while the product of the sizes is at most `mostExactPaths`, a million if not given; beyond it is
 * Kolmogorov's limit law with the correction of Vrbik (2018, "Small-sample corrections to Kolmogorov–Smirnov test
 * statistic"), which errs to the safe side under ties. Throws RangeError on NaN and infinity.
 */
export function kolmogorovSmirnovTest(reference: Float64Array, current: Float64Array, options: KolmogorovSmirnovOptions = {}): TestOutcome {
  return kolmogorovSmirnovOfSorted(sortedSample(reference, 'reference'), sortedSample(current, 'current'), options)
}

/** The same for samples that `sortedSample` has sorted and checked. */
export function kolmogorovSmirnovOfSorted(
  first: Float64Array,
  second: Float64Array,
  { mostExactPaths = MOST_EXACT_PATHS }: KolmogorovSmirnovOptions = {},
): TestOutcome {
  const [n, m] = [first.length, second.length]
  const short = tooFew('kolmogorov_smirnov', 'Kolmogorov–Smirnov', LEAST_ROWS, n, m)
  if (short) return short
  let widest = 0
  const ends: boolean[] = []
  const exact = n * m <= mostExactPaths
  eachLevel(first, second, ({ reference, current, referenceBelow, currentBelow }) => {
    // In whole numbers, so that equal distances are equal.
    widest = Math.max(widest, Math.abs((referenceBelow + reference) * m - (currentBelow + current) * n))
    if (exact) {
      for (let tied = 1; tied < reference + current; tied++) ends.push(false)
      ends.push(true)
    }
  })
  const statistic = widest / (n * m)
  return {
    test: 'kolmogorov_smirnov',
    statistic,
    effect: { name: 'largest distance of the distribution functions', value: statistic },
    pValue: exact ? exactTail(n, m, widest, ends) : limitTail(statistic, (n * m) / (n + m)),
    referenceRows: n,
    currentRows: m,
  }
}

/**
 * The share of all ways to interleave both samples, ties kept, whose distance reaches `widest` (in units of 1/(nm)): each path
 * of the lattice from (0, 0) to (n, m) is as likely as any other, and share(i, j) of those that lead to (i, j) have been
 * that far out (Hodges 1958; Schröer & Trenkler 1995 for ties).
 */
function exactTail(n: number, m: number, widest: number, ends: readonly boolean[]): number {
  if (widest === 0) return 1
  const share = new Float64Array(m + 1)
  for (let i = 0; i <= n; i++)
    for (let j = 0; j <= m; j++) {
      if (i + j === 0) continue
      if (ends[i + j - 1] && Math.abs(i * m - j * n) >= widest) share[j] = 1
      else share[j] = (i * share[j]! + (j > 0 ? j * share[j - 1]! : 0)) / (i + j)
    }
  return Math.min(1, share[m]!)
}

function limitTail(distance: number, rows: number): number {
  const x = Math.sqrt(rows) * distance
  if (x === 0) return 1
  return Math.min(1, kolmogorovTail(x + 1 / (6 * Math.sqrt(rows)) + (x - 1) / (4 * rows)))
}
