import type { Simulated } from '../../../contract/drift.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { Shift, SimulationResult } from '../../../lib/drift/streaming/simulate.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import { budgetOf } from './budget.ts'
import type { Drift } from './drift.ts'
import { BLOCK_ROWS, SIGNALS } from './feature-watch.ts'
import type { TableReader } from './reference.ts'
import { featuresOf, sampledRowsOf } from './tables.ts'
import type { Targets } from './target.ts'
import type { SimulateTask } from './threads/simulate.ts'

type Deps = { documents: Documents; telemetry: Pick<Telemetry, 'summarizeTraffic'>; tableOf: TableReader; calculations: Calculations }

const PROGRAM = new URL('./threads/simulate.ts', import.meta.url)
/** Values looked at in one simulation: about a minute of one processor. */
const MOST_VALUES = 1_000_000_000
const LEAST_REFERENCE_ROWS = 200
const DAY_MS = 86_400_000
const SHIFT_STREAMS = 20
/** Features that changes are tried on, spread evenly over all. */
const SHIFTED_FEATURES = 3

/** Proves a false-alarm budget on the champion’s own reference rows before anybody relies on it. */
export function createSimulate({ documents, telemetry, tableOf, calculations }: Deps, targets: Targets): Pick<Drift, 'simulate'> {
  /** A budget in days counts the rows of the last day. */
  async function budgetInRows(deployment: string, budget: ReturnType<typeof budgetOf>, caller: Caller): Promise<number> {
    if (budget.unit === 'rows') return budget.every
    const traffic = await telemetry.summarizeTraffic({ deployment, windowMs: DAY_MS }, caller)
    const requests = traffic.deployments[0]?.requests ?? 0
    if (requests === 0)
      throw new AppError(
        'conflict',
        `a budget in days is simulated at the rate of the last day, and ${deployment} had no traffic; give falseAlarmBudget with requestsPerSecond`,
      )
    return budget.every * (requests / (DAY_MS / 1_000))
  }

  return {
    async simulate({ monitor, streams, rows, blockRows, falseAlarmBudget, tolerance }, caller) {
      const document = await documents.need('Monitor', caller.project, monitor)
      const opened = await targets.look(document)
      if (!opened)
        throw new AppError('conflict', `Monitor ${monitor} has no frozen reference yet; register the champion with reference rows`)
      const table = await tableOf(opened.reference)
      const sampled = sampledRowsOf(table)
      if (sampled.length < LEAST_REFERENCE_ROWS)
        throw new AppError(
          'conflict',
          `the reference keeps ${sampled.length} whole rows; ${LEAST_REFERENCE_ROWS} are needed to resample from, so register the version again with more`,
        )
      const names = [...featuresOf(table), 'score']
      const values = streams * rows * names.length
      if (values > MOST_VALUES)
        throw new AppError(
          'too_large',
          `${streams} streams of ${rows} rows of ${names.length} values are ${values}; at most ${MOST_VALUES} can be simulated in a request`,
        )
      const budget = budgetOf(falseAlarmBudget ?? document.spec.falseAlarmBudget)
      const every = await budgetInRows(document.spec.deployment, budget, caller)
      const reference = names.map((_, f) => Float64Array.from(sampled, ({ features, score }) => features[f] ?? score))
      const shifts = shiftsOf(names.length - 1)
      const task: SimulateTask = {
        names,
        tolerance: tolerance ?? document.spec.tolerance.features,
        blockRows: BLOCK_ROWS,
        options: {
          reference,
          streams,
          rowsPerStream: rows,
          blockRows,
          falseAlarmEveryRows: every * SIGNALS,
          shifts,
          shiftStreams: Math.min(streams, SHIFT_STREAMS),
          seed: opened.reference.digest,
        },
      }
      const result = await calculations.run<SimulateTask, SimulationResult>(PROGRAM, task)
      return simulatedFrom(monitor, opened.monitor.version!, budget, sampled.length, names, result)
    },
  }
}

function shiftsOf(features: number): Shift[] {
  const chosen = Array.from({ length: Math.min(features, SHIFTED_FEATURES) }, (_, i) =>
    Math.floor(((i + 0.5) * features) / Math.min(features, SHIFTED_FEATURES)),
  )
  return chosen.flatMap((column): Shift[] => [
    { kind: 'mean', column, deviations: 1 },
    { kind: 'mean', column, deviations: 0.5 },
    { kind: 'missing', column, share: 0.05 },
  ])
}

function simulatedFrom(
  monitor: string,
  modelVersion: number,
  budget: ReturnType<typeof budgetOf>,
  referenceRows: number,
  names: readonly string[],
  { nulls, shifts }: SimulationResult,
): Simulated {
  const perRow = nulls.budgetUsed === 0 ? 0 : nulls.budgetUsed / nulls.rate
  return {
    monitor,
    modelVersion,
    budget,
    referenceRows,
    streams: nulls.streams,
    rows: nulls.rows,
    falseAlarms: nulls.falseAlarms,
    rowsPerFalseAlarm: nulls.falseAlarms === 0 ? null : nulls.rows / nulls.falseAlarms,
    shareOfBudget: nulls.budgetUsed,
    shareOfBudgetHigh: nulls.rateInterval[1] * perRow,
    holds: nulls.verdict !== 'beyond',
    power: shifts.map(({ shift, delays, median, ninetieth, early, missed }) => ({
      change: changeText(shift, names),
      streams: delays.length + early,
      detected: delays.length - missed,
      medianDelayRows: median,
      delay90Rows: ninetieth,
    })),
  }
}

function changeText(shift: Shift, names: readonly string[]): string {
  const name = names[shift.column]
  if (shift.kind === 'mean') return `${name} by ${shift.deviations} deviation${shift.deviations === 1 ? '' : 's'}`
  if (shift.kind === 'missing') return `${name} missing in ${shift.share * 100} % of rows`
  return `${name} ${shift.kind}`
}
