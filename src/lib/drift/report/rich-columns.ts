import { compareEmbeddings } from '../embeddings/embedding-drift.ts'
import { compareTexts } from '../text/text-drift.ts'
import { decide } from '../two-sample/choose.ts'
import type { Finding } from '../two-sample/findings.ts'
import { isInsufficient, type TestOutcome } from '../two-sample/result.ts'
import type { RowBlock } from '../two-sample/row-block.ts'
import type { ComparedColumn } from './compare-columns.ts'
import type { ColumnSummary } from './report.ts'

export type RichOptions = {
  readonly alpha: number
  /** Columns that are judged together: p-values must be able to get below alpha shared among them. */
  readonly columns: number
  readonly seed?: number
}

/** Texts of one side; `rows` are all rows of the table, of which the texts are a sample, and `missing` those without a text. */
export type TextSide = { readonly texts: readonly string[]; readonly rows: number; readonly missing: number }

const MOST_PERMUTATIONS = 9_999
const LEAST_PERMUTATIONS = 199
const TEXT_MEASURES = 5
const EMBEDDING_MEASURES = 8
/** Numbers that the rounds of an embedding may touch: some seconds. */
const EMBEDDING_WORK = 2_000_000
const MOST_WORDS_TOLD = 8

/**
 * A column of prose in a report: lengths, unknown words, languages and character runs, of which the one that decides is that with the
 * least p-value among those that reach their tolerance, times the number of measures (Bonferroni). The bars are the languages; words
 * that became commoner are told as findings. Without texts on either side (a profile that keeps no rows) it is not judged.
 */
export function compareTextColumn(name: string, reference: TextSide, current: TextSide, options: RichOptions): ComparedColumn {
  const shared = { name, kind: 'text', role: 'feature' } as const
  if (reference.texts.length === 0 || current.texts.length === 0) {
    const side = reference.texts.length === 0 ? 'reference' : 'current profile'
    return unjudged(shared, `prose is compared by sampled rows; the ${side} has none`)
  }
  const permutations = roundsFor(TEXT_MEASURES, options, MOST_PERMUTATIONS)
  const found = compareTexts(reference.texts, current.texts, { alpha: options.alpha, permutations, seed: options.seed ?? 1 })
  const languages = found.languages.filter(({ referenceShare, currentShare }) => referenceShare + currentShare > 0)
  const words = found.newWords.slice(0, MOST_WORDS_TOLD).map(
    ({ word, referenceShare, currentShare, adjustedP }): Finding => ({
      kind: 'new_category',
      feature: name,
      share: currentShare,
      pValue: adjustedP,
      text: `the word ${JSON.stringify(word)} is in ${percent(currentShare)} of the texts, ${percent(referenceShare)} in the reference`,
    }),
  )
  const summary = ({ rows, missing }: TextSide, bars: readonly number[]): ColumnSummary => ({
    ...bareSummary(rows, rows === 0 ? 0 : missing / rows),
    bars,
  })
  return {
    ...shared,
    ...decided(found.measures, options.alpha),
    findings: words,
    bars: languages.map(({ language }) => (language === 'unknown' ? 'language not told' : language)),
    reference: summary(
      reference,
      languages.map(({ referenceShare }) => referenceShare),
    ),
    current: summary(
      current,
      languages.map(({ currentShare }) => currentShare),
    ),
    broken: false,
    reason: '',
  }
}

/**
 * Vectors in a report, judged as texts are, by the measures of `compareEmbeddings`. Vectors from another model are no drift: the column
 * is not judged and carries the finding `new_baseline_required`. `undefined` is a side without vectors.
 */
export function compareEmbeddingColumn(
  name: string,
  reference: RowBlock | undefined,
  current: RowBlock | undefined,
  options: RichOptions,
): ComparedColumn {
  const shared = { name, kind: 'embedding', role: 'feature' } as const
  if (!reference || !current) {
    const side = reference ? 'current' : 'reference'
    return unjudged(shared, `vectors are compared by sampled rows; the ${side} has no complete one`)
  }
  const most = Math.max(LEAST_PERMUTATIONS, Math.floor(EMBEDDING_WORK / Math.max(reference.width, 100)))
  const rounds = roundsFor(EMBEDDING_MEASURES, options, Math.min(most, MOST_PERMUTATIONS))
  const found = compareEmbeddings(reference, current, { alpha: options.alpha, rounds, seed: options.seed ?? 1 })
  if (found.kind === 'insufficient_data') return unjudged(shared, found.reason)
  if (found.kind === 'new_baseline_required') {
    const finding = { kind: 'new_baseline_required', feature: name, share: 1, pValue: null, text: found.reason } as const
    return { ...unjudged(shared, found.reason), findings: [finding] }
  }
  const measures = found.measures.map(({ outcome, threshold }) => ({
    name: outcome.test,
    outcome:
      threshold === null || isInsufficient(outcome)
        ? outcome
        : { ...outcome, note: `by chance up to ${Number(threshold.toPrecision(3))} at these sizes` },
  }))
  return {
    ...shared,
    ...decided(measures, options.alpha),
    findings: [],
    bars: [],
    reference: bareSummary(reference.rows, 0),
    current: bareSummary(current.rows, 0),
    broken: false,
    reason: '',
  }
}

/** Permutations with which the smallest p-value of a measure is still small enough to decide among all columns. */
function roundsFor(measures: number, { alpha, columns }: RichOptions, most: number): number {
  return Math.min(most, Math.max(LEAST_PERMUTATIONS, Math.ceil((1.2 * measures * columns) / alpha)))
}

function decided(
  measures: readonly { readonly name: string; readonly outcome: TestOutcome }[],
  alpha: number,
): Pick<ComparedColumn, 'decisive' | 'tests'> {
  const tests = measures.map(({ outcome }) => outcome)
  const { judged } = decide(measures, { alpha })
  const made = measures.flatMap(({ name, outcome }, i) => (isInsufficient(outcome) ? [] : [{ name, outcome, judged: judged[i]! }]))
  const rank = (one: (typeof made)[number]) => [one.judged.verdict === 'drift' ? 0 : 1, one.outcome.pValue ?? 1] as const
  const [best] = made.sort((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1])
  if (!best) return { decisive: tests[0], tests }
  const pValue = best.outcome.pValue === null ? null : Math.min(1, best.outcome.pValue * made.length)
  const effect = {
    ...best.outcome.effect,
    name: best.name === best.outcome.test ? best.outcome.effect.name : `${best.outcome.effect.name} of ${best.name}`,
  }
  return { decisive: { ...best.outcome, effect, pValue }, tests }
}

function unjudged(shared: Pick<ComparedColumn, 'name' | 'kind' | 'role'>, reason: string): ComparedColumn {
  return { ...shared, tests: [], findings: [], bars: [], reference: null, current: null, decisive: undefined, broken: false, reason }
}

function bareSummary(rows: number, missing: number): ColumnSummary {
  return { rows, missing, mean: null, deviation: null, min: null, max: null, bars: [] }
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`
}
