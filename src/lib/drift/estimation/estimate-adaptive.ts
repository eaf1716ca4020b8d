import type { Random } from '../../random.ts'
import { type Abstention, supportLimits } from './abstention.ts'
import type { Columns } from './boosted-trees.ts'
import { type CalibratorKind, fitCalibrator } from './calibrator.ts'
import { type DomainWeights, domainWeights } from './domain-weights.ts'
import {
  type EstimateOptions,
  estimateWith,
  type PerformanceEstimate,
  supportReasons,
  type UnlabelledRows,
} from './estimate-performance.ts'
import type { EstimatorReference, ReferenceRows } from './estimator-reference.ts'

/** What a chunk's inputs look like beside the reference's. */
type DomainReading = { readonly auc: number; readonly effectiveRows: number }

export type AdaptiveEstimate = PerformanceEstimate & { readonly domain: DomainReading }
export type AdaptiveAbstention = Abstention & { readonly domain: DomainReading | null }

const REPLICATES = 20
/** Fewer effective rows than this cannot carry a calibrator of their own. */
const LEAST_EFFECTIVE_ROWS = 100
/** A reference that stands for less than this part of the current rows cannot be weighted to look like them. */
const LEAST_COVERED = 0.4
/** Below this a domain classifier has told nothing apart, and weights would only add noise. */
const LEAST_AUC = 0.53

/**
 * PAPE: probabilistic adaptive performance estimation (Białek et al. 2024, "Estimating model performance under covariate
 * shift without labels", v4): importance weights from a domain classifier on features and score make the reference look like
 * the chunk, and the calibrator is refitted under them. It holds as long as P(label | features) is that of the reference,
 * which asks less than CBPE does. Where weights degenerate, or there is nothing to adapt to, it is CBPE, with a note; where
 * the samples hardly overlap, no estimate is given. The reference's rows are needed, not only what was frozen of them.
 * Throws RangeError when features are not there or do not match.
 */
export function estimateAdaptive(
  reference: EstimatorReference,
  known: ReferenceRows,
  rows: UnlabelledRows,
  options: EstimateOptions,
): AdaptiveEstimate | AdaptiveAbstention {
  const { limits = supportLimits, random } = options
  if (!known.features || !rows.features) throw new RangeError('an adaptive estimate needs the features of the reference and of the rows')
  const reasons = [...reference.faults, ...supportReasons(reference, rows, limits)]
  if (reasons.length > 0) return { abstained: true, rows: rows.scores.length, reasons, domain: null }
  const weights = domainWeights([...known.features, known.scores], [...rows.features, rows.scores], random.fork('domain'))
  const domain = { auc: weights.auc, effectiveRows: weights.effectiveRows }
  const least = Math.max(LEAST_EFFECTIVE_ROWS, limits.leastEffectiveShare * known.labels.length)
  const thin = weights.effectiveRows < least || weights.covered < LEAST_COVERED
  if (thin && weights.auc > limits.mostDomainAuc) {
    const text = `a classifier tells these rows from the reference nearly always (area ${weights.auc.toFixed(3)}), and only ${Math.round(weights.effectiveRows)} reference rows in effect are like them`
    return { abstained: true, rows: rows.scores.length, reasons: [{ code: 'no_overlap', text }], domain }
  }
  if (thin || weights.auc < LEAST_AUC) {
    const notes = thin
      ? [`importance weights leave ${Math.round(weights.effectiveRows)} reference rows in effect, too few to adapt to: CBPE instead`]
      : ['the inputs look like the reference: CBPE']
    const { calibrator, replicates } = reference
    return { ...estimateWith(reference, rows, { ...options, method: 'cbpe', calibrator, replicates, notes }), domain }
  }
  return { ...estimateWith(reference, rows, { ...options, method: 'pape', ...adapted(reference, known, weights, random) }), domain }
}

/** The calibrator and its bootstrap replicates under the weights. The weights themselves are taken as known. */
function adapted(reference: EstimatorReference, known: ReferenceRows, { weights }: DomainWeights, random: Random) {
  const kind: CalibratorKind = reference.kind === 'isotonic' ? 'isotonic' : 'platt'
  const resampling = random.fork('bootstrap')
  const rows = weights.length
  const replicates = Array.from({ length: REPLICATES }, () => {
    const own = new Float64Array(rows)
    for (let i = 0; i < rows; i++) {
      const row = resampling.int(rows)
      own[row]! += weights[row]!
    }
    return fitCalibrator(kind, known.scores, known.labels, own)
  })
  return { calibrator: fitCalibrator(kind, known.scores, known.labels, weights), replicates }
}

/** Columns of the rows at the given places. */
export function pickRows(columns: Columns, rows: ArrayLike<number>): Float64Array[] {
  return columns.map((column) => Float64Array.from({ length: rows.length }, (_, i) => column[rows[i]!]!))
}
