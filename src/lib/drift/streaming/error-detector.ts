import { exactInterval } from '../../stats/distributions.ts'
import { type Bank, betsAbove, capitalFromText, capitalToText, createBank, holdsCapitals, playBlock, priceBets } from './evidence.ts'
import { runningBound } from './running-bound.ts'

export type ErrorDetectorOptions = {
  /** The error rate of the reference, as measured on `baselineSampleSize` labelled rows. */
  readonly baselineRate: number
  readonly baselineSampleSize: number
  /** How far the error rate may honestly rise before it counts. 0 if not given. */
  readonly tolerance?: number
  /** The budget: the expected number of labelled rows between false alarms. */
  readonly falseAlarmEveryRows: number
  /** The probability, within the budget, that the bound on the rate is ever too low. 0.1 if not given. */
  readonly referenceError?: number
}

/** `errors` in `labelled` rows since the last reset; `settledRows`, reference included, is where the bound was last looked at. */
export type ErrorDetectorState = {
  readonly rows: number
  readonly capital: string
  readonly errors: number
  readonly labelled: number
  readonly bound: number
  readonly settledRows: number
}

export type ErrorReading = { readonly rows: number; readonly evidence: number; readonly threshold: number; readonly alarm: boolean }

/** Each about two and a half times the one before: a rise between two of them is met with at least four fifths of the growth. */
const LOG_ODDS = [0.18, 0.45, 1.1] as const
/** The part of the error that the exact interval of the reference has; the rest is for the bound that goes on. */
const REFERENCE_PART = 0.25
/** The reference counts that many times the rows of the prior of the running bound, which suits streams up to a dozen times as long. */
const ROWS_PER_PRIOR_ROW = 4
/** The bound is looked at again when there are that many times the rows: it hardly moves in between. */
const SETTLE_AGAIN = 1.02

/** Watches for a rise of one rate; mutable, made by `createErrorDetector`. */
export type ErrorDetector = {
  /** The highest rate that counts as no change, tolerance included: it falls as rows are learned from and never rises. */
  bound: number
  readonly baselineErrors: number
  readonly baselineSampleSize: number
  readonly tolerance: number
  readonly runningError: number
  readonly referenceBound: number
  readonly threshold: number
  readonly bank: Bank
  /** What was learned: errors in labelled rows since the last reset. */
  errors: number
  labelled: number
  settledRows: number
  /** Rows since the evidence was last forgotten. */
  rows: number
}

/**
 * An anytime-valid detector for a rise of the labelled error, or any other yes/no rate: bets in Shiryaev–Roberts form (Shin,
 * Ramdas & Rinaldo 2024, "E-detectors") against a bound above which the rate without change lies at no time, but for
 * `referenceError`. The bound is the lower of the exact interval of the reference and of a time-uniform bound over reference and
 * stream together (running-bound.ts), so it closes in on the rate as rows come, and a rise does not lift it.
 *
 * The budget holds when every row of reference and stream is wrong with a probability, given the rows before it, that differs
 * by no more than the tolerance from that of any other. Throws RangeError for a rate outside [0, 1], an empty baseline, a bound
 * that leaves nothing to detect, or a state of another shape.
 */
export function createErrorDetector(options: ErrorDetectorOptions, state?: ErrorDetectorState): ErrorDetector {
  const { baselineRate, baselineSampleSize, tolerance = 0, falseAlarmEveryRows, referenceError = 0.1 } = options
  if (!(baselineRate >= 0 && baselineRate <= 1)) throw new RangeError(`baselineRate lies in [0, 1], not ${baselineRate}`)
  if (!(baselineSampleSize >= 1)) throw new RangeError(`baselineSampleSize must be at least 1, not ${baselineSampleSize}`)
  if (!(tolerance >= 0)) throw new RangeError(`tolerance must not be negative, it is ${tolerance}`)
  if (!(falseAlarmEveryRows >= 1)) throw new RangeError(`falseAlarmEveryRows must be at least 1, not ${falseAlarmEveryRows}`)
  if (!(referenceError > 0 && referenceError < 1)) throw new RangeError(`referenceError lies between 0 and 1, not ${referenceError}`)
  const baselineErrors = Math.round(baselineRate * baselineSampleSize)
  const referenceBound = exactInterval(baselineErrors, baselineSampleSize, referenceError * REFERENCE_PART).high
  if (referenceBound + tolerance >= 1)
    throw new RangeError(`a baseline of ${baselineErrors} errors in ${baselineSampleSize} leaves no rise to detect; label more rows`)
  const detector: ErrorDetector = {
    bound: referenceBound + tolerance,
    baselineErrors,
    baselineSampleSize,
    tolerance,
    runningError: referenceError * (1 - REFERENCE_PART),
    referenceBound,
    threshold: falseAlarmEveryRows / (1 - referenceError),
    bank: createBank(betsAbove(referenceBound + tolerance, LOG_ODDS)),
    errors: 0,
    labelled: 0,
    settledRows: baselineSampleSize,
    rows: 0,
  }
  if (state) restore(detector, state)
  return detector
}

function restore(detector: ErrorDetector, state: ErrorDetectorState): void {
  if (!isErrorDetectorState(state)) throw new RangeError('the stored state belongs to another version of the detector; reset it')
  capitalFromText(detector.bank.capital, state.capital)
  const { rows, errors, labelled, settledRows } = state
  Object.assign(detector, { rows, errors, labelled, settledRows })
  lowerTo(detector, state.bound)
}

/** Lowers the rate that counts as no change, without the tolerance, to a bound. */
function lowerTo(detector: ErrorDetector, bound: number): void {
  const lowered = Math.min(detector.bound, bound + detector.tolerance)
  if (lowered === detector.bound) return
  detector.bound = lowered
  priceBets(detector.bank, betsAbove(lowered, LOG_ODDS))
}

/**
 * Adds a block of `rows` labelled rows of which `errors` were wrong; the evidence is the mean of what the bets have. The block
 * is bet on with the bound as it was before. The stake is what the budget counts: the rows if not given, or for example the
 * seconds since the block before. Throws RangeError unless 0 ≤ errors ≤ rows, both whole.
 */
export function advanceErrorDetector(detector: ErrorDetector, errors: number, rows: number, stake = rows): ErrorReading {
  if (!(Number.isInteger(errors) && Number.isInteger(rows) && errors >= 0 && errors <= rows))
    throw new RangeError(`${errors} errors in ${rows} rows cannot be`)
  const { bank, threshold } = detector
  detector.rows += rows
  const evidence = playBlock(bank, 0, LOG_ODDS.length, errors, rows, stake) / LOG_ODDS.length
  detector.errors += errors
  detector.labelled += rows
  settleBound(detector)
  return { rows: detector.rows, evidence, threshold, alarm: evidence >= threshold }
}

function settleBound(detector: ErrorDetector): void {
  const { baselineErrors, baselineSampleSize, errors, labelled, runningError, tolerance } = detector
  const rows = baselineSampleSize + labelled
  if (rows < detector.settledRows * SETTLE_AGAIN) return
  detector.settledRows = rows
  const priorRows = baselineSampleSize / ROWS_PER_PRIOR_ROW
  lowerTo(detector, runningBound({ hits: baselineErrors + errors, rows }, runningError, priorRows, detector.bound - tolerance))
}

/** Forgets all evidence, as after an alarm, but not what it has learned of the rate: the next alarm is evidence from new rows. */
export function forgetErrorEvidence(detector: ErrorDetector): void {
  detector.bank.capital.fill(0)
  detector.rows = 0
}

/** Begins afresh, with the frozen baseline alone. */
export function resetErrorDetector(detector: ErrorDetector): void {
  forgetErrorEvidence(detector)
  const { referenceBound, tolerance, baselineSampleSize } = detector
  Object.assign(detector, { errors: 0, labelled: 0, settledRows: baselineSampleSize, bound: referenceBound + tolerance })
  priceBets(detector.bank, betsAbove(detector.bound, LOG_ODDS))
}

export function errorDetectorState(detector: ErrorDetector): ErrorDetectorState {
  const { rows, errors, labelled, settledRows, bound, tolerance } = detector
  return { rows, capital: capitalToText(detector.bank.capital), errors, labelled, bound: bound - tolerance, settledRows }
}

/** Whether a stored value is a state of this kind of detector; one of an older shape is not, and the detector begins afresh. */
export function isErrorDetectorState(state: unknown): state is ErrorDetectorState {
  const { rows, capital, errors, labelled, bound, settledRows } = (state ?? {}) as Partial<ErrorDetectorState>
  const counts = [rows, errors, labelled, settledRows].every((count) => Number.isSafeInteger(count) && count! >= 0)
  return counts && bound! > 0 && bound! < 1 && holdsCapitals(capital, LOG_ODDS.length)
}
