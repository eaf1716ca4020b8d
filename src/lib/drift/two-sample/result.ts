/** Every test on two samples, by the name that reports, settings and tables use. */
export const testNames = [
  'psi',
  'kullback_leibler',
  'jensen_shannon',
  'hellinger',
  'total_variation',
  'chi_squared',
  'g_test',
  'fisher_exact',
  'kolmogorov_smirnov',
  'cramer_von_mises',
  'anderson_darling',
  'mann_whitney',
  't_test',
  'welch',
  'levene',
  'wasserstein',
  'energy',
  'mmd',
  'domain_classifier',
  'pca_reconstruction',
  'centroid_cosine',
  'centroid_distance',
  'pairwise_cosine',
  'neighbour_distance',
  'cluster_angles',
  'cluster_shares',
  'component_projections',
  'character_ngrams',
  'out_of_vocabulary',
] as const
export type TestName = (typeof testNames)[number]

/**
 * What a test on a reference sample and a current one found. Plain data. Whether it amounts to drift is not said here: that
 * takes a tolerance for the effect and an error rate shared with all the other tests of a report.
 */
export type TestResult = {
  readonly test: TestName
  readonly statistic: number
  /** How large the change is, in a unit that does not grow with the sample, and its name in the field; 0 is no change. */
  readonly effect: { readonly name: string; readonly value: number }
  /** The probability of such a statistic, or one further out, when both samples have one distribution; null: the test gives none. */
  readonly pValue: number | null
  readonly referenceRows: number
  readonly currentRows: number
  /** What else a reader must know: cells that were pooled, rows that were sampled, a p-value at its floor. */
  readonly note?: string
}

/** Too few rows, or too few of a kind, for the test to mean anything; `reason` says what is wanting. */
export type Insufficient = { readonly test: TestName; readonly insufficient: string }

export type TestOutcome = TestResult | Insufficient

export function isInsufficient(outcome: TestOutcome): outcome is Insufficient {
  return 'insufficient' in outcome
}

/**
 * `undefined` when both samples have `least` rows or more; else the outcome that says which has too few. `title` is the
 * test's name in the field.
 */
export function tooFew(test: TestName, title: string, least: number, reference: number, current: number): Insufficient | undefined {
  const short = [
    ...(reference < least ? [`the reference has ${reference}`] : []),
    ...(current < least ? [`the current one has ${current}`] : []),
  ]
  if (short.length === 0) return undefined
  return { test, insufficient: `${title} needs ${least} rows in each sample; ${short.join(' and ')}` }
}
