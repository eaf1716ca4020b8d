import { type Calibrator, calibrateAll } from '../../src/lib/drift/estimation/calibrator.ts'
import { contradictionOf } from '../../src/lib/drift/estimation/contradiction.ts'
import { type DirectLossReference, estimateDirectLoss, fitDirectLossReference } from '../../src/lib/drift/estimation/direct-loss.ts'
import { estimateAdaptive } from '../../src/lib/drift/estimation/estimate-adaptive.ts'
import { estimatePerformance, type MetricEstimate } from '../../src/lib/drift/estimation/estimate-performance.ts'
import { fitEstimatorReference } from '../../src/lib/drift/estimation/estimator-reference.ts'
import { metricsFrom, prepareScores } from '../../src/lib/drift/estimation/expected-metrics.ts'
import { judgeRegressed } from '../../src/lib/drift/estimation/judge-regressed.ts'
import { reconcile } from '../../src/lib/drift/estimation/reconcile.ts'
import { createRandom } from '../../src/lib/random.ts'
import type { JudgedRows, Task } from './tasks.ts'

/** Labels that arrive early, by which a chunk's estimate may be contradicted. */
const EARLY_LABELS = 200

type Confidence = {
  readonly method: string
  readonly abstained: number
  /** Chunks whose interval of the leading metric held what came true. */
  readonly held: number
  /** Chunks by which the early labels so far contradicted the estimates. */
  readonly flagged: number
  /** Chunks with an estimate whose interval missed and which nothing flagged. */
  readonly falselySure: number
  /** The verdict over all chunks once all labels are there. */
  readonly verdict: string
}

export type Judgement = {
  readonly task: string
  readonly chunks: number
  /** Mean absolute error by metric and by who estimated; chunks without an estimate are left out of that one's mean. */
  readonly errors: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly confidence: readonly Confidence[]
}

type Estimates = Readonly<Record<string, MetricEstimate | null>> | null
type PeerEstimates = Readonly<Record<string, readonly number[]>> | null

/** CBPE, its adaptive kin, the peer and the dummy on one classifier. */
export function classified(task: Task, peer: PeerEstimates): Judgement {
  const known = { ...task.reference, labels: task.reference.labels }
  const reference = fitEstimatorReference(known, { random: createRandom(1) })
  const realised = task.chunks.map((chunk) => metricsFrom(prepareScores(chunk.scores), chunk.labels))
  const own = {
    cbpe: task.chunks.map((chunk): Estimates => {
      const found = estimatePerformance(reference, chunk, { random: createRandom(2) })
      return found.abstained ? null : found.metrics
    }),
    adaptive: task.chunks.map((chunk): Estimates => {
      const found = estimateAdaptive(reference, known, chunk, { random: createRandom(3) })
      return found.abstained ? null : found.metrics
    }),
  }
  const flags = contradicted(task.chunks, reference.calibrator)
  return judgementOf(task, ['accuracy', 'roc_auc', 'f1'], { realised, own, peer, dummy: reference.realised, flags })
}

/** Direct loss estimation, the peer's and the dummy on one regression. */
export function regressed(task: Task, peer: PeerEstimates): Judgement {
  const asRegression = ({ features, scores, labels }: JudgedRows) => ({ features, predictions: scores, labels })
  const reference = fitDirectLossReference(asRegression(task.reference), { random: createRandom(1) })
  const realised = task.chunks.map(({ scores, labels }) => {
    const errors = scores.map((score, i) => Math.abs(score - labels[i]!))
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length
    return { mae: mean(errors), rmse: Math.sqrt(mean(errors.map((error) => error * error))) }
  })
  const dle = task.chunks.map((chunk): Estimates => {
    const found = estimateDirectLoss(reference, asRegression(chunk))
    return found.abstained ? null : found.metrics
  })
  return judgementOf(task, ['mae', 'rmse'], {
    realised,
    own: { dle },
    peer,
    dummy: reference.realised,
    flags: exceeded(task.chunks, reference),
  })
}

type Given = {
  readonly realised: readonly Readonly<Record<string, number>>[]
  readonly own: Readonly<Record<string, readonly Estimates[]>>
  readonly peer: PeerEstimates
  readonly dummy: Readonly<Record<string, number | null>>
  readonly flags: readonly boolean[]
}

function judgementOf(task: Task, metrics: readonly string[], { realised, own, peer, dummy, flags }: Given): Judgement {
  const errorOf = (metric: string, estimateAt: (chunk: number) => number | null | undefined) => {
    const errors = realised.flatMap((real, chunk) => {
      const estimate = estimateAt(chunk)
      return estimate === null || estimate === undefined ? [] : [Math.abs(estimate - real[metric]!)]
    })
    return errors.length === 0 ? Number.NaN : errors.reduce((sum, error) => sum + error, 0) / errors.length
  }
  const first = Object.values(own)[0]!
  const errors = Object.fromEntries(
    metrics.map((metric) => {
      const ours = Object.entries(own).map(
        ([name, estimates]) => [name, errorOf(metric, (chunk) => estimates[chunk]?.[metric]?.value)] as const,
      )
      return [
        metric,
        {
          ...Object.fromEntries(ours),
          peer: errorOf(metric, (chunk) => peer?.[metric]?.[chunk]),
          peerOnOurs: errorOf(metric, (chunk) => (first[chunk] ? peer?.[metric]?.[chunk] : null)),
          dummy: errorOf(metric, () => dummy[metric]),
          dummyOnOurs: errorOf(metric, (chunk) => (first[chunk] ? dummy[metric] : null)),
        },
      ]
    }),
  )
  const [leading] = metrics
  const confidence = Object.entries(own).map(([method, estimates]): Confidence => {
    const inside = estimates.map((of, chunk) => {
      const estimate = of?.[leading!]
      const real = realised[chunk]![leading!]!
      return estimate ? real >= estimate.low && real <= estimate.high : null
    })
    return {
      method,
      abstained: estimates.filter((of) => of === null).length,
      held: inside.filter((one) => one === true).length,
      flagged: flags.filter((flag) => flag).length,
      falselySure: inside.filter((one, chunk) => one === false && !flags[chunk]).length,
      verdict: reconcile(
        estimates.flatMap((of, chunk) => {
          const estimate = of?.[leading!]
          return estimate ? [{ chunk: String(chunk), ...estimate, estimate: estimate.value, realised: realised[chunk]![leading!]! }] : []
        }),
      ).verdict.replaceAll('_', ' '),
    }
  })
  return { task: task.name, chunks: task.chunks.length, errors, confidence }
}

/** After each chunk, whether the early labels of all chunks so far contradict what was expected of them: looking often costs nothing. */
function contradicted(chunks: readonly JudgedRows[], calibrator: Calibrator): boolean[] {
  const seen = { probabilities: [] as number[], decisions: [] as number[], labels: [] as number[] }
  return chunks.map(({ scores, labels }) => {
    const early = scores.slice(0, EARLY_LABELS)
    seen.probabilities.push(...calibrateAll(calibrator, early))
    seen.decisions.push(...early.map((score) => Number(score >= 0.5)))
    seen.labels.push(...labels.slice(0, EARLY_LABELS))
    return contradictionOf(seen).contradicted
  })
}

const TOLERANCE = 0.02
/** ln(1/alpha) at an alpha of 0.01, as `contradictionOf` has it when nothing is said. */
const NEEDED = Math.log(100)

/** The same for losses: the evidence of chunks that have an estimate is multiplied, and is an e-value again. */
function exceeded(chunks: readonly JudgedRows[], reference: DirectLossReference): boolean[] {
  let evidence = 0
  return chunks.map(({ features, scores, labels }) => {
    const early = labels.map((label, row) => (row < EARLY_LABELS ? label : Number.NaN))
    const rows = { columns: features, scores, labels: early }
    evidence += judgeRegressed({ kind: 'regression', reference, rows, tolerance: TOLERANCE }).logEvidence ?? 0
    return evidence >= NEEDED
  })
}
