import { createRandom } from '../../random.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import { calibrateAll } from './calibrator.ts'
import { contradictionOf } from './contradiction.ts'
import { estimateAdaptive } from './estimate-adaptive.ts'
import { estimatePerformance, estimateWith, type MetricEstimate, type PerformanceEstimate } from './estimate-performance.ts'
import type { EstimatorReference, ReferenceRows } from './estimator-reference.ts'
import { type BinaryMetric, metricsFrom, prepareScores } from './expected-metrics.ts'
import { INTERVAL_LEVEL, type JudgedWindow, LEAST_LABELLED_ROWS, pickRows, type WindowRows } from './window-rows.ts'

export type ClassifiedWindow = {
  readonly kind: 'classification'
  readonly reference: EstimatorReference
  /** Rows of the reference, with their features where an estimate may adapt to moved inputs. */
  readonly known: ReferenceRows
  /** Labels are 0, 1 or NaN. */
  readonly rows: WindowRows
  /** From which score on a row counts as positive now. */
  readonly threshold: number
  /** By how much the error may be above that of the reference, and what was expected of labelled rows may be missed. */
  readonly tolerance: number
  readonly seed: string
}

/**
 * Estimates a window without its labels and holds what labels it has against that. The estimate is PAPE where features of
 * the reference are known, CBPE otherwise. The interval that realised labels are held against is that of the labelled rows,
 * which are fewer than all. Rows whose score is no probability are left out. The same input gives the same answer.
 */
export function judgeClassified(input: ClassifiedWindow): JudgedWindow {
  const random = createRandom(input.seed)
  const reference = decidedAt(input.threshold, input.reference, input.known)
  const rows = pickRows(input.rows, (row) => isProbability(input.rows.scores[row]!))
  const asked = { scores: rows.scores, features: reference.featureRanges ? rows.columns : undefined }
  const found =
    input.known.features && asked.features
      ? estimateAdaptive(reference, input.known, { ...asked, features: asked.features }, { random, level: INTERVAL_LEVEL })
      : estimatePerformance(reference, asked, { random, level: INTERVAL_LEVEL })
  const labelled = pickRows(rows, (row) => rows.labels[row] === 0 || rows.labels[row] === 1)
  const enough = labelled.scores.length >= LEAST_LABELLED_ROWS
  if (found.abstained) {
    const text = found.reasons.map((reason) => reason.text).join('; ')
    const realised = enough ? realisedOf(reference, labelled, null) : null
    return { rows: rows.scores.length, method: null, abstained: text, notes: [], metrics: {}, dropped: false, realised, logEvidence: null }
  }
  const error = found.metrics.error_rate
  const baseline = reference.realised.error_rate
  return {
    rows: found.rows,
    method: found.method,
    abstained: null,
    notes: found.notes,
    metrics: metricsWith(found, reference),
    dropped: error !== null && baseline !== null && error.low > baseline + input.tolerance,
    realised: enough ? realisedOf(reference, labelled, found) : null,
    logEvidence: enough ? evidenceOf(reference, labelled, found, input.tolerance) : null,
  }
}

/** The same reference with decisions made at another threshold. */
function decidedAt(threshold: number, reference: EstimatorReference, known: ReferenceRows): EstimatorReference {
  if (threshold === reference.threshold) return reference
  const metrics = metricsFrom(prepareScores(known.scores, threshold, reference.businessValues), known.labels)
  const realised = Object.fromEntries(
    Object.entries(metrics).map(([metric, value]) => [metric, Number.isFinite(value) ? value : null]),
  ) as EstimatorReference['realised']
  return { ...reference, threshold, realised }
}

function metricsWith(found: PerformanceEstimate, reference: EstimatorReference): JudgedWindow['metrics'] {
  return Object.fromEntries(
    Object.entries(found.metrics).flatMap(([metric, estimate]) =>
      estimate === null ? [] : [[metric, { ...estimate, baseline: reference.realised[metric as BinaryMetric] }]],
    ),
  )
}

function realisedOf(reference: EstimatorReference, labelled: WindowRows, found: PerformanceEstimate | null) {
  const all = metricsFrom(prepareScores(labelled.scores, reference.threshold, reference.businessValues), labelled.labels)
  const metrics = Object.fromEntries(Object.entries(all).filter(([, value]) => Number.isFinite(value)))
  const expectedError = found && expectedErrorOf(reference, labelled, found)
  const realised = all.error_rate
  const covered = expectedError === null ? null : realised >= expectedError.low && realised <= expectedError.high
  return { rows: labelled.scores.length, metrics, expectedError, covered }
}

/** What the estimate says of the labelled rows alone; what it leaves open about the reference is as for all rows. */
function expectedErrorOf(reference: EstimatorReference, labelled: WindowRows, found: PerformanceEstimate): MetricEstimate | null {
  const random = createRandom('labelled')
  const { method, calibrator } = found
  const own = estimateWith(reference, labelled, { method, calibrator, replicates: [], level: INTERVAL_LEVEL, random }).metrics.error_rate
  const whole = found.metrics.error_rate
  if (own === null || whole === null) return null
  const { calibrationError } = whole
  const half = normalQuantile((1 + INTERVAL_LEVEL) / 2) * Math.hypot(own.samplingError, calibrationError)
  return { ...own, calibrationError, low: Math.max(0, own.value - half), high: Math.min(1, own.value + half) }
}

function evidenceOf(
  { threshold }: EstimatorReference,
  { scores, labels }: WindowRows,
  { calibrator }: PerformanceEstimate,
  tolerance: number,
): number {
  const decisions = Uint8Array.from(scores, (score) => Number(score >= threshold))
  return contradictionOf({ probabilities: calibrateAll(calibrator, scores), decisions, labels }, { tolerance }).evidence
}

function isProbability(score: number): boolean {
  return score >= 0 && score <= 1
}
