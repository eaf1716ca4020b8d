import type { Simulated } from '../../../contract/drift.ts'
import type { Shift, SimulationResult } from '../../../lib/drift/streaming/simulate.ts'
import { poissonInterval } from '../../../lib/stats/poisson.ts'

type Signal = Simulated['signals'][number]
type Alarms = Pick<Signal, 'streams' | 'rows' | 'falseAlarms' | 'rowsPerFalseAlarm' | 'shareOfBudget' | 'shareOfBudgetHigh' | 'holds'>

const SIDE_ERROR = 0.025

/**
 * False alarms in so many rows against a budget of one in `everyRows`, with the exact interval of a Poisson rate (Garwood 1936): the budget
 * holds unless the lower end of the interval lies above it.
 */
export function alarmsAgainst(everyRows: number, falseAlarms: number, { streams, rows }: { streams: number; rows: number }): Alarms {
  const allowed = rows / everyRows
  const { low, high } = poissonInterval(falseAlarms, SIDE_ERROR)
  return {
    streams,
    rows,
    falseAlarms,
    rowsPerFalseAlarm: falseAlarms === 0 ? null : rows / falseAlarms,
    shareOfBudget: falseAlarms / allowed,
    shareOfBudgetHigh: high / allowed,
    holds: low <= allowed,
  }
}

/** One signal as the API shows it: its false alarms against its own part of the budget, and how soon each change was seen. */
export function signalFrom(
  about: Pick<Signal, 'signal' | 'draws' | 'referenceRows'>,
  everyRows: number,
  { nulls, shifts }: SimulationResult,
  textOf: (shift: Shift, place: number) => string,
): Signal {
  return {
    ...about,
    ...alarmsAgainst(everyRows, nulls.falseAlarms, nulls),
    power: shifts.map(({ shift, delays, median, ninetieth, early, missed }, i) => ({
      change: textOf(shift, i),
      streams: delays.length + early,
      detected: delays.length - missed,
      medianDelayRows: median,
      delay90Rows: ninetieth,
    })),
  }
}
