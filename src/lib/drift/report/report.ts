import type { Finding } from '../two-sample/findings.ts'
import type { TestName, TestOutcome } from '../two-sample/result.ts'

export const REPORT_FORMAT = 'setpoint.drift-report/1'

export type DriftVerdict = 'stable' | 'drift' | 'insufficient_data'
/** How bad it is, from the size of the effect: the ladder that tickets and pages stand on. */
export const severities = ['none', 'minor', 'moderate', 'severe'] as const
export type DriftSeverity = (typeof severities)[number]

/** A finding of a column, or that its vectors come from another model, which is no drift. */
type ReportFinding = Omit<Finding, 'kind'> & { readonly kind: Finding['kind'] | 'new_baseline_required' }

/** What a column looks like on one side. */
export type ColumnSummary = {
  readonly rows: number
  /** Share of rows. */
  readonly missing: number
  readonly mean: number | null
  readonly deviation: number | null
  readonly min: number | null
  readonly max: number | null
  /** Shares over the bars that both sides have; the bars’ names are in the column’s report. */
  readonly bars: readonly number[]
}

export type ColumnReport = {
  readonly name: string
  readonly kind: 'numeric' | 'category' | 'text' | 'embedding' | 'identifier' | 'empty'
  /** The model’s own outputs and the label are judged like features, and named apart. */
  readonly role: 'feature' | 'score' | 'prediction' | 'label'
  readonly verdict: DriftVerdict
  readonly severity: DriftSeverity
  /** In words: what decided, how large it is, and what would have counted. */
  readonly reason: string
  /** Adjusted for the number of columns; null where no test gave a p-value. */
  readonly adjustedPValue: number | null
  /** The effect that decided, such as the total variation distance; null without a test. */
  readonly effect: { readonly name: string; readonly value: number } | null
  readonly tests: readonly TestOutcome[]
  readonly findings: readonly ReportFinding[]
  readonly bars: readonly string[]
  readonly reference: ColumnSummary | null
  readonly current: ColumnSummary | null
}

/** All columns at once: what no column shows alone, such as a correlation that turned. */
export type JointReport = {
  readonly verdict: DriftVerdict
  readonly reason: string
  readonly tests: readonly TestOutcome[]
  /** The columns by which the two samples are told apart, and their part in it; the parts sum to 1. */
  readonly columns: readonly { readonly name: string; readonly share: number }[]
}

export type SegmentReport = {
  readonly name: string
  readonly referenceRows: number
  readonly currentRows: number
  readonly verdict: DriftVerdict
  readonly reason: string
  /** Its columns that moved most, with their shrunken effects. */
  readonly columns: readonly { readonly name: string; readonly effect: number; readonly probability: number }[]
}

export type ReportSettings = {
  /** The probability that a report without drift names any column. */
  readonly alpha: number
  readonly control: 'holm' | 'benjamini_hochberg'
  /** Effects below are no drift, however certain. */
  readonly tolerance: number
  /** Effects from which drift is moderate, and severe. */
  readonly moderate: number
  readonly severe: number
  readonly leastRows: number
  /** What decides for each kind of column; by default the share of rows that moved, with the p-value of a G test. */
  readonly numericTest: TestName
  readonly categoryTest: TestName
}

/** A window or a table held against its reference. Plain data: the same as JSON, as HTML and in the console. */
export type DriftReport = {
  readonly format: typeof REPORT_FORMAT
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number
  readonly reference: { readonly name: string; readonly rows: number }
  readonly current: { readonly name: string; readonly rows: number }
  readonly settings: ReportSettings
  readonly verdict: DriftVerdict
  readonly severity: DriftSeverity
  readonly reason: string
  /** The share of features that drifted, of those that could be judged. */
  readonly driftedShare: number
  readonly columns: readonly ColumnReport[]
  readonly joint: JointReport | null
  readonly segments: readonly SegmentReport[]
}
