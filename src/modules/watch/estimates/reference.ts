import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { ReferenceRows } from '../../../lib/drift/estimation/estimator-reference.ts'
import { taskOf } from '../../../lib/drift/estimation/task.ts'
import { createRandom } from '../../../lib/random.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { drawRows, type FitInput, type Fitted, fitReference } from './fit.ts'
import * as store from './store.ts'

/** The labelled rows a version was registered with, and the scores that the version gives them. */
export type ReferenceSample = {
  readonly project: string
  readonly model: string
  readonly version: number
  readonly features: readonly string[]
  readonly rows: LabelledMatrix
  readonly scores: Float32Array
  readonly threshold: number
}

/** What estimates of a version rest on. */
export type KeptReference = Fitted & {
  readonly features: readonly string[]
  /** Rows of the reference, drawn by chance, features by column. */
  readonly rows: ReferenceRows & { readonly features: readonly Float64Array[] }
}
/** Where something could be fitted. */
export type FittedReference = KeptReference & { readonly reference: object }
type Rows = {
  readonly features: readonly string[]
  readonly scores: readonly number[]
  readonly labels: readonly number[]
  readonly columns: readonly (readonly (number | null)[])[]
}
/** The first format had no kind: it knew classes only. */
type Written =
  | (Rows & Fitted & { readonly format: 'setpoint.estimator/2' })
  | (Rows & Omit<Extract<Fitted, { kind: 'classification' }>, 'kind'> & { readonly format: 'setpoint.estimator/1' })

/** Rows that are kept, and fitted on, and the values of their features together. */
const MOST_ROWS = 5_000
const MOST_VALUES = 500_000
const MOST_KEPT = 10
/** Rows up to which a calibrator is fitted well within 100 ms; requests do not wait for more, nor for the losses of a regression. */
const MOST_FITTED_HERE = 2_000

export type EstimatorReader = (project: string, model: string, version: number) => Promise<KeptReference | undefined>

const FIT_THREAD = new URL('./fit-thread.ts', import.meta.url)

type FreezeDeps = { sql: Sql; blobs: Blobs; clock: Clock; ledger: Ledger; calculations: Calculations }

/** Fits what estimates of a version rest on; a second call changes nothing. */
export function createFreeze({ sql, blobs, clock, ledger, calculations }: FreezeDeps) {
  return async ({ project, model, version, ...sample }: ReferenceSample): Promise<void> => {
    if (await store.findEstimator(sql, project, model, version)) return
    const written = await writtenFrom(sample, calculations)
    const { digest } = await blobs.put(Readable.from([Buffer.from(JSON.stringify(written))]))
    await sql.transaction(async (tx) => {
      if (await store.findEstimator(tx, project, model, version)) return
      await store.insertEstimator(tx, { project, model, version, digest, row_count: written.scores.length, fitted_at: clock.now() })
      await ledger.seal(tx, {
        caller: { id: 'setpoint', project },
        reason: 'estimator fitted at registration',
        operation: 'estimates.freezeReference',
        table: store.estimatorsTable,
        key: [project, model, version],
      })
    })
  }
}

export function isFitted(kept: KeptReference | undefined): kept is FittedReference {
  return kept !== undefined && kept.reference !== null
}

/** Reads what was kept of a version; the last ten stay in memory. */
export function createEstimatorReader({ sql, blobs }: { sql: Sql; blobs: Blobs }): EstimatorReader {
  const kept = new Map<string, KeptReference>()
  return async (project, model, version) => {
    const digest = await store.findEstimator(sql, project, model, version)
    if (digest === undefined) return undefined
    const found = kept.get(digest)
    if (found) return found
    const { stream } = await blobs.get(digest)
    const read = keptFrom((await json(Readable.from(stream))) as Written)
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!)
    kept.set(digest, read)
    return read
  }
}

function keptFrom(written: Written): KeptReference {
  const { scores, labels, columns, ...rest } = written
  const rows = {
    scores: Float64Array.from(scores),
    labels: Float64Array.from(labels),
    features: columns.map((column) => Float64Array.from(column, (value) => value ?? Number.NaN)),
  }
  return rest.format === 'setpoint.estimator/1' ? { kind: 'classification', ...rest, rows } : { ...rest, rows }
}

async function writtenFrom(
  { features, rows, scores, threshold }: Omit<ReferenceSample, 'project' | 'model' | 'version'>,
  calculations: Calculations,
): Promise<Written> {
  const random = createRandom('estimator')
  const width = features.length
  const chosen = drawRows(rows.rows, Math.min(MOST_ROWS, Math.max(200, Math.floor(MOST_VALUES / Math.max(1, width)))), random)
  const columns = features.map((_, f) => chosen.map((row) => rows.values[row * width + f]!))
  const own = { scores: chosen.map((row) => scores[row]!), labels: chosen.map((row) => rows.labels[row]!) }
  const input: FitInput = { rows: { ...own, features: columns }, threshold }
  const takesLong = chosen.length > MOST_FITTED_HERE || taskOf(own.labels, own.scores) === 'regression'
  const fitted = takesLong ? await calculations.run<FitInput, Fitted>(FIT_THREAD, input) : fitReference(input)
  return {
    format: 'setpoint.estimator/2',
    features,
    ...fitted,
    scores: own.scores,
    labels: own.labels,
    // Seven digits are all that a 32-bit number has.
    columns: columns.map((column) => column.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(7)) : null))),
  }
}
