import { andersonDarlingTest } from './anderson-darling.ts'
import { chiSquaredTest, gTest, hellingerTest, jensenShannonTest, kullbackLeiblerTest, psiTest, totalVariationTest } from './count-tests.ts'
import { cramerVonMisesTest } from './cramer-von-mises.ts'
import { domainClassifierTest } from './domain-classifier.ts'
import { fisherExactTest } from './fisher-exact.ts'
import { kolmogorovSmirnovTest } from './kolmogorov-smirnov.ts'
import { mannWhitneyTest } from './mann-whitney.ts'
import { leveneTest, studentTest, welchTest } from './mean-tests.ts'
import { energyRowsTest, mmdTest } from './pairwise.ts'
import { pcaReconstructionTest } from './pca-reconstruction.ts'
import type { TestName, TestOutcome } from './result.ts'
import type { RowBlock } from './row-block.ts'
import { energyTest, wassersteinTest } from './transport.ts'

/** Where a test draws lots, the same seed draws the same. */
type Seeded = { readonly seed: number }
type Tests<Sample> = Partial<Record<TestName, (reference: Sample, current: Sample, options: Seeded) => TestOutcome>>

/** Tests on whole numbers of rows in the same cells, by name. */
const onCounts: Tests<readonly number[]> = {
  psi: psiTest,
  kullback_leibler: kullbackLeiblerTest,
  jensen_shannon: jensenShannonTest,
  hellinger: hellingerTest,
  total_variation: totalVariationTest,
  chi_squared: chiSquaredTest,
  g_test: gTest,
  fisher_exact: fisherExactTest,
}

/** Tests on raw numbers, by name. Distances take the p-value of Kolmogorov–Smirnov: their own cannot be small enough for many features. */
const onNumbers: Tests<Float64Array> = {
  kolmogorov_smirnov: (reference, current) => kolmogorovSmirnovTest(reference, current),
  cramer_von_mises: cramerVonMisesTest,
  anderson_darling: andersonDarlingTest,
  mann_whitney: mannWhitneyTest,
  t_test: studentTest,
  welch: welchTest,
  levene: leveneTest,
  wasserstein: (reference, current, { seed }) => wassersteinTest(reference, current, { seed, pValueFrom: 'kolmogorov_smirnov' }),
  energy: (reference, current, { seed }) => energyTest(reference, current, { seed, pValueFrom: 'kolmogorov_smirnov' }),
}

/** Tests on whole rows, by name. */
const onRows: Tests<RowBlock> = {
  domain_classifier: domainClassifierTest,
  mmd: mmdTest,
  energy: energyRowsTest,
  pca_reconstruction: pcaReconstructionTest,
}

export const countTestNames = Object.keys(onCounts) as readonly TestName[]
export const numericTestNames = Object.keys(onNumbers) as readonly TestName[]

/** Makes a test on counts by name, as a setting gives it. Throws RangeError when it is no test on counts. */
export function testCounts(test: TestName, reference: readonly number[], current: readonly number[], seed = 1): TestOutcome {
  return named(onCounts, test, 'counts')(reference, current, { seed })
}

/** Makes a test on raw numbers by name. Throws RangeError when it is no test on numbers, and on NaN and infinity. */
export function testNumbers(test: TestName, reference: Float64Array, current: Float64Array, seed = 1): TestOutcome {
  return named(onNumbers, test, 'numbers')(reference, current, { seed })
}

/** Makes a test on whole rows by name. Throws RangeError when it is no test on rows, and on NaN and infinity. */
export function testRows(test: TestName, reference: RowBlock, current: RowBlock, seed = 1): TestOutcome {
  return named(onRows, test, 'rows')(reference, current, { seed })
}

function named<Sample>(tests: Tests<Sample>, test: TestName, what: string) {
  const run = tests[test]
  if (!run) throw new RangeError(`${test} is no test on ${what}; those are ${Object.keys(tests).join(', ')}`)
  return run
}
