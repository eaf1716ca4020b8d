import { excessEvidence } from './contradiction.ts'
import {
  type DirectLossReference,
  errorsOf,
  estimateDirectLoss,
  inputsOf,
  type LabelledRegressionRows,
  type RegressionEstimate,
  realisedLosses,
} from './direct-loss.ts'
import type { MetricEstimate } from './estimate-performance.ts'
import { expectedLoss, expectLosses, openness } from './loss-model.ts'
import { INTERVAL_LEVEL, type JudgedWindow, LEAST_LABELLED_ROWS, pickRows, type WindowRows } from './window-rows.ts'

export type RegressedWindow = {
  readonly kind: 'regression'
  readonly reference: DirectLossReference
  /** Scores are predictions and labels true values; NaN where none has come. */
  readonly rows: WindowRows
  /** By what share of it the mean absolute error may be above that of the reference, or above what was expected. */
  readonly tolerance: number
}

/**
 * Estimates the losses of a window of a regression without its labels, by direct loss estimation, and holds what labels it
 * has against that. Rows whose prediction is not finite are left out. The same input gives the same answer.
 */
export function judgeRegressed({ reference, rows: given, tolerance }: RegressedWindow): JudgedWindow {
  const rows = pickRows(given, (row) => Number.isFinite(given.scores[row]!))
  const found = estimateDirectLoss(reference, { features: rows.columns, predictions: rows.scores }, { level: INTERVAL_LEVEL })
  const labelled = pickRows(rows, (row) => Number.isFinite(rows.labels[row]!))
  const own = { features: labelled.columns, predictions: labelled.scores, labels: labelled.labels }
  const enough = labelled.labels.length >= LEAST_LABELLED_ROWS
  const expected = enough && !found.abstained ? expectedLoss(reference.absolute, inputsOf(own), INTERVAL_LEVEL) : null
  const realised = enough ? realisedOf(own, expected) : null
  if (found.abstained) {
    const abstained = found.reasons.map((reason) => reason.text).join('; ')
    return { rows: rows.scores.length, method: null, abstained, notes: [], metrics: {}, dropped: false, realised, logEvidence: null }
  }
  const { mae } = found.metrics
  const baseline = reference.realised.mae
  return {
    rows: found.rows,
    method: found.method,
    abstained: null,
    notes: found.notes,
    metrics: metricsWith(found, reference),
    dropped: mae !== null && baseline !== null && mae.low > baseline * (1 + tolerance),
    realised,
    logEvidence: expected && evidenceOf(reference, own, expected, tolerance),
  }
}

function metricsWith(found: RegressionEstimate, reference: DirectLossReference): JudgedWindow['metrics'] {
  return Object.fromEntries(
    Object.entries(found.metrics).flatMap(([metric, estimate]) =>
      estimate === null ? [] : [[metric, { ...estimate, baseline: reference.realised[metric as keyof typeof found.metrics] }]],
    ),
  )
}

function realisedOf(rows: LabelledRegressionRows, expectedError: MetricEstimate | null): JudgedWindow['realised'] {
  const all = realisedLosses(rows)
  const metrics = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && Number.isFinite(value)))
  const covered = expectedError === null ? null : all.mae >= expectedError.low && all.mae <= expectedError.high
  return { rows: rows.labels.length, metrics, expectedError, covered }
}

/** What the reference leaves open about the loss is no contradiction: so much more, at the level of the intervals, is allowed. */
function evidenceOf({ absolute }: DirectLossReference, rows: LabelledRegressionRows, mean: MetricEstimate, tolerance: number): number {
  const open = mean.value > 0 ? openness(mean, INTERVAL_LEVEL) / mean.value : 0
  const margin = (1 + tolerance) * (1 + open) - 1
  return excessEvidence({ expected: expectLosses(absolute, inputsOf(rows)), losses: errorsOf(rows) }, margin)
}
