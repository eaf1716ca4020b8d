import type { Columns } from './boosted-trees.ts'
import type { RegressionMetric } from './direct-loss.ts'
import type { MetricEstimate, PerformanceEstimate } from './estimate-performance.ts'
import type { BinaryMetric } from './expected-metrics.ts'

/** Rows of a window, features by column; labels are NaN where none has come. */
export type WindowRows = { readonly columns: Columns; readonly scores: ArrayLike<number>; readonly labels: ArrayLike<number> }

type WindowMetric = BinaryMetric | RegressionMetric

/** What a window was judged to be, with labels or without. */
export type JudgedWindow = {
  readonly rows: number
  readonly method: PerformanceEstimate['method'] | 'dle' | null
  readonly abstained: string | null
  readonly notes: readonly string[]
  readonly metrics: Readonly<Partial<Record<WindowMetric, MetricEstimate & { readonly baseline: number | null }>>>
  /** The whole interval of the error is above the reference's error by more than the tolerance. */
  readonly dropped: boolean
  readonly realised: {
    readonly rows: number
    readonly metrics: Readonly<Partial<Record<WindowMetric, number>>>
    /** The error rate, or the mean absolute error, that was expected of the labelled rows. */
    readonly expectedError: MetricEstimate | null
    readonly covered: boolean | null
  } | null
  /** The logarithm of the evidence of the labels against the estimate; null without labels or estimate. */
  readonly logEvidence: number | null
}

/** Fewer labels than this say nothing of a window. */
export const LEAST_LABELLED_ROWS = 30
/** How often an interval is to hold what labels will say. */
export const INTERVAL_LEVEL = 0.95

/** The rows that are kept by a condition on their position. */
export function pickRows(
  { columns, scores, labels }: WindowRows,
  keep: (row: number) => boolean,
): WindowRows & { readonly scores: Float64Array; readonly labels: Float64Array } {
  const rows = Array.from({ length: scores.length }, (_, row) => row).filter(keep)
  const numbers = (values: ArrayLike<number>) => Float64Array.from(rows, (row) => values[row]!)
  return { columns: columns.map(numbers), scores: numbers(scores), labels: numbers(labels) }
}
