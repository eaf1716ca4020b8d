import { benjaminiHochbergAdjusted, holmAdjusted } from './multiplicity.ts'
import { isInsufficient, type TestName, type TestOutcome, type TestResult } from './result.ts'

export type FeatureKind = 'numeric' | 'categorical' | 'binned' | 'rows' | 'embedding' | 'text'

/** From this many rows in the smaller sample on a p-value says little: any difference that is there has a small one. */
const MANY_ROWS = 1_000
const FEW_COUNTS = 100

/**
 * The test for a kind of feature when nobody chose one. `rows` are whole rows of several numeric features; `text` is its counts of
 * words or characters.
 *
 * Below 1,000 rows in the smaller sample it is the one with the most power: Anderson–Darling for numbers, χ² for categories
 * (Fisher's exact test below 100), G for frozen bins. From there on it is the one whose effect is best understood: the
 * Wasserstein distance in reference deviations for numbers, Jensen–Shannon for categories, PSI for bins.
 */
export function defaultTest(kind: FeatureKind, rows: { readonly reference: number; readonly current: number }): TestName {
  const fewer = Math.min(rows.reference, rows.current)
  const many = fewer >= MANY_ROWS
  switch (kind) {
    case 'numeric':
      return many ? 'wasserstein' : 'anderson_darling'
    case 'categorical':
      if (many) return 'jensen_shannon'
      return Math.max(rows.reference, rows.current) < FEW_COUNTS ? 'fisher_exact' : 'chi_squared'
    case 'binned':
      return many ? 'psi' : 'g_test'
    case 'rows':
      return 'domain_classifier'
    case 'embedding':
      return 'mmd'
    case 'text':
      return 'jensen_shannon'
  }
}

/**
 * The least effect that counts as drift when nobody set a tolerance, by test, in the unit of its effect. Those of d, V and the
 * rank-biserial correlation are what Cohen (1988) calls small; the others are the same shift of a normal feature, 0.2
 * deviations, or a tenth of the rows moved, in their unit. They are conventions: set what your model can bear.
 */
export const defaultTolerances: Readonly<Record<TestName, number>> = {
  psi: 0.1,
  kullback_leibler: 0.05,
  jensen_shannon: 0.1,
  hellinger: 0.1,
  total_variation: 0.1,
  chi_squared: 0.1,
  g_test: 0.1,
  fisher_exact: 0.5,
  kolmogorov_smirnov: 0.08,
  cramer_von_mises: 0.05,
  anderson_darling: 0.1,
  mann_whitney: 0.1,
  t_test: 0.2,
  welch: 0.2,
  levene: 0.2,
  wasserstein: 0.2,
  energy: 0.01,
  mmd: 0.1,
  domain_classifier: 0.1,
  pca_reconstruction: 0.2,
  centroid_cosine: 0.05,
  centroid_distance: 0.3,
  pairwise_cosine: 0.05,
  neighbour_distance: 0.2,
  cluster_angles: 0.17,
  cluster_shares: 0.1,
  component_projections: 0.08,
  character_ngrams: 0.1,
  out_of_vocabulary: 0.2,
}

export type DecisionOptions = {
  /** The error rate of the whole decision: of one false rejection with Holm, of their share with Benjamini–Hochberg. */
  readonly alpha: number
  /** The least effect that counts: one for all tests, or by test; the defaults where none is given. */
  readonly tolerance?: number | Partial<Record<TestName, number>>
  /** How p-values are adjusted for their number. Holm if not given. */
  readonly adjustment?: 'holm' | 'benjamini_hochberg'
}

type Judged = {
  readonly name: string
  readonly test: TestName
  readonly verdict: 'stable' | 'drift' | 'insufficient_data'
  /** The p-value adjusted for the number of tests decided together; null when the test gives none or was not made. */
  readonly adjustedP: number | null
  readonly reason: string
}

export type Decision = {
  readonly verdict: 'stable' | 'drift' | 'insufficient_data'
  readonly reason: string
  /** One for each outcome, in the order given. */
  readonly judged: readonly Judged[]
}

/**
 * Decides over the outcomes of several tests, each with the name of what it looked at. Drift needs both an adjusted p-value of at
 * most `alpha` and an effect of at least the tolerance: a tiny change among many rows is none, nor is a large one that chance
 * makes among few. An outcome without a p-value is decided by its effect from 1,000 rows in the smaller sample on, and is
 * insufficient below. `insufficient_data`: no drift was found and none of the tests could be made. Throws RangeError unless 0 < alpha < 1 and tolerances
 * are ≥ 0.
 */
export function decide(
  outcomes: readonly { readonly name: string; readonly outcome: TestOutcome }[],
  { alpha, tolerance, adjustment = 'holm' }: DecisionOptions,
): Decision {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha lies between 0 and 1, not ${alpha}`)
  const pValues = outcomes.map(({ outcome }) => (isInsufficient(outcome) ? null : outcome.pValue))
  const given = pValues.flatMap((p) => (p === null ? [] : [p]))
  const adjusted = (adjustment === 'holm' ? holmAdjusted : benjaminiHochbergAdjusted)(given)
  let next = 0
  const judged = outcomes.map(({ name, outcome }, i): Judged => {
    const adjustedP = pValues[i] === null ? null : adjusted[next++]!
    if (isInsufficient(outcome)) return { name, test: outcome.test, verdict: 'insufficient_data', adjustedP, reason: outcome.insufficient }
    return { name, test: outcome.test, adjustedP, ...judge(outcome, adjustedP, alpha, toleranceFor(outcome.test, tolerance)) }
  })
  return { ...combined(judged), judged }
}

function toleranceFor(test: TestName, tolerance: DecisionOptions['tolerance']): number {
  const value = typeof tolerance === 'number' ? tolerance : (tolerance?.[test] ?? defaultTolerances[test])
  if (!(value >= 0)) throw new RangeError(`a tolerance is a number ≥ 0, not ${value}`)
  return value
}

function judge(result: TestResult, adjustedP: number | null, alpha: number, tolerance: number): Pick<Judged, 'verdict' | 'reason'> {
  const { effect, referenceRows, currentRows } = result
  const large = Math.abs(effect.value) >= tolerance
  const effectText = `${effect.name} ${shown(effect.value)} is ${large ? 'at least' : 'below'} the tolerance ${shown(tolerance)}`
  const fewer = Math.min(referenceRows, currentRows)
  if (adjustedP === null && fewer < MANY_ROWS)
    return { verdict: 'insufficient_data', reason: `without a p-value the effect decides from ${MANY_ROWS} rows on; there are ${fewer}` }
  if (adjustedP === null) return { verdict: large ? 'drift' : 'stable', reason: effectText }
  const sure = adjustedP <= alpha
  const pText = `adjusted p ${shown(adjustedP)} is ${sure ? 'at most' : 'above'} ${shown(alpha)}`
  if (sure && large) return { verdict: 'drift', reason: `${effectText}, and ${pText}` }
  if (sure) return { verdict: 'stable', reason: `${effectText}, although ${pText}: a real change, too small to matter` }
  return { verdict: 'stable', reason: large ? `${effectText}, but ${pText}: chance may have made it` : `${effectText}, and ${pText}` }
}

function combined(judged: readonly Judged[]): Pick<Decision, 'verdict' | 'reason'> {
  const drifted = judged.filter(({ verdict }) => verdict === 'drift')
  const wanting = judged.filter(({ verdict }) => verdict === 'insufficient_data')
  const tested = judged.length - wanting.length
  const aside = wanting.length > 0 && tested > 0 ? `; ${wanting.length} had too little data` : ''
  if (drifted.length > 0) {
    const first = drifted.reduce((least, one) => ((one.adjustedP ?? 0) < (least.adjustedP ?? 0) ? one : least))
    return { verdict: 'drift', reason: `${drifted.length} of ${tested} drifted${aside}; ${first.name}: ${first.reason}` }
  }
  if (tested === 0)
    return { verdict: 'insufficient_data', reason: wanting[0] ? `${wanting[0].name}: ${wanting[0].reason}` : 'there is nothing to test' }
  const only = judged.length === 1 ? `${judged[0]!.name}: ${judged[0]!.reason}` : `none of ${tested} drifted${aside}`
  return { verdict: 'stable', reason: only }
}

function shown(value: number): string {
  return Number(value.toPrecision(3)).toString()
}
