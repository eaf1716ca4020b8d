import { normalTail } from '../../stats/distributions.ts'
import { type TestOutcome, tooFew } from './result.ts'
import { eachLevel, sortedSample } from './samples.ts'

const LEAST_ROWS = 5
/** With the smaller sample up to here, and no ties, all arrangements are counted. */
const MOST_EXACT_ROWS = 8

/**
 * The Mann–Whitney test (1947). The statistic U counts pairs in which the current value is the larger, ties as half; the effect
 * is the rank-biserial correlation 2U/(nm) − 1, twice the AUC less a half: 1 when every current value is above every
 * reference value. The p-value, on both sides, is exact for a small sample without ties, else normal with corrections for
 * ties and continuity. Throws RangeError on NaN and infinity.
 */
export function mannWhitneyTest(reference: Float64Array, current: Float64Array): TestOutcome {
  const first = sortedSample(reference, 'reference')
  const second = sortedSample(current, 'current')
  const [n, m] = [first.length, second.length]
  const short = tooFew('mann_whitney', 'Mann–Whitney', LEAST_ROWS, n, m)
  if (short) return short
  let wins = 0
  let tieCubes = 0
  eachLevel(first, second, ({ reference, current, referenceBelow }) => {
    const tied = reference + current
    wins += current * (referenceBelow + reference / 2)
    tieCubes += tied ** 3 - tied
  })
  const product = n * m
  const all = n + m
  const exact = tieCubes === 0 && Math.min(n, m) <= MOST_EXACT_ROWS && arrangements(n, m) < Number.MAX_SAFE_INTEGER
  const variance = (product / 12) * (all + 1 - tieCubes / (all * (all - 1)))
  const beyond = Math.abs(wins - product / 2) - 0.5
  const normal = () => (variance > 0 ? Math.min(1, 2 * normalTail(beyond / Math.sqrt(variance))) : 1)
  return {
    test: 'mann_whitney',
    statistic: wins,
    effect: { name: 'rank-biserial correlation', value: (2 * wins) / product - 1 },
    pValue: exact ? exactTwoSided(Math.max(wins, product - wins), n, m) : normal(),
    referenceRows: n,
    currentRows: m,
  }
}

function arrangements(n: number, m: number): number {
  let count = 1
  for (let i = 1; i <= Math.min(n, m); i++) count = (count * (n + m - i + 1)) / i
  return count
}

/** Twice the share of arrangements with at least `wins`: their number by U is the Gaussian binomial coefficient. */
function exactTwoSided(wins: number, n: number, m: number): number {
  const [small, large] = [Math.min(n, m), Math.max(n, m)]
  const counts = new Float64Array(n * m + 1)
  counts[0] = 1
  for (let i = 1; i <= small; i++) {
    for (let u = counts.length - 1; u >= large + i; u--) counts[u]! -= counts[u - large - i]!
    for (let u = i; u < counts.length; u++) counts[u]! += counts[u - i]!
  }
  let tail = 0
  for (let u = wins; u < counts.length; u++) tail += counts[u]!
  return Math.min(1, (2 * tail) / arrangements(n, m))
}
