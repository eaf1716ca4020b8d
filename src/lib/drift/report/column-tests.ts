import { sampledNumbers } from '../profile/row-sample.ts'
import type { CategoryColumn, NumericColumn, TableProfile } from '../profile/table-profile.ts'
import { gTest } from '../two-sample/count-tests.ts'
import { totalVariationOf } from '../two-sample/divergences.ts'
import { isInsufficient, type TestName, type TestOutcome } from '../two-sample/result.ts'
import { countTestNames, numericTestNames, testCounts, testNumbers } from '../two-sample/run-tests.ts'
import type { Bars } from './bars.ts'

/** Values of the sample that the numeric tests look at, a side. */
const MOST_SAMPLED = 5_000

/**
 * The share of rows that moved (total variation), over all rows, with the p-value of a G test on the same counts: a size that people can
 * read and that does not grow with the sample, and a test that is exact in the limit and costs nothing.
 */
function shareMovedTest(reference: readonly number[], current: readonly number[]): TestOutcome {
  const outcome = gTest(reference, current)
  if (isInsufficient(outcome)) return { ...outcome, test: 'total_variation' }
  const value = totalVariationOf(reference, current)
  return { ...outcome, test: 'total_variation', statistic: value, effect: { name: 'share of rows moved', value } }
}

/** A test on counts by name; the total variation takes the p-value of G, whose own ends at one in some thousand draws. */
function countTest(test: TestName, { reference, current }: Bars): TestOutcome | undefined {
  if (test === 'total_variation') return shareMovedTest(reference, current)
  return countTestNames.includes(test) ? testCounts(test, reference, current) : undefined
}

/** Shown for every column beside what decides. */
const shownCountTests: readonly TestName[] = ['total_variation', 'psi', 'jensen_shannon', 'chi_squared']
const shownNumericTests: readonly TestName[] = ['kolmogorov_smirnov', 'wasserstein', 'welch', 'levene']

export type ColumnTests = { readonly decisive: TestOutcome; readonly tests: readonly TestOutcome[] }

/** The tests of a category: all on the counts of all rows. Throws RangeError for a test that takes no categories. */
export function categoryTests(bars: Bars, decisive: TestName): ColumnTests {
  return runTests(decisive, shownCountTests, (test) => countTest(test, bars), 'categories')
}

/** The tests of a numeric column: those of counts on all rows, the others on at most 5,000 sampled rows a side. */
export function numericColumnTests(
  bars: Bars,
  reference: { readonly column: NumericColumn; readonly profile: TableProfile },
  current: { readonly column: NumericColumn; readonly profile: TableProfile },
  decisive: TestName,
): ColumnTests {
  const before = valuesOf(reference)
  const after = valuesOf(current)
  const run = (test: TestName) => countTest(test, bars) ?? (numericTestNames.includes(test) ? testNumbers(test, before, after) : undefined)
  // Without sampled rows there is nothing that the tests on numbers could look at.
  const shown = before.length > 0 && after.length > 0 ? [...shownCountTests, ...shownNumericTests] : shownCountTests
  return runTests(decisive, shown, run, 'numbers')
}

function valuesOf({ column, profile }: { readonly column: NumericColumn | CategoryColumn; readonly profile: TableProfile }): Float64Array {
  return sampledNumbers(profile.sample, profile.columns.indexOf(column)).filter(Number.isFinite).subarray(0, MOST_SAMPLED)
}

function runTests(
  decisive: TestName,
  shown: readonly TestName[],
  run: (test: TestName) => TestOutcome | undefined,
  what: string,
): ColumnTests {
  const outcome = run(decisive)
  if (outcome === undefined) throw new RangeError(`${decisive} is no test of two samples of ${what}`)
  const others = shown.filter((test) => test !== decisive).flatMap((test) => run(test) ?? [])
  return { decisive: outcome, tests: [outcome, ...others] }
}
