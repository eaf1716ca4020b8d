import type { Random } from '../../random.ts'
import { chiSquaredTail } from '../../stats/distributions.ts'
import { boostTrees, type Columns, predictRows } from '../estimation/boosted-trees.ts'
import { calibrateAll, chooseCalibrator, logOdds } from '../estimation/calibrator.ts'
import { domainWeights } from '../estimation/domain-weights.ts'
import type { AttackFinding } from './attacks.ts'
import { type DataFault, findDataFaults } from './data-faults.ts'
import { findEvasion } from './evasion.ts'
import { kolmogorovSmirnov, sharesPValue } from './exact-tests.ts'
import { findExtraction } from './extraction.ts'
import { findPoisoning } from './poisoning.ts'
import { estimatePrior, fitPrior, type PriorFit, withPrior } from './prior-shift.ts'

/** Rows as a diagnosis sees them. Features by column, NaN missing; scores in [0, 1]; labels 0, 1 or NaN. */
export type DiagnosisRows = {
  readonly columns: Columns
  readonly scores: ArrayLike<number>
  readonly labels?: ArrayLike<number>
  readonly actors?: readonly string[]
  /** Where the row's data came from: a deployment, an upstream table. */
  readonly sources?: readonly string[]
  readonly labelSources?: readonly string[]
}

type ModelChange = { readonly kind: 'version' | 'embedding'; readonly text: string }

export type CauseInput = {
  readonly names: readonly string[]
  /** Its labels are needed for the causes that concern labels. */
  readonly reference: DiagnosisRows
  readonly current: DiagnosisRows
  readonly threshold?: number
  /** Rows of the same hours of the week (or the season) in earlier cycles. */
  readonly earlierCycles?: DiagnosisRows
  /** What changed about the model at that time. */
  readonly modelChanges?: readonly ModelChange[]
  readonly alpha?: number
  readonly random: Random
}

/** What was measured, on which a verdict rests. P-values are corrected within each fact. */
export type CauseFacts = {
  readonly faults: readonly DataFault[]
  readonly attacks: readonly AttackFinding[]
  readonly inputs: { readonly pValue: number; readonly feature: string; readonly distance: number }
  readonly scores: { readonly pValue: number; readonly distance: number }
  /** Scores less what the reference's scores make of the inputs. */
  readonly scoresGivenInputs: { readonly pValue: number; readonly distance: number }
  readonly cycles: { readonly pValue: number; readonly distance: number } | null
  readonly labels: LabelFacts | null
  readonly prior: PriorFit | null
}

type LabelFacts = {
  readonly rows: number
  readonly share: number
  readonly shareBefore: number
  readonly sharePValue: number
  /** Whether labels follow inputs as in the reference, and with the new share of positives. */
  readonly meaningPValue: number
  readonly meaningGivenPriorPValue: number
}

const LEAST_LABELS = 50
/** Rows that are looked at, of each sample; the rest must be left out by the caller or are drawn by stride. */
const MOST_DIAGNOSED_ROWS = 5_000
/** Probabilities of a surrogate may be off by this without meaning anything. */
const SURROGATE_SLACK = 0.03

/** Measures everything that a verdict on the cause rests on. Seconds for 5,000 rows of 50 features a sample. */
export function measureFacts(input: CauseInput): CauseFacts {
  const { names, threshold = 0.5, alpha = 0.01, random } = input
  const [reference, current] = [strided(input.reference), strided(input.current)]
  const known = reference.labels
  const probabilities = known ? calibratedBoth(reference, current, random.fork('calibrator')) : null
  const labels = current.labels && known && probabilities ? labelFacts(reference, current, known, random.fork('labels')) : null
  const share = labels?.share ?? (known && probabilities ? estimatePrior(probabilities, meanOf(known)) : 0.5)
  const actors = current.actors && { columns: current.columns, scores: current.scores, actors: current.actors }
  return {
    faults: findDataFaults(names, reference.columns, current),
    // Three searches share alpha; extraction has the larger part, since its p-value cannot fall below 1/500.
    attacks: [
      ...(probabilities && current.labels && current.labelSources
        ? findPoisoning(
            { columns: current.columns, probabilities, labels: current.labels, sources: current.labelSources },
            reference.columns,
            random.fork('poisoning'),
            alpha / 4,
          )
        : []),
      ...(actors
        ? findEvasion({ ...actors, labels: current.labels, past: pastOf(reference) }, reference.columns, threshold, alpha / 4)
        : []),
      ...(actors ? findExtraction(actors, reference.columns, random.fork('extraction'), alpha / 2) : []),
    ],
    inputs: movedMost(names, reference.columns, current.columns),
    scores: kolmogorovSmirnov(reference.scores, current.scores),
    scoresGivenInputs: scoreResiduals(reference, current, random.fork('scores')),
    cycles: input.earlierCycles ? cycleDistance(strided(input.earlierCycles), current) : null,
    labels,
    prior: known
      ? fitPrior(
          { columns: [...reference.columns, reference.scores], labels: known },
          [...current.columns, current.scores],
          Math.min(1 - 1e-6, Math.max(1e-6, share)),
        )
      : null,
  }
}

function pastOf({ columns, actors }: DiagnosisRows) {
  return actors ? { columns, actors } : undefined
}

function movedMost(names: readonly string[], before: Columns, after: Columns) {
  const found = before.map((column, f) => {
    const shape = kolmogorovSmirnov(column, after[f]!)
    const gone = [column, after[f]!].map((values) => Array.from(values).filter(Number.isNaN).length) as [number, number]
    const missing = sharesPValue(gone[0], column.length, gone[1], after[f]!.length)
    return { pValue: Math.min(1, 2 * Math.min(shape.pValue, missing)), distance: shape.distance, feature: names[f]! }
  })
  const least = found.reduce((best, one) => (one.pValue < best.pValue ? one : best), { pValue: 1, distance: 0, feature: '' })
  return { ...least, pValue: Math.min(1, least.pValue * names.length) }
}

function cycleDistance(cycles: DiagnosisRows, current: DiagnosisRows) {
  const found = [...cycles.columns, cycles.scores].map((column, f) => kolmogorovSmirnov(column, [...current.columns, current.scores][f]!))
  return {
    pValue: Math.min(1, found.length * Math.min(...found.map(({ pValue }) => pValue))),
    distance: Math.max(...found.map(({ distance }) => distance)),
  }
}

/** Whether scores still follow from inputs: residuals of a surrogate of the log odds, taught on one half of the reference. */
function scoreResiduals(reference: DiagnosisRows, current: DiagnosisRows, random: Random) {
  const odds = Float64Array.from(reference.scores, logOdds)
  const even = Array.from(odds.keys()).filter((row) => row % 2 === 0)
  const odd = Array.from(odds.keys()).filter((row) => row % 2 === 1)
  if (even.length < 20) return { pValue: 1, distance: 0 }
  const model = boostTrees(reference.columns, odds, { loss: 'squared', trees: 40, depth: 4, random }, even)
  const fitted = predictRows(model, reference.columns)
  // Where inputs moved the surrogate is judged on reference rows that look like the current ones.
  const domain = domainWeights(reference.columns, current.columns, random)
  const now = predictRows(model, current.columns)
  const shared = Array.from(now.keys()).filter((row) => domain.current[row]! < 0.8)
  return kolmogorovSmirnov(
    odd.map((row) => odds[row]! - fitted[row]!),
    shared.map((row) => logOdds(current.scores[row]!) - now[row]!),
    odd.map((row) => domain.weights[row]!),
  )
}

function calibratedBoth(reference: DiagnosisRows, current: DiagnosisRows, random: Random): Float64Array {
  const { calibrator } = chooseCalibrator(reference.scores, reference.labels!, random)
  return calibrateAll(calibrator, current.scores)
}

function labelFacts(reference: DiagnosisRows, current: DiagnosisRows, known: ArrayLike<number>, random: Random): LabelFacts | null {
  const rows = Array.from({ length: current.scores.length }, (_, i) => i).filter((row) => Number.isFinite(current.labels![row]!))
  if (rows.length < LEAST_LABELS) return null
  const labels = rows.map((row) => current.labels![row]!)
  const share = meanOf(labels)
  const shareBefore = meanOf(known)
  const inputs = [...reference.columns, Float64Array.from(reference.scores, logOdds)]
  const asked = [...current.columns, Float64Array.from(current.scores, logOdds)].map((column) => rows.map((row) => column[row]!))
  const model = boostTrees(inputs, known, { loss: 'logistic', trees: 50, learningRate: 0.1, random })
  const expected = predictRows(model, asked)
  const corrected = expected.map((p) => withPrior(p, shareBefore, Math.min(1 - 1e-6, Math.max(1e-6, share))))
  return {
    rows: rows.length,
    share,
    shareBefore,
    sharePValue: sharesPValue(share * rows.length, rows.length, shareBefore * known.length, known.length),
    meaningPValue: meaningPValue(expected, labels, asked),
    meaningGivenPriorPValue: meaningPValue(corrected, labels, asked),
  }
}

/** Hosmer and Lemeshow's sum along the expected probability and each input, each bin forgiven a small miss of the surrogate. */
function meaningPValue(expected: Float64Array, labels: readonly number[], columns: readonly (readonly number[])[]): number {
  const along = [Array.from(expected), ...columns].map((values) => binnedMiss(values, expected, labels))
  return Math.min(1, along.length * Math.min(...along))
}

function binnedMiss(values: readonly number[], expected: Float64Array, labels: readonly number[], bins = 6): number {
  const order = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!)
  let [statistic, degrees] = [0, 0]
  for (let bin = 0; bin < bins; bin++) {
    const rows = order.slice(Math.round((bin * order.length) / bins), Math.round(((bin + 1) * order.length) / bins))
    const variance = rows.reduce((sum, row) => sum + expected[row]! * (1 - expected[row]!), 0)
    const miss = Math.abs(rows.reduce((sum, row) => sum + labels[row]! - expected[row]!, 0))
    if (!(variance > 0)) continue
    statistic += miss ** 2 / (variance + (SURROGATE_SLACK * rows.length) ** 2)
    degrees++
  }
  return degrees === 0 ? 1 : chiSquaredTail(statistic, degrees)
}

function strided(rows: DiagnosisRows): DiagnosisRows {
  const total = rows.scores.length
  if (total <= MOST_DIAGNOSED_ROWS) return rows
  const chosen = Array.from({ length: MOST_DIAGNOSED_ROWS }, (_, i) => Math.floor((i * total) / MOST_DIAGNOSED_ROWS))
  const numbers = (values: ArrayLike<number>) => Float64Array.from(chosen, (row) => values[row]!)
  const words = (values: readonly string[] | undefined) => values && chosen.map((row) => values[row]!)
  return {
    columns: rows.columns.map(numbers),
    scores: numbers(rows.scores),
    ...(rows.labels ? { labels: numbers(rows.labels) } : {}),
    ...(rows.actors ? { actors: words(rows.actors)! } : {}),
    ...(rows.sources ? { sources: words(rows.sources)! } : {}),
    ...(rows.labelSources ? { labelSources: words(rows.labelSources)! } : {}),
  }
}

function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
