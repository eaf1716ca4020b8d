import { createRandom } from '../random.ts'
import {
  brierOf,
  type Confusion,
  confusionOf,
  errorRateOf,
  f1Of,
  type Labels,
  logLossOf,
  type Scores,
  surpriseOf,
} from './classification.ts'
import { binomialCdf, normalQuantile } from './distributions.ts'

export type PairedInput = {
  /** 0 or 1 per row. */
  readonly labels: Labels
  /** Probabilities of label 1 on the same rows. */
  readonly champion: Scores
  readonly challenger: Scores
  /** A row counts as 1 from this score on. 0.5 if not given. */
  readonly threshold?: number
  /** The same for the challenger, where it is another. */
  readonly challengerThreshold?: number
  /** The confidence of the intervals. 0.95 if not given. */
  readonly confidence?: number
  /** Seeds the bootstrap of F1. */
  readonly seed?: number
}

export type Interval = { readonly low: number; readonly high: number }

type MetricComparison = {
  readonly champion: number | null
  readonly challenger: number | null
  /** How much better the challenger is, above 0 whichever way the metric points; null when a side has no value. */
  readonly improvement: number | null
  readonly interval: Interval | null
}

type GateMetric = 'f1' | 'error' | 'logLoss' | 'brier'

export type PairedComparison = {
  readonly rows: number
  readonly positives: number
  /** Rows on which only the champion, and on which only the challenger, was wrong. */
  readonly onlyChampionWrong: number
  readonly onlyChallengerWrong: number
  /** McNemar's exact test that both are wrong equally often, two-sided. */
  readonly mcnemarP: number
  readonly metrics: Readonly<Record<GateMetric, MetricComparison>>
}

/**
 * Compares challenger and champion on the same labelled rows. Intervals: the error by Agresti & Min (2005, "Simple
 * improved confidence intervals for comparing matched proportions"), F1 by a seeded bootstrap of 1,000 resamples, log
 * loss and Brier score by the normal approximation of their paired differences. Throws RangeError when the lengths
 * differ or a label is neither 0 nor 1.
 */
export function comparePaired(input: PairedInput): PairedComparison {
  const { labels, champion, challenger, threshold = 0.5, confidence = 0.95, seed = 1 } = input
  const challengerThreshold = input.challengerThreshold ?? threshold
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`confidence lies between 0 and 1, not ${confidence}`)
  const cells = cellsOf(labels, champion, challenger, [threshold, challengerThreshold])
  const onlyChampionWrong = cells[LABEL | CHALLENGER]! + cells[CHAMPION]!
  const onlyChallengerWrong = cells[LABEL | CHAMPION]! + cells[CHALLENGER]!
  const before = confusionOf(labels, champion, threshold)
  const after = confusionOf(labels, challenger, challengerThreshold)
  const z = normalQuantile((1 + confidence) / 2)
  const brier = (label: number, score: number) => (score - label) ** 2
  return {
    rows: labels.length,
    positives: before.truePositives + before.falseNegatives,
    onlyChampionWrong,
    onlyChallengerWrong,
    mcnemarP: mcnemarP(onlyChampionWrong, onlyChallengerWrong),
    metrics: {
      f1: compared(f1Of(before), f1Of(after), 1, () => f1Interval(cells, confidence, seed)),
      error: compared(errorRateOf(before), errorRateOf(after), -1, () =>
        errorInterval(onlyChampionWrong, onlyChallengerWrong, labels.length, z),
      ),
      logLoss: compared(logLossOf(labels, champion), logLossOf(labels, challenger), -1, () => lossInterval(input, surpriseOf, z)),
      brier: compared(brierOf(labels, champion), brierOf(labels, challenger), -1, () => lossInterval(input, brier, z)),
    },
  }
}

function compared(champion: number | null, challenger: number | null, sign: 1 | -1, interval: () => Interval | null): MetricComparison {
  if (champion === null || challenger === null) return { champion, challenger, improvement: null, interval: null }
  return { champion, challenger, improvement: sign * (challenger - champion) || 0, interval: interval() }
}

/** The bits of a cell's number: the label, and what either model decided. */
const LABEL = 4
const CHAMPION = 2
const CHALLENGER = 1

function cellsOf(
  labels: Labels,
  champion: Scores,
  challenger: Scores,
  [one, other]: readonly [champion: number, challenger: number],
): number[] {
  if (labels.length !== champion.length || labels.length !== challenger.length)
    throw new RangeError(`${labels.length} labels do not match ${champion.length} champion and ${challenger.length} challenger scores`)
  const cells = new Array<number>(8).fill(0)
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== 0 && labels[i] !== 1) throw new RangeError(`label ${i} is ${labels[i]}, not 0 or 1`)
    cells[(labels[i] ? LABEL : 0) + (champion[i]! >= one ? CHAMPION : 0) + (challenger[i]! >= other ? CHALLENGER : 0)]!++
  }
  return cells
}

/** The exact two-sided p-value of McNemar's test: a fair coin for each row on which exactly one model is wrong. */
export function mcnemarP(onlyOne: number, onlyOther: number): number {
  return Math.min(1, 2 * binomialCdf(Math.min(onlyOne, onlyOther), onlyOne + onlyOther, 0.5))
}

/** Agresti & Min's interval for (a − b) / n: half a row is added to each cell of the two-by-two table. */
export function errorInterval(a: number, b: number, rows: number, z: number): Interval | null {
  if (rows === 0) return null
  const [one, other, total] = [a + 0.5, b + 0.5, rows + 2]
  const centre = (one - other) / total
  const half = (z * Math.sqrt(one + other - (one - other) ** 2 / total)) / total
  return { low: Math.max(-1, centre - half), high: Math.min(1, centre + half) }
}

function lossInterval(
  { labels, champion, challenger }: PairedInput,
  loss: (label: number, score: number) => number,
  z: number,
): Interval | null {
  const rows = labels.length
  if (rows < 2) return null
  let [sum, squares] = [0, 0]
  for (let i = 0; i < rows; i++) {
    const gain = loss(labels[i]!, champion[i]!) - loss(labels[i]!, challenger[i]!)
    sum += gain
    squares += gain * gain
  }
  const mean = sum / rows
  const half = z * Math.sqrt(Math.max(0, squares / rows - mean * mean) / (rows - 1))
  return { low: mean - half, high: mean + half }
}

const RESAMPLES = 1_000

/** Percentiles of the difference in F1 over resamples of the rows, drawn cell by cell; null when too few have an F1. */
function f1Interval(cells: readonly number[], confidence: number, seed: number): Interval | null {
  const random = createRandom(seed)
  // Small cells first: then every conditional draw but the last few is of something rare, which is quick.
  const order = cells.map((_, cell) => cell).sort((a, b) => cells[a]! - cells[b]!)
  const differences: number[] = []
  for (let i = 0; i < RESAMPLES; i++) {
    const drawn = new Array<number>(8).fill(0)
    let rest = cells.reduce((sum, count) => sum + count, 0)
    let mass = rest
    for (const cell of order) {
      if (mass <= 0) break
      drawn[cell] = random.binomial(rest, Math.min(1, cells[cell]! / mass))
      rest -= drawn[cell]
      mass -= cells[cell]!
    }
    const [before, after] = [f1Of(confusionIn(drawn, CHAMPION)), f1Of(confusionIn(drawn, CHALLENGER))]
    if (before !== null && after !== null) differences.push(after - before)
  }
  if (differences.length < RESAMPLES / 2) return null
  differences.sort((a, b) => a - b)
  const at = (share: number) => differences[Math.round(share * (differences.length - 1))]!
  return { low: at((1 - confidence) / 2), high: at((1 + confidence) / 2) }
}

function confusionIn(cells: readonly number[], model: number): Confusion {
  const total = (label: number, decided: number) =>
    cells.reduce((sum, count, cell) => sum + ((cell & LABEL) === label && (cell & model) === decided ? count : 0), 0)
  return {
    truePositives: total(LABEL, model),
    falsePositives: total(0, model),
    trueNegatives: total(0, 0),
    falseNegatives: total(LABEL, 0),
  }
}

export type GateRule = {
  readonly metric: GateMetric
  /** Fewer labelled rows, or fewer of the rarer label, decide nothing. */
  readonly minRows: number
  readonly minPerLabel: number
  /** The whole interval of the improvement must lie above this: 0 asks for better, −0.005 for not worse by 0.005. */
  readonly minImprovement: number
}

export type GateOutcome = { readonly verdict: 'pass' | 'fail' | 'insufficient data'; readonly reason: string }

/** Whether a comparison passes a rule, with the reason in words. */
export function gateOutcome(comparison: PairedComparison, rule: GateRule): GateOutcome {
  const { rows, positives } = comparison
  const rarer = Math.min(positives, rows - positives)
  if (rows < rule.minRows) return { verdict: 'insufficient data', reason: `${rows} labelled rows, the rule asks for ${rule.minRows}` }
  if (rarer < rule.minPerLabel)
    return { verdict: 'insufficient data', reason: `${rarer} rows of the rarer label, the rule asks for ${rule.minPerLabel}` }
  const { improvement, interval } = comparison.metrics[rule.metric]
  if (improvement === null || interval === null)
    return { verdict: 'insufficient data', reason: `${rule.metric} is not defined on these rows` }
  const shown = `${rule.metric} improves by ${improvement.toFixed(4)} [${interval.low.toFixed(4)}, ${interval.high.toFixed(4)}]`
  return interval.low >= rule.minImprovement
    ? { verdict: 'pass', reason: `${shown}, at least ${rule.minImprovement}` }
    : { verdict: 'fail', reason: `${shown}, not surely ${rule.minImprovement} or more` }
}
