import type { batch } from '../../../contract/batch.ts'
import type { Output } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { KeptRun } from './store.ts'

type Report = Output<typeof batch.getBackfill>
type Anomaly = Report['anomalies'][number]

/** A value so many robust deviations from the median, and so much of it away, is unlike the others. */
const DEVIATIONS = 5
const SHARE = 0.2
/** The median absolute deviation of a normal distribution times this is its standard deviation (Rousseeuw and Croux, 1993). */
const MAD_SCALE = 1.4826
/** Fewer partitions have no usual size. */
const FEWEST = 5

/** What a backfill came to, and what in it a person should look at. */
export function reportOf(id: string, name: string, runs: readonly KeptRun[]): Report {
  if (runs.length === 0) throw new AppError('not_found', `BatchScoring ${name} has no backfill ${id}`)
  const succeeded = runs.filter(({ state }) => state === 'succeeded')
  const failed = runs.filter(({ state }) => state === 'failed' || state === 'cancelled')
  const versions = [...new Set(runs.map(({ version }) => version))].sort((a, b) => a - b)
  const anomalies: Anomaly[] = [
    ...failed.map(({ ds, id: run, state, problem }) => ({ ds, run, what: `${state}: ${problem}` })),
    ...succeeded
      .filter(({ deadLetters }) => deadLetters > 0)
      .map(({ ds, id: run, deadLetters }) => ({ ds, run, what: `${deadLetters} dead letters` })),
    ...unlike(succeeded, 'rows', (run) => run.rowsOut),
    ...unlike(succeeded, 'share of positives', (run) => (run.rowsOut === 0 ? 0 : run.positives / run.rowsOut)),
  ]
  return {
    id,
    batch: name,
    runs: runs.length,
    succeeded: succeeded.length,
    failed: failed.length,
    underWay: runs.length - succeeded.length - failed.length,
    versions,
    rowsOut: succeeded.reduce((sum, { rowsOut }) => sum + rowsOut, 0),
    anomalies: anomalies.sort((a, b) => (a.ds < b.ds ? -1 : a.ds > b.ds ? 1 : 0)),
  }
}

function unlike(runs: readonly KeptRun[], what: string, measure: (run: KeptRun) => number): Anomaly[] {
  if (runs.length < FEWEST) return []
  const middle = medianOf(runs.map(measure))
  const spread = MAD_SCALE * medianOf(runs.map((run) => Math.abs(measure(run) - middle)))
  return runs
    .filter((run) => Math.abs(measure(run) - middle) > Math.max(DEVIATIONS * spread, SHARE * Math.abs(middle)))
    .map((run) => ({ ds: run.ds, run: run.id, what: `${what}: ${figure(measure(run))}; the median of the backfill is ${figure(middle)}` }))
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

const figure = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(3))
