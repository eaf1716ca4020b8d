import { exactInterval } from './distributions.ts'
import { type Bank, betsAbove, capitalFromText, capitalToText, createBank, playBlock } from './evidence.ts'

export type ErrorDetectorOptions = {
  /** The error rate of the reference, as measured on `baselineSampleSize` labelled rows. */
  readonly baselineRate: number
  readonly baselineSampleSize: number
  /** How far the error rate may honestly rise before it counts. 0 if not given. */
  readonly tolerance?: number
  /** The budget: the expected number of labelled rows between false alarms. */
  readonly falseAlarmEveryRows: number
  /** The probability, within the budget, that the finite baseline misleads. 0.05 if not given. */
  readonly referenceError?: number
}

export type ErrorDetectorState = { readonly rows: number; readonly capital: string }

export type ErrorReading = { readonly rows: number; readonly evidence: number; readonly threshold: number; readonly alarm: boolean }

/** One rate has few bets to share the evidence with, so small rises can have more of them. */
const LOG_ODDS = [0.25, 0.5, 0.75, 1, 1.5] as const

/** Watches for a rise of one rate; mutable, made by `createErrorDetector`. */
export type ErrorDetector = { readonly bound: number; readonly threshold: number; readonly bank: Bank; rows: number }

/**
 * An anytime-valid detector for a rise of the labelled error, or any other yes/no rate: the construction of
 * `createDetector` with one stream and one side. `bound` is the highest rate that counts as no change. Throws RangeError
 * for a rate outside [0, 1], an empty baseline, or a bound that leaves nothing to detect.
 */
export function createErrorDetector(options: ErrorDetectorOptions, state?: ErrorDetectorState): ErrorDetector {
  const { baselineRate, baselineSampleSize, tolerance = 0, falseAlarmEveryRows, referenceError = 0.05 } = options
  if (!(baselineRate >= 0 && baselineRate <= 1)) throw new RangeError(`baselineRate lies in [0, 1], not ${baselineRate}`)
  if (!(baselineSampleSize >= 1)) throw new RangeError(`baselineSampleSize must be at least 1, not ${baselineSampleSize}`)
  if (!(tolerance >= 0)) throw new RangeError(`tolerance must not be negative, it is ${tolerance}`)
  if (!(falseAlarmEveryRows >= 1)) throw new RangeError(`falseAlarmEveryRows must be at least 1, not ${falseAlarmEveryRows}`)
  if (!(referenceError > 0 && referenceError < 1)) throw new RangeError(`referenceError lies between 0 and 1, not ${referenceError}`)
  const hits = Math.round(baselineRate * baselineSampleSize)
  const bound = exactInterval(hits, baselineSampleSize, referenceError).high + tolerance
  if (bound >= 1) throw new RangeError(`a baseline of ${hits} errors in ${baselineSampleSize} leaves no rise to detect; label more rows`)
  const detector: ErrorDetector = {
    bound,
    threshold: falseAlarmEveryRows / (1 - referenceError),
    bank: createBank(betsAbove(bound, LOG_ODDS)),
    rows: 0,
  }
  if (state) {
    capitalFromText(detector.bank.capital, state.capital)
    detector.rows = state.rows
  }
  return detector
}

/** Adds a block of `rows` labelled rows of which `errors` were wrong. Throws RangeError unless 0 ≤ errors ≤ rows. */
export function advanceErrorDetector(detector: ErrorDetector, errors: number, rows: number): ErrorReading {
  if (!(errors >= 0 && errors <= rows)) throw new RangeError(`${errors} errors in ${rows} rows cannot be`)
  detector.rows += rows
  const bets = detector.bank.capital.length
  const evidence = playBlock(detector.bank, 0, bets, errors, rows) / bets
  return { rows: detector.rows, evidence, threshold: detector.threshold, alarm: evidence >= detector.threshold }
}

export function resetErrorDetector(detector: ErrorDetector): void {
  detector.bank.capital.fill(0)
  detector.rows = 0
}

export function errorDetectorState(detector: ErrorDetector): ErrorDetectorState {
  return { rows: detector.rows, capital: capitalToText(detector.bank.capital) }
}
