import { createRandom } from '../../random.ts'
import { chiSquaredTail, chiSquaredUpperQuantile } from '../../stats/distributions.ts'
import { type CountPair, countPair, poolRare } from './count-pairs.ts'
import { hellingerOf, jensenShannonOf, kullbackLeiblerOf, psiOf, totalVariationOf } from './divergences.ts'
import { type Insufficient, type TestName, type TestOutcome, tooFew } from './result.ts'

/** Below this many rows a side no test on counts is made; Fisher's exact test has a limit of its own. */
const LEAST_ROWS = 10

/**
 * The population stability index with a p-value. Without drift PSI · nm/(n + m) is about χ² with one degree of freedom less
 * than there are bins (Yurdakul 2018, "Statistical properties of the population stability index"), n and m being the rows.
 * The statistic has all bins, with 0.5 added to each count; the p-value has rare bins pooled. Counts are whole numbers of
 * rows in the same bins on both sides; throws RangeError for others.
 */
export function psiTest(reference: readonly number[], current: readonly number[]): TestOutcome {
  return divergenceTest('psi', 'PSI', reference, current, (p, q) => {
    const value = psiOf(p, q)
    return { statistic: value, effect: { name: 'PSI', value }, perRow: value }
  })
}

/** The PSI that is exceeded with probability `alpha` although nothing changed: what a threshold must be at these sizes. */
export function criticalPsi({
  referenceRows,
  currentRows,
  bins,
  alpha,
}: {
  readonly referenceRows: number
  readonly currentRows: number
  readonly bins: number
  readonly alpha: number
}): number {
  if (!(bins >= 2)) throw new RangeError(`PSI needs at least two bins, not ${bins}`)
  return chiSquaredUpperQuantile(alpha, bins - 1) * (1 / referenceRows + 1 / currentRows)
}

/**
 * What common rules of thumb call a PSI: they know neither the number of rows nor of bins, so this is a label to print and
 * decides nothing. Below 0.1 they say stable, from 0.1 moderate, from 0.2 (some from 0.25) significant.
 */
export function psiLabel(psi: number): 'stable' | 'moderate' | 'significant' {
  if (psi < 0.1) return 'stable'
  return psi < 0.2 ? 'moderate' : 'significant'
}

/**
 * KL(current ‖ reference) in nats, 0.5 added to each count. Its p-value takes 2·KL·nm/(n + m) as χ²: twice the divergence is
 * Pearson's sum to first order (Cressie & Read 1984). Arguments as for `psiTest`.
 */
export function kullbackLeiblerTest(reference: readonly number[], current: readonly number[]): TestOutcome {
  return divergenceTest('kullback_leibler', 'Kullback–Leibler', reference, current, (p, q) => {
    const value = kullbackLeiblerOf(p, q)
    return { statistic: value, effect: { name: 'KL divergence (nats)', value }, perRow: 2 * value }
  })
}

/**
 * The Jensen–Shannon distance (base 2, 0 to 1). Its p-value takes 8·JS·nm/(n + m) as χ², JS the divergence in nats: an eighth of
 * Pearson's sum to first order. Arguments as for `psiTest`.
 */
export function jensenShannonTest(reference: readonly number[], current: readonly number[]): TestOutcome {
  return divergenceTest('jensen_shannon', 'Jensen–Shannon', reference, current, (p, q) => {
    const value = jensenShannonOf(p, q)
    return { statistic: value, effect: { name: 'JS distance', value }, perRow: 8 * Math.LN2 * value * value }
  })
}

/** The Hellinger distance (0 to 1). Its p-value takes 8·H²·nm/(n + m) as χ². Arguments as for `psiTest`. */
export function hellingerTest(reference: readonly number[], current: readonly number[]): TestOutcome {
  return divergenceTest('hellinger', 'Hellinger', reference, current, (p, q) => {
    const value = hellingerOf(p, q)
    return { statistic: value, effect: { name: 'Hellinger distance', value }, perRow: 8 * value * value }
  })
}

/**
 * Pearson's χ² of the 2 × B contingency table of both samples' raw counts: neither sample is scaled to the size of the other
 * and taken for an expectation. Rare cells are pooled. The effect is Cramér's V as it would be with samples of equal size,
 * so that a large reference does not make it small. Arguments as for `psiTest`.
 */
export function chiSquaredTest(reference: readonly number[], current: readonly number[]): TestOutcome {
  return contingencyTest('chi_squared', 'χ²', reference, current, (observed, expected) => (observed - expected) ** 2 / expected)
}

/** The likelihood-ratio test of the contingency table, 2 Σ O ln(O / E) (Wilks 1938); otherwise as `chiSquaredTest`. */
export function gTest(reference: readonly number[], current: readonly number[]): TestOutcome {
  return contingencyTest('g_test', 'The G test', reference, current, (observed, expected) =>
    observed > 0 ? 2 * observed * Math.log(observed / expected) : 0,
  )
}

/**
 * The total variation distance, with a p-value from its limit law: shares of a sample are about normal with the covariance of
 * a multinomial, rare cells pooled, of which `draws` are simulated from `seed`. So the p-value is never below 1/(draws + 1).
 */
export function totalVariationTest(
  reference: readonly number[],
  current: readonly number[],
  { seed = 1, draws = 1999 }: { readonly seed?: number; readonly draws?: number } = {},
): TestOutcome {
  const prepared = prepare('total_variation', 'Total variation', reference, current)
  if ('insufficient' in prepared) return prepared
  const { pair, pooled } = prepared
  const value = totalVariationOf(pair.reference, pair.current)
  const seen = totalVariationOf(pooled.reference, pooled.current)
  const { referenceRows, currentRows } = pair
  const scaled = seen * Math.sqrt((referenceRows * currentRows) / (referenceRows + currentRows)) * (1 - 1e-12)
  const roots = pooled.reference.map((count, cell) => Math.sqrt((count + pooled.current[cell]!) / (referenceRows + currentRows)))
  const random = createRandom(seed)
  let asFar = 0
  for (let draw = 0; draw < draws; draw++) {
    const noise = roots.map(() => random.normal())
    const along = noise.reduce((sum, one, cell) => sum + one * roots[cell]!, 0)
    const distance = roots.reduce((sum, root, cell) => sum + Math.abs(root * (noise[cell]! - root * along)), 0) / 2
    if (distance >= scaled) asFar++
  }
  const pValue = (1 + asFar) / (1 + draws)
  const effect = { name: 'total variation', value }
  return { test: 'total_variation', statistic: value, effect, pValue, referenceRows, currentRows, ...noteOf(pooled) }
}

type Divergence = { readonly statistic: number; readonly effect: { name: string; value: number }; readonly perRow: number }

function divergenceTest(
  test: TestName,
  title: string,
  reference: readonly number[],
  current: readonly number[],
  divergenceOf: (reference: readonly number[], current: readonly number[]) => Divergence,
): TestOutcome {
  const prepared = prepare(test, title, reference, current)
  if ('insufficient' in prepared) return prepared
  const { pair, pooled } = prepared
  const { referenceRows, currentRows } = pair
  const { statistic, effect } = divergenceOf(pair.reference, pair.current)
  const { perRow } = divergenceOf(pooled.reference, pooled.current)
  const scaled = perRow * ((referenceRows * currentRows) / (referenceRows + currentRows))
  const pValue = pooled.reference.length < 2 ? 1 : chiSquaredTail(scaled, pooled.reference.length - 1)
  return { test, statistic, effect, pValue, referenceRows, currentRows, ...noteOf(pooled) }
}

function contingencyTest(
  test: TestName,
  title: string,
  reference: readonly number[],
  current: readonly number[],
  term: (observed: number, expected: number) => number,
): TestOutcome {
  const prepared = prepare(test, title, reference, current)
  if ('insufficient' in prepared) return prepared
  const { pair, pooled } = prepared
  const { referenceRows, currentRows } = pair
  let statistic = 0
  let balanced = 0
  pooled.reference.forEach((count, cell) => {
    const other = pooled.current[cell]!
    const share = (count + other) / (referenceRows + currentRows)
    statistic += term(count, share * referenceRows) + term(other, share * currentRows)
    const [p, q] = [count / referenceRows, other / currentRows]
    balanced += (p - q) ** 2 / (p + q)
  })
  const pValue = pooled.reference.length < 2 ? 1 : chiSquaredTail(statistic, pooled.reference.length - 1)
  const effect = { name: 'Cramér’s V at equal sizes', value: Math.sqrt(balanced / 2) }
  return { test, statistic: Math.max(0, statistic), effect, pValue, referenceRows, currentRows, ...noteOf(pooled) }
}

function prepare(
  test: TestName,
  title: string,
  reference: readonly number[],
  current: readonly number[],
): Insufficient | { readonly pair: CountPair; readonly pooled: CountPair } {
  const pair = countPair(reference, current)
  const short = tooFew(test, title, LEAST_ROWS, pair.referenceRows, pair.currentRows)
  if (short) return short
  const pooled = poolRare(pair)
  if (pooled.reference.length < 2 && pair.reference.length > 1) {
    const cells = pair.reference.length
    return { test, insufficient: `${title} needs two cells with at least 5 expected rows each; the ${cells} cells pool into one` }
  }
  return { pair, pooled }
}

function noteOf({ pooled }: CountPair): { readonly note?: string } {
  return pooled === 0 ? {} : { note: `${pooled} cells with fewer than 5 expected rows were pooled into one` }
}
