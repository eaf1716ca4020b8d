import { createRandom, type Random } from '../../random.ts'
import { poissonInterval } from '../../stats/poisson.ts'

/** A change of rows, of a stated size. */
export type Shift =
  /** Adds so many reference standard deviations to one column. */
  | { readonly kind: 'mean'; readonly column: number; readonly deviations: number }
  /** Puts this value into one column for this share of the rows. */
  | { readonly kind: 'share'; readonly column: number; readonly value: number; readonly share: number }
  /** Takes one column away from this share of the rows. */
  | { readonly kind: 'missing'; readonly column: number; readonly share: number }
  /** Turns so many of a hundred right rows of a column of errors, 1 or 0, into wrong ones. */
  | { readonly kind: 'error'; readonly column: number; readonly points: number }

/** What is tried: told each row in turn, it answers whether it alarms, and begins afresh when it does. */
export type Watch = (row: Float64Array) => boolean

export type SimulationOptions = {
  readonly reference: readonly Float64Array[]
  /** A detector over a reference, which is the one given, or a resample of it when `resampleReference` is set. */
  readonly create: (reference: readonly Float64Array[]) => Watch
  readonly streams: number
  readonly rowsPerStream: number
  /** The budget to hold the false alarms against, in rows. */
  readonly falseAlarmEveryRows: number
  /** Rows that are drawn in one piece: more than 1 keeps the dependence of neighbours. 1 if not given. */
  readonly blockRows?: number
  /** Whether each stream has a reference of its own, so that its uncertainty counts too. False if not given. */
  readonly resampleReference?: boolean
  readonly shifts?: readonly Shift[]
  /** Streams per shift, and calm rows before it. As many as `streams`, and a tenth of `rowsPerStream`, if not given. */
  readonly shiftStreams?: number
  readonly calmRows?: number
  readonly seed: string
}

type NullResult = {
  readonly streams: number
  readonly rows: number
  readonly falseAlarms: number
  /** Rows to the first alarm of each stream; null where there was none. */
  readonly runLengths: readonly (number | null)[]
  /** False alarms per row, with an exact interval of 95 % for a Poisson count. */
  readonly rate: number
  readonly rateInterval: readonly [low: number, high: number]
  /** The rate over the one the budget allows; and whether the interval leaves that open. */
  readonly budgetUsed: number
  readonly verdict: 'within' | 'open' | 'beyond'
}

type ShiftResult = {
  readonly shift: Shift
  /** Rows from the change to the alarm, ascending; null for those that missed it, last. */
  readonly delays: readonly (number | null)[]
  /** Streams with an alarm before the change, which are left out. */
  readonly early: number
  readonly median: number | null
  readonly ninetieth: number | null
  readonly missed: number
}

export type SimulationResult = { readonly nulls: NullResult; readonly shifts: readonly ShiftResult[] }
export type SimulationProgress = { readonly done: number; readonly of: number; readonly result: SimulationResult }

const CONFIDENCE_SIDE = 0.025

/**
 * Tries a detector on rows resampled from a reference (Efron 1979; in blocks, Künsch 1989, "The jackknife and the bootstrap
 * for general stationary observations"): first without change, then with shifts of stated sizes. After every stream it yields
 * how far it is, with the result so far; it can be left at any time, and returns the whole. The reference is one column per
 * feature. The same seed gives the same result. Throws RangeError for a reference without rows, uneven columns, counts below
 * one, or a shift of a column that there is not.
 */
export function* simulate(options: SimulationOptions): Generator<SimulationProgress, SimulationResult> {
  checkOptions(options)
  const { streams, shifts = [], shiftStreams = streams } = options
  const of = streams + shifts.length * shiftStreams
  const nullRuns: { alarms: number; first: number | null }[] = []
  const changed: (number | null)[][] = shifts.map(() => [])
  const result = (): SimulationResult => ({
    nulls: nullResult(nullRuns, options),
    shifts: shifts.map((shift, i) => shiftResult(shift, changed[i]!)),
  })
  let done = 0
  for (let stream = 0; stream < streams; stream++) {
    nullRuns.push(nullRun(options, createRandom(`${options.seed}/null/${stream}`)))
    yield { done: ++done, of, result: result() }
  }
  for (const [i, shift] of shifts.entries())
    for (let stream = 0; stream < shiftStreams; stream++) {
      changed[i]!.push(shiftRun(options, shift, createRandom(`${options.seed}/shift ${i}/${stream}`)))
      yield { done: ++done, of, result: result() }
    }
  return result()
}

function checkOptions({ reference, streams, rowsPerStream, falseAlarmEveryRows, blockRows = 1, shifts = [], ...rest }: SimulationOptions) {
  const rows = reference[0]?.length ?? 0
  if (rows === 0) throw new RangeError('a simulation needs a reference with at least one column and one row')
  if (reference.some((column) => column.length !== rows)) throw new RangeError('the columns of the reference differ in length')
  const counts = { streams, rowsPerStream, blockRows, shiftStreams: rest.shiftStreams ?? 1 }
  for (const [name, count] of Object.entries(counts))
    if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`${name} must be an integer of at least 1, not ${count}`)
  if (blockRows > rows) throw new RangeError(`blocks of ${blockRows} rows do not fit a reference of ${rows}`)
  if (!(falseAlarmEveryRows >= 1)) throw new RangeError(`falseAlarmEveryRows must be at least 1, not ${falseAlarmEveryRows}`)
  const odd = shifts.find(({ column }) => !reference[column])
  if (odd) throw new RangeError(`there is no column ${odd.column} to shift; there are ${reference.length}, from 0`)
}

/** Draws rows of the reference, `blockRows` neighbours at a time; the last row is followed by the first. */
function createResample({ reference, blockRows = 1 }: SimulationOptions, random: Random): (row: Float64Array) => void {
  const rows = reference[0]!.length
  let at = 0
  let left = 0
  return (row) => {
    if (left === 0) {
      at = random.int(rows)
      left = blockRows
    }
    for (let column = 0; column < row.length; column++) row[column] = reference[column]![at]!
    at = (at + 1) % rows
    left--
  }
}

function referenceFor(options: SimulationOptions, random: Random): readonly Float64Array[] {
  const { reference, resampleReference } = options
  if (!resampleReference) return reference
  const next = createResample(options, random.fork('reference'))
  const drawn = reference.map((column) => new Float64Array(column.length))
  const row = new Float64Array(reference.length)
  for (let at = 0; at < drawn[0]!.length; at++) {
    next(row)
    drawn.forEach((column, i) => {
      column[at] = row[i]!
    })
  }
  return drawn
}

function nullRun(options: SimulationOptions, random: Random): { alarms: number; first: number | null } {
  const watch = options.create(referenceFor(options, random))
  const next = createResample(options, random)
  const row = new Float64Array(options.reference.length)
  let alarms = 0
  let first: number | null = null
  for (let at = 1; at <= options.rowsPerStream; at++) {
    next(row)
    if (!watch(row)) continue
    alarms++
    first ??= at
  }
  return { alarms, first }
}

/** The delay, null when the change was missed, and NaN when there was an alarm before it. */
function shiftRun(options: SimulationOptions, shift: Shift, random: Random): number | null {
  const { rowsPerStream, calmRows = Math.ceil(rowsPerStream / 10) } = options
  const watch = options.create(referenceFor(options, random))
  const next = createResample(options, random)
  const change = createChange(shift, options.reference[shift.column]!, random)
  const row = new Float64Array(options.reference.length)
  for (let at = 1 - calmRows; at <= rowsPerStream; at++) {
    next(row)
    if (at > 0) change(row)
    if (watch(row)) return at > 0 ? at : Number.NaN
  }
  return null
}

function createChange(shift: Shift, column: Float64Array, random: Random): (row: Float64Array) => void {
  const at = shift.column
  switch (shift.kind) {
    case 'mean': {
      const by = shift.deviations * deviationOf(column)
      return (row) => {
        row[at]! += by
      }
    }
    case 'share':
      return (row) => {
        if (random.bernoulli(shift.share)) row[at] = shift.value
      }
    case 'missing':
      return (row) => {
        if (random.bernoulli(shift.share)) row[at] = Number.NaN
      }
    case 'error':
      return (row) => {
        if (row[at] === 0 && random.bernoulli(shift.points / 100)) row[at] = 1
      }
  }
}

function deviationOf(column: Float64Array): number {
  const present = column.filter(Number.isFinite)
  const mean = present.reduce((sum, value) => sum + value, 0) / present.length
  return Math.sqrt(present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, present.length - 1)) || 0
}

function nullResult(runs: readonly { alarms: number; first: number | null }[], options: SimulationOptions): NullResult {
  const rows = runs.length * options.rowsPerStream
  const falseAlarms = runs.reduce((sum, { alarms }) => sum + alarms, 0)
  const { low, high } = poissonInterval(falseAlarms, CONFIDENCE_SIDE)
  const allowed = rows / options.falseAlarmEveryRows
  return {
    streams: runs.length,
    rows,
    falseAlarms,
    runLengths: runs.map(({ first }) => first),
    rate: falseAlarms / rows,
    rateInterval: [low / rows, high / rows],
    budgetUsed: falseAlarms / allowed,
    verdict: high <= allowed ? 'within' : low > allowed ? 'beyond' : 'open',
  }
}

function shiftResult(shift: Shift, runs: readonly (number | null)[]): ShiftResult {
  const counted = runs.filter((delay) => delay === null || !Number.isNaN(delay))
  const delays = counted.toSorted((a, b) => (a ?? Number.MAX_VALUE) - (b ?? Number.MAX_VALUE))
  const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? null
  return {
    shift,
    delays,
    early: runs.length - counted.length,
    median: at(0.5),
    ninetieth: at(0.9),
    missed: delays.filter((delay) => delay === null).length,
  }
}
