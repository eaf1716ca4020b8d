import { sampledNumbers } from '../profile/row-sample.ts'
import type { ColumnProfile, TableProfile } from '../profile/table-profile.ts'
import { defaultTolerances } from '../two-sample/choose.ts'
import { domainClassifierTest } from '../two-sample/domain-classifier.ts'
import { mmdTest } from '../two-sample/pairwise.ts'
import { isInsufficient, type TestOutcome } from '../two-sample/result.ts'
import { blockFrom, type RowBlock } from '../two-sample/row-block.ts'
import { medianOfSorted } from '../two-sample/samples.ts'
import type { JointReport } from './report.ts'

export type JointOptions = {
  /** The p-value up to which the samples count as told apart. */
  readonly alpha: number
  readonly leastRows: number
  readonly seed?: number
}

/** From this many columns on the learner takes minutes. */
export const MOST_JOINT_COLUMNS = 100

/**
 * All columns at once, by the sampled rows of both profiles: whether a domain classifier can tell current rows from the reference’s,
 * and by which columns. Numbers go in as they are, a missing one as the reference’s median; categories by their rank in the reference.
 * It drifted with a p-value of at most `alpha` and an area under the ROC curve of 0.6 or more. `names` are columns that both have,
 * numeric or category.
 */
export function compareJointly(
  reference: TableProfile,
  current: TableProfile,
  names: readonly string[],
  { alpha, leastRows, seed = 1 }: JointOptions,
): JointReport {
  const [n, m] = [reference.sample.priorities.length, current.sample.priorities.length]
  if (names.length < 2) return wanting('there are fewer than two columns to look at together')
  if (n === 0 || m === 0) return wanting(`whole rows are needed; the ${n === 0 ? 'reference' : 'current'} profile keeps none`)
  if (Math.min(n, m) < leastRows) return wanting(`${Math.min(n, m)} sampled rows on the smaller side; at least ${leastRows} are asked for`)
  const coded = names.map((name) => codedColumn(name, reference, current))
  const [first, second] = [rowsOf(coded.map(({ before }) => before)), rowsOf(coded.map(({ after }) => after))]
  const told = domainClassifierTest(first, second, { names, seed })
  const tests: TestOutcome[] = [told, mmdTest(first, second, { seed })]
  if (isInsufficient(told)) return { ...wanting(told.insufficient), tests }
  const { auc, pValue } = told
  const large = auc.value - 0.5 >= defaultTolerances.domain_classifier
  const drifted = large && pValue !== null && pValue <= alpha
  const area = `rows are told apart with an area under the ROC curve of ${auc.value.toFixed(3)} (${auc.low.toFixed(3)} to ${auc.high.toFixed(3)})`
  const losses = told.importances.map(({ feature, loss }) => ({ name: feature, loss: Math.max(0, loss) }))
  const total = losses.reduce((sum, { loss }) => sum + loss, 0)
  const columns = drifted && total > 0 ? losses.filter(({ loss }) => loss > 0).map(({ name, loss }) => ({ name, share: loss / total })) : []
  const reason = drifted
    ? `${area}, most by ${columns
        .slice(0, 3)
        .map(({ name }) => name)
        .join(', ')}`
    : `${area}: ${large ? 'chance may have made it' : 'too little to matter, 0.6 would'}`
  return { verdict: drifted ? 'drift' : 'stable', reason, tests: tests.map(plain), columns }
}

/** Without what a report has no place for. */
function plain(outcome: TestOutcome): TestOutcome {
  if (isInsufficient(outcome)) return outcome
  const { test, statistic, effect, pValue, referenceRows, currentRows, note } = outcome
  return { test, statistic, effect, pValue, referenceRows, currentRows, ...(note ? { note } : {}) }
}

function wanting(reason: string): JointReport {
  return { verdict: 'insufficient_data', reason, tests: [], columns: [] }
}

function codedColumn(name: string, reference: TableProfile, current: TableProfile): { before: Float64Array; after: Float64Array } {
  const place = ({ columns }: TableProfile) => columns.findIndex((column) => column.name === name)
  const own = reference.columns[place(reference)]!
  if (own.kind === 'category') {
    const ranks = new Map(own.values.map(([value], rank) => [value, rank]))
    // A name that the reference never had lies after all others, a missing one before.
    const codes = (profile: TableProfile) =>
      Float64Array.from(profile.sample.columns[place(profile)]!, (value) =>
        value === null ? -1 : (ranks.get(String(value)) ?? ranks.size),
      )
    return { before: codes(reference), after: codes(current) }
  }
  const before = sampledNumbers(reference.sample, place(reference))
  const middle = medianOfSorted(before.filter(Number.isFinite).sort())
  const filled = (values: Float64Array) => values.map((value) => (Number.isFinite(value) ? value : Number.isNaN(middle) ? 0 : middle))
  return { before: filled(before), after: filled(sampledNumbers(current.sample, place(current))) }
}

function rowsOf(columns: readonly Float64Array[]): RowBlock {
  return blockFrom(Array.from(columns[0]!, (_, row) => columns.map((column) => column[row]!)))
}

/** Whether a column can be looked at together with others. */
export function isJoint({ kind }: ColumnProfile): boolean {
  return kind === 'numeric' || kind === 'category'
}
