import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { TableProfile } from '../../../lib/drift/profile/table-profile.ts'
import type { Shift } from '../../../lib/drift/streaming/simulate.ts'
import type { Documents } from '../../govern/documents/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import { budgetOf } from './budget.ts'
import type { Drift } from './drift.ts'
import { BLOCK_ROWS, SIGNALS } from './feature-watch.ts'
import type { ReferenceTables } from './reference.ts'
import { type ErrorRise, type ErrorRows, errorRowsOf, risesOf } from './simulate-error.ts'
import { alarmsAgainst, signalFrom } from './simulated.ts'
import { featuresOf, isWhole, sampledRowsOf } from './tables.ts'
import type { Targets } from './target.ts'
import type { SimulateResult, SimulateTask } from './threads/simulate.ts'
import { LABEL_BLOCK_ROWS } from './watching.ts'

type Deps = { documents: Documents; telemetry: Pick<Telemetry, 'summarizeTraffic'>; tables: ReferenceTables; calculations: Calculations }

const PROGRAM = new URL('./threads/simulate.ts', import.meta.url)
/** Values looked at in one simulation: about a minute of one processor. */
const MOST_VALUES = 1_000_000_000
const LEAST_REFERENCE_ROWS = 200
const DAY_MS = 86_400_000
const SHIFT_STREAMS = 20
/** Features that changes are tried on, spread evenly over all. */
const SHIFTED_FEATURES = 3

/** Proves a false-alarm budget on the champion’s own reference, inputs and labelled error, before anybody relies on it. */
export function createSimulate({ documents, telemetry, tables, calculations }: Deps, targets: Targets): Pick<Drift, 'simulate'> {
  /** A budget in days counts the rows of the last day, as if all came to be labelled: fewer labels only make each weigh more. */
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
      const { spec } = document
      const opened = await targets.look(document)
      if (!opened)
        throw new AppError('conflict', `Monitor ${monitor} has no frozen reference yet; register the champion with reference rows`)
      const table = await tables.read(opened.reference)
      const sampled = sampledRowsOf(table)
      if (sampled.length < LEAST_REFERENCE_ROWS)
        throw new AppError(
          'conflict',
          `the reference keeps ${sampled.length} whole rows; ${LEAST_REFERENCE_ROWS} are needed to resample from, so register the version again with more`,
        )
      if (blockRows > sampled.length)
        throw new AppError('invalid', `blocks of ${blockRows} rows do not fit the ${sampled.length} rows that the reference keeps`)
      const names = [...featuresOf(table), 'score']
      const budget = budgetOf(falseAlarmBudget ?? spec.falseAlarmBudget)
      const every = await budgetInRows(spec.deployment, budget, caller)
      const falseAlarmEveryRows = every * SIGNALS
      const error = errorRowsOf(opened.reference, table, { tolerance: spec.tolerance.error, falseAlarmEveryRows })
      checkSize({ streams, rows, names, error })
      const shared = { streams, rowsPerStream: rows, falseAlarmEveryRows, seed: opened.reference.digest }
      const shiftStreams = Math.min(streams, SHIFT_STREAMS)
      const rises = 'problem' in error ? [] : risesOf(error.errors)
      const task: SimulateTask = {
        features: {
          names,
          tolerance: tolerance ?? spec.tolerance.features,
          blockRows: BLOCK_ROWS,
          options: { ...shared, reference: columnsOf(names, sampled), blockRows, shifts: shiftsOf(names.length - 1), shiftStreams },
        },
        error: 'problem' in error ? null : errorTask(error, spec.tolerance.error, rises, { ...shared, blockRows, shiftStreams }),
      }
      const found = await calculations.run<SimulateTask, SimulateResult>(PROGRAM, task)
      const features = { signal: 'features', draws: 'rows', referenceRows: sampled.length } as const
      const signals = [signalFrom(features, falseAlarmEveryRows, found.features, (shift) => changeText(shift, names))]
      if (found.error && !('problem' in error)) {
        const about = { signal: 'error', draws: error.draws, referenceRows: error.errors.length } as const
        signals.push(signalFrom(about, falseAlarmEveryRows, found.error, (_, i) => rises[i]!.change))
      }
      const falseAlarms = signals.reduce((sum, signal) => sum + signal.falseAlarms, 0)
      const { version } = opened.monitor
      const together = alarmsAgainst(every, falseAlarms, found.features.nulls)
      return { monitor, modelVersion: version!, budget, ...together, signals, notes: notesOf(table, error, blockRows) }
    },
  }
}

type Sized = { streams: number; rows: number; names: readonly string[]; error: ReturnType<typeof errorRowsOf> }

/** Throws `too_large` where a simulation would look at more values than a request may. */
function checkSize({ streams, rows, names, error }: Sized): void {
  // Each stream of errors has a reference of its own, which is drawn as well.
  const labelled = 'problem' in error ? 0 : rows + error.errors.length
  const values = streams * (rows * names.length + labelled)
  if (values > MOST_VALUES)
    throw new AppError(
      'too_large',
      `${streams} streams of ${rows} rows of ${names.length} values and their labels are ${values}; at most ${MOST_VALUES} can be simulated in a request`,
    )
}

function columnsOf(names: readonly string[], sampled: ReturnType<typeof sampledRowsOf>): Float64Array[] {
  return names.map((_, f) => Float64Array.from(sampled, ({ features, score }) => features[f] ?? score))
}

type ErrorOptions = Omit<NonNullable<SimulateTask['error']>['options'], 'reference' | 'shifts'>

/** That a reference is itself only a sample weighs on one rate more than on shares of rows, so each stream of errors draws its own. */
function errorTask({ errors, draws }: ErrorRows, tolerance: number, rises: readonly ErrorRise[], options: ErrorOptions) {
  return {
    tolerance,
    blockRows: LABEL_BLOCK_ROWS,
    options: {
      ...options,
      reference: [errors],
      blockRows: draws === 'rows' ? Math.min(options.blockRows ?? 1, errors.length) : 1,
      resampleReference: true,
      shifts: rises.map(({ shift }) => shift),
    },
  }
}

function notesOf(table: TableProfile, error: ReturnType<typeof errorRowsOf>, blockRows: number): string[] {
  const apart = blockRows > 1 && !isWhole(table)
  const kept = `the reference keeps ${table.sample.priorities.length} of its ${table.sample.rows} rows, chosen by chance`
  return [
    ...('problem' in error ? [error.problem] : []),
    ...(apart ? [`${kept}: rows that lie together in it did not in the data, so blocks keep no dependence of the inputs`] : []),
    ...(blockRows > 1 && 'draws' in error && error.draws === 'error_rate'
      ? [
          'errors are drawn one by one at the error rate of the reference, since it does not keep all of its rows; blocks do not apply to them',
        ]
      : []),
  ]
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

function changeText(shift: Shift, names: readonly string[]): string {
  const name = names[shift.column]
  if (shift.kind === 'mean') return `${name} by ${shift.deviations} deviation${shift.deviations === 1 ? '' : 's'}`
  if (shift.kind === 'missing') return `${name} missing in ${shift.share * 100} % of rows`
  return `${name} ${shift.kind}`
}
