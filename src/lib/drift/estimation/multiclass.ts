import type { Random } from '../../random.ts'
import { normalQuantile } from '../../stats/distributions.ts'
import { type Abstention, percentText, type Reason, type SupportLimits, supportLimits } from './abstention.ts'
import { checkCalibration } from './calibration-check.ts'
import { type Calibrator, calibrated, fitCalibrator, foldsFor } from './calibrator.ts'
import { type MetricEstimate, metricEstimate } from './estimate-performance.ts'
import { thinKnots } from './isotonic.ts'
import { type MulticlassMetric, multiclassMetrics, multiclassMetricsFrom, type Probabilities } from './multiclass-metrics.ts'

/** A temperature for all classes, or one calibrator per class whose probabilities are then made to sum to one. */
export type MulticlassCalibrator =
  | { readonly kind: 'temperature'; readonly temperature: number }
  | { readonly kind: 'isotonic'; readonly classes: readonly Calibrator[] }

/** What an estimate for several classes needs of its reference, frozen. Plain data. */
export type MulticlassReference = {
  readonly rows: number
  readonly classes: number
  readonly calibrator: MulticlassCalibrator
  readonly replicates: readonly MulticlassCalibrator[]
  readonly heldOutBrier: { readonly identity: number; readonly temperature: number; readonly isotonic: number }
  readonly realised: Readonly<Record<MulticlassMetric, number | null>>
  readonly faults: readonly Reason[]
}

export type MulticlassEstimate = {
  readonly abstained: false
  readonly method: 'cbpe'
  readonly rows: number
  readonly level: number
  readonly metrics: Readonly<Record<MulticlassMetric, MetricEstimate | null>>
}

const FOLDS = 5
const MOST_KNOTS = 64
const IDENTITY: MulticlassCalibrator = { kind: 'temperature', temperature: 1 }

/**
 * Freezes a reference for CBPE with several classes. `probabilities[k][i]` is the model's probability of class k in row i,
 * `labels[i]` a class from 0. Uncalibrated, a temperature (Guo et al. 2017) and isotonic one against the rest (Zadrozny &
 * Elkan 2002) compete by held-out Brier score; each must beat the simpler by a hundredth of it. Throws RangeError for lengths
 * that differ or labels that are no class.
 */
export function fitMulticlassReference(
  probabilities: Probabilities,
  labels: ArrayLike<number>,
  {
    random,
    replicates = 20,
    limits = supportLimits,
  }: { readonly random: Random; readonly replicates?: number; readonly limits?: SupportLimits },
): MulticlassReference {
  const classes = probabilities.length
  checkRows(probabilities, labels)
  const fold = foldsFor(labels, random.fork('folds'), FOLDS)
  const heldOut = (kind: 'identity' | MulticlassCalibrator['kind']) => {
    const out = probabilities.map((column) => new Float64Array(column.length))
    for (let f = 0; f < FOLDS; f++) {
      const weights = fold.map((own) => Number(own !== f))
      const fitted = kind === 'identity' ? IDENTITY : fitKind(kind, probabilities, labels, weights)
      for (let i = 0; i < labels.length; i++) if (fold[i] === f) writeRow(fitted, probabilities, i, out)
    }
    return out
  }
  const tried = { identity: heldOut('identity'), temperature: heldOut('temperature'), isotonic: heldOut('isotonic') }
  const brier = (out: Probabilities) => multiclassMetricsFrom(out, decideFrom(out), hardFrom(labels, classes)).brier
  const heldOutBrier = { identity: brier(tried.identity), temperature: brier(tried.temperature), isotonic: brier(tried.isotonic) }
  let kind: keyof typeof tried = 'identity'
  if (heldOutBrier.temperature < 0.99 * heldOutBrier[kind]) kind = 'temperature'
  if (heldOutBrier.isotonic < 0.99 * heldOutBrier[kind]) kind = 'isotonic'
  const refitted = kind === 'isotonic' ? 'isotonic' : 'temperature'
  const chance = random.fork('bootstrap')
  return {
    rows: labels.length,
    classes,
    heldOutBrier,
    calibrator: kind === 'identity' ? IDENTITY : fitKind(kind, probabilities, labels),
    replicates: Array.from({ length: replicates }, () => {
      const weights = new Float64Array(labels.length)
      for (let i = 0; i < weights.length; i++) weights[chance.int(weights.length)]!++
      return fitKind(refitted, probabilities, labels, weights)
    }),
    realised: finite(multiclassMetricsFrom(probabilities, decideFrom(probabilities), hardFrom(labels, classes))),
    faults: faultsOf(tried[kind], labels, limits),
  }
}

/**
 * CBPE for several classes: the expected confusion matrix from calibrated probabilities, macro-averaged. Decisions are the
 * likeliest class by the model's own probabilities unless given. Abstains with the reference's faults or too few rows.
 */
export function estimateMulticlass(
  reference: MulticlassReference,
  probabilities: Probabilities,
  options: {
    readonly random: Random
    readonly level?: number
    readonly draws?: number
    readonly decisions?: ArrayLike<number>
    readonly limits?: SupportLimits
  },
): MulticlassEstimate | Abstention {
  const { level = 0.95, draws = 40, limits = supportLimits, random, decisions = decideFrom(probabilities) } = options
  if (probabilities.length !== reference.classes)
    throw new RangeError(`${probabilities.length} classes do not match the reference's ${reference.classes}`)
  const rows = probabilities[0]!.length
  const reasons = [...reference.faults]
  if (rows < limits.leastChunkRows) reasons.push({ code: 'too_few_rows', text: `${rows} rows; ${limits.leastChunkRows} are needed` })
  if (reasons.length > 0) return { abstained: true, rows, reasons }
  const own = calibrateMulticlass(reference.calibrator, probabilities)
  const values = multiclassMetricsFrom(probabilities, decisions, own)
  const drawn = Array.from({ length: draws }, () => multiclassMetricsFrom(probabilities, decisions, drawFrom(own, random)))
  const refitted = reference.replicates.map((replicate) =>
    multiclassMetricsFrom(probabilities, decisions, calibrateMulticlass(replicate, probabilities)),
  )
  const z = normalQuantile((1 + level) / 2)
  const metrics = Object.fromEntries(
    multiclassMetrics.map((metric) => {
      const range = [0, metric === 'log_loss' ? Number.POSITIVE_INFINITY : metric === 'brier' ? 2 : 1] as const
      const [over, again] = [drawn, refitted].map((list) => list.map((one) => one[metric])) as [number[], number[]]
      return [metric, metricEstimate(values[metric], over, again, { z, range })]
    }),
  ) as MulticlassEstimate['metrics']
  return { abstained: false, method: 'cbpe', rows, level, metrics }
}

/** Calibrated probabilities, which sum to one in each row. */
export function calibrateMulticlass(calibrator: MulticlassCalibrator, probabilities: Probabilities): Float64Array[] {
  const out = probabilities.map((column) => new Float64Array(column.length))
  for (let i = 0; i < probabilities[0]!.length; i++) writeRow(calibrator, probabilities, i, out)
  return out
}

/** The likeliest class of each row. */
export function decideFrom(probabilities: Probabilities): Uint32Array {
  return Uint32Array.from({ length: probabilities[0]?.length ?? 0 }, (_, i) => {
    let best = 0
    for (let k = 1; k < probabilities.length; k++) if (probabilities[k]![i]! > probabilities[best]![i]!) best = k
    return best
  })
}

function writeRow(calibrator: MulticlassCalibrator, given: Probabilities, row: number, out: Float64Array[]): void {
  let sum = 0
  for (const [k, column] of given.entries()) {
    const p = column[row]!
    const value =
      calibrator.kind === 'temperature' ? Math.max(p, 1e-12) ** (1 / calibrator.temperature) : calibrated(calibrator.classes[k]!, p)
    out[k]![row] = value
    sum += value
  }
  for (const column of out) column[row] = sum > 0 ? column[row]! / sum : 1 / out.length
}

function fitKind(
  kind: MulticlassCalibrator['kind'],
  probabilities: Probabilities,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): MulticlassCalibrator {
  if (kind === 'temperature') return { kind, temperature: bestTemperature(probabilities, labels, weights) }
  const classes = probabilities.map((column, k) => {
    const own = fitCalibrator(
      'isotonic',
      column,
      Array.from(labels, (label) => Number(label === k)),
      weights,
    )
    return own.kind === 'isotonic' ? { kind: own.kind, knots: thinKnots(own.knots, MOST_KNOTS) } : own
  })
  return { kind, classes }
}

/** The temperature between 1/20 and 20 of the highest likelihood, by golden-section search on its logarithm: the loss is convex in 1/T. */
function bestTemperature(probabilities: Probabilities, labels: ArrayLike<number>, weights: ArrayLike<number> | undefined): number {
  const logs = probabilities.map((column) => Float64Array.from(column, (p) => Math.log(Math.max(p, 1e-12))))
  const lossAt = (logTemperature: number) => {
    const inverse = Math.exp(-logTemperature)
    let loss = 0
    for (let i = 0; i < labels.length; i++) {
      const weight = weights?.[i] ?? 1
      if (weight === 0) continue
      let sum = 0
      for (const column of logs) sum += Math.exp(column[i]! * inverse)
      loss += weight * (Math.log(sum) - logs[labels[i]!]![i]! * inverse)
    }
    return loss
  }
  const golden = (Math.sqrt(5) - 1) / 2
  let [low, high] = [-Math.log(20), Math.log(20)]
  for (let step = 0; step < 30; step++) {
    const [a, b] = [high - golden * (high - low), low + golden * (high - low)]
    if (lossAt(a) < lossAt(b)) high = b
    else low = a
  }
  return Math.exp((low + high) / 2)
}

function hardFrom(labels: ArrayLike<number>, classes: number): Float64Array[] {
  return Array.from({ length: classes }, (_, k) => Float64Array.from({ length: labels.length }, (_, i) => Number(labels[i] === k)))
}

function drawFrom(probabilities: Probabilities, random: Random): Float64Array[] {
  const drawn = probabilities.map((column) => new Float64Array(column.length))
  for (let i = 0; i < probabilities[0]!.length; i++) {
    let rest = random.next()
    let k = 0
    while (k < probabilities.length - 1 && rest >= probabilities[k]![i]!) rest -= probabilities[k++]![i]!
    drawn[k]![i] = 1
  }
  return drawn
}

function finite(metrics: Record<MulticlassMetric, number>): MulticlassReference['realised'] {
  return Object.fromEntries(
    Object.entries(metrics).map(([metric, value]) => [metric, Number.isFinite(value) ? value : null]),
  ) as MulticlassReference['realised']
}

function checkRows(probabilities: Probabilities, labels: ArrayLike<number>): void {
  if (probabilities.length < 2) throw new RangeError(`several classes are at least two, not ${probabilities.length}`)
  for (const [k, column] of probabilities.entries())
    if (column.length !== labels.length) throw new RangeError(`class ${k} has ${column.length} rows, the labels ${labels.length}`)
  for (let i = 0; i < labels.length; i++)
    if (!Number.isInteger(labels[i]) || labels[i]! < 0 || labels[i]! >= probabilities.length)
      throw new RangeError(`label ${i} is ${labels[i]}, not a class from 0 to ${probabilities.length - 1}`)
}

function faultsOf(outOfFold: Probabilities, labels: ArrayLike<number>, limits: SupportLimits): Reason[] {
  const faults: Reason[] = []
  if (labels.length < limits.leastReferenceRows)
    faults.push({
      code: 'reference_too_small',
      text: `the reference has ${labels.length} labelled rows; ${limits.leastReferenceRows} are needed`,
    })
  for (const [k, column] of outOfFold.entries()) {
    const own = Float64Array.from({ length: labels.length }, (_, i) => Number(labels[i] === k))
    const rows = own.reduce((sum, label) => sum + label, 0)
    if (rows < limits.leastPerClass)
      faults.push({ code: 'reference_too_small', text: `class ${k} has ${rows} rows in the reference; ${limits.leastPerClass} are needed` })
    const { spiegelhalter, expectedCalibrationError } = checkCalibration(column, own)
    if ((spiegelhalter?.pValue ?? 1) * outOfFold.length < limits.calibrationAlpha && expectedCalibrationError > 0.02)
      faults.push({
        code: 'uncalibratable',
        text: `after the best calibrator, probabilities of class ${k} still miss by ${percentText(expectedCalibrationError)} on average`,
      })
  }
  return faults
}
