import { createRandom } from '../../random.ts'
import { logGamma } from '../../stats/distributions.ts'
import { type CountPair, countPair } from './count-pairs.ts'
import type { TestOutcome } from './result.ts'

/** Tables with more than two cells a side are tried by permutation, up to this many rows in all. */
const MOST_PERMUTED_ROWS = 2_000
/** Two tables count as equally likely within this factor, against rounding. */
const SLACK = 1 + 1e-7

/**
 * Fisher's exact test (1935) that both samples have the same shares: the probability, with all margins kept, of a table no
 * more likely than the one seen. Two cells: summed exactly, and the effect is the log odds ratio of the second cell with 0.5
 * added to each count (Haldane 1956). More cells: Freeman & Halton's extension (1951) by seeded permutation, whose p-value is
 * never below 1/(draws + 1), and the effect is the total variation distance; above 2,000 rows it is refused in favour of χ².
 * Counts are whole numbers of rows in the same cells; throws RangeError for others.
 */
export function fisherExactTest(
  reference: readonly number[],
  current: readonly number[],
  { seed = 1, draws = 1999 }: { readonly seed?: number; readonly draws?: number } = {},
): TestOutcome {
  const pair = countPair(reference, current)
  const { referenceRows, currentRows } = pair
  if (referenceRows === 0 || currentRows === 0)
    return { test: 'fisher_exact', insufficient: 'Fisher’s exact test needs at least one row in each sample' }
  const cells = pair.reference.length
  if (cells > 2 && referenceRows + currentRows > MOST_PERMUTED_ROWS)
    return {
      test: 'fisher_exact',
      insufficient: `Fisher’s exact test of ${cells} cells is tried by permutation, up to ${MOST_PERMUTED_ROWS} rows; with ${referenceRows + currentRows} use χ²`,
    }
  const sizes = { referenceRows, currentRows }
  if (cells > 2) return { test: 'fisher_exact', ...permuted(pair, seed, draws), ...sizes }
  const [a, b] = [pair.reference[0]!, pair.reference[1] ?? 0]
  const [c, d] = [pair.current[0]!, pair.current[1] ?? 0]
  const value = cells < 2 ? 0 : Math.log(((d + 0.5) * (a + 0.5)) / ((c + 0.5) * (b + 0.5)))
  const pValue = cells < 2 ? 1 : twoSided(a, a + b, a + c, a + b + c + d)
  return { test: 'fisher_exact', statistic: value, effect: { name: 'log odds ratio', value }, pValue, ...sizes }
}

/** P(table no likelier than `hits`), hypergeometric: `drawn` rows of `total`, of which `marked` are in the first cell. */
function twoSided(hits: number, drawn: number, marked: number, total: number): number {
  const low = Math.max(0, drawn + marked - total)
  const high = Math.min(drawn, marked)
  // Relative to the likeliest table, by the ratio of neighbours, so that nothing overflows.
  const mode = Math.min(high, Math.max(low, Math.floor(((drawn + 1) * (marked + 1)) / (total + 2))))
  const up = (k: number) => ((drawn - k) * (marked - k)) / ((k + 1) * (total - drawn - marked + k + 1))
  const weights = new Float64Array(high - low + 1)
  weights[mode - low] = 1
  for (let k = mode; k < high; k++) weights[k + 1 - low] = weights[k - low]! * up(k)
  for (let k = mode; k > low; k--) weights[k - 1 - low] = weights[k - low]! / up(k - 1)
  const limit = weights[hits - low]! * SLACK
  let all = 0
  let rare = 0
  for (const weight of weights) {
    all += weight
    if (weight <= limit) rare += weight
  }
  return Math.min(1, rare / all)
}

function permuted(pair: CountPair, seed: number, draws: number) {
  const { reference, current, referenceRows, currentRows } = pair
  const cellOf = Uint32Array.from(reference.flatMap((count, cell) => new Array<number>(count + current[cell]!).fill(cell)))
  const logFactorials = new Float64Array(cellOf.length + 1)
  for (let k = 1; k < logFactorials.length; k++) logFactorials[k] = logGamma(k + 1)
  const totals = reference.map((count, cell) => count + current[cell]!)
  const likelihood = (counts: ArrayLike<number>) =>
    totals.reduce((sum, total, cell) => sum - logFactorials[counts[cell]!]! - logFactorials[total - counts[cell]!]!, 0)
  const limit = likelihood(reference) + Math.log(SLACK)
  const random = createRandom(seed)
  const counts = new Uint32Array(reference.length)
  let asRare = 0
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0)
    for (let row = 0; row < referenceRows; row++) {
      const other = row + random.int(cellOf.length - row)
      const cell = cellOf[other]!
      cellOf[other] = cellOf[row]!
      cellOf[row] = cell
      counts[cell]!++
    }
    if (likelihood(counts) <= limit) asRare++
  }
  const value = reference.reduce((sum, count, cell) => sum + Math.abs(count / referenceRows - current[cell]! / currentRows), 0) / 2
  return {
    statistic: value,
    effect: { name: 'total variation', value },
    pValue: (1 + asRare) / (1 + draws),
    note: `p-value from ${draws} permutations`,
  }
}
