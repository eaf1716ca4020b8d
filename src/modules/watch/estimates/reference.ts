import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { messageFrom } from '../../../contract/errors.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { type EstimatorReference, fitEstimatorReference, type ReferenceRows } from '../../../lib/drift/estimation/estimator-reference.ts'
import { createRandom } from '../../../lib/random.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
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
export type KeptReference = {
  readonly features: readonly string[]
  /** Null where nothing can be fitted, for the reason in `problem`. */
  readonly reference: EstimatorReference | null
  readonly problem: string | null
  /** Rows of the reference, drawn by chance, features by column. */
  readonly rows: ReferenceRows & { readonly features: readonly Float64Array[] }
}
type Written = Omit<KeptReference, 'rows'> & {
  readonly format: 'setpoint.estimator/1'
  readonly scores: readonly number[]
  readonly labels: readonly number[]
  readonly columns: readonly (readonly (number | null)[])[]
}

/** Rows that are kept, and fitted on, and the values of their features together. */
const MOST_ROWS = 5_000
const MOST_VALUES = 500_000
const MOST_KEPT = 10

export type EstimatorReader = (project: string, model: string, version: number) => Promise<KeptReference | undefined>

/** Fits what estimates of a version rest on; a second call changes nothing. */
export function createFreeze({ sql, blobs, clock, ledger }: { sql: Sql; blobs: Blobs; clock: Clock; ledger: Ledger }) {
  return async ({ project, model, version, ...sample }: ReferenceSample): Promise<void> => {
    if (await store.findEstimator(sql, project, model, version)) return
    const written = writtenFrom(sample)
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

/** Reads what was kept of a version; the last ten stay in memory. */
export function createEstimatorReader({ sql, blobs }: { sql: Sql; blobs: Blobs }): EstimatorReader {
  const kept = new Map<string, KeptReference>()
  return async (project, model, version) => {
    const digest = await store.findEstimator(sql, project, model, version)
    if (digest === undefined) return undefined
    const found = kept.get(digest)
    if (found) return found
    const { stream } = await blobs.get(digest)
    const { scores, labels, columns, ...rest } = (await json(Readable.from(stream))) as Written
    const features = columns.map((column) => Float64Array.from(column, (value) => value ?? Number.NaN))
    const read = { ...rest, rows: { scores: Float64Array.from(scores), labels: Float64Array.from(labels), features } }
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!)
    kept.set(digest, read)
    return read
  }
}

function writtenFrom({ features, rows, scores, threshold }: Omit<ReferenceSample, 'project' | 'model' | 'version'>): Written {
  const random = createRandom('estimator')
  const width = features.length
  const chosen = drawRows(rows.rows, Math.min(MOST_ROWS, Math.max(200, Math.floor(MOST_VALUES / Math.max(1, width)))), random)
  const columns = features.map((_, f) => chosen.map((row) => rows.values[row * width + f]!))
  const own = { scores: chosen.map((row) => scores[row]!), labels: chosen.map((row) => rows.labels[row]!) }
  return {
    format: 'setpoint.estimator/1',
    features,
    ...fitted({ ...own, features: columns }, threshold),
    scores: own.scores,
    labels: own.labels,
    // Seven digits are all that a 32-bit number has.
    columns: columns.map((column) => column.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(7)) : null))),
  }
}

function fitted(rows: ReferenceRows, threshold: number): Pick<KeptReference, 'reference' | 'problem'> {
  try {
    return { reference: fitEstimatorReference(rows, { threshold, random: createRandom('estimator/fit') }), problem: null }
  } catch (error) {
    // Scores that are no probabilities, labels that are no classes: such a version is served all the same.
    if (error instanceof RangeError)
      return { reference: null, problem: `nothing can be estimated from its reference: ${messageFrom(error)}` }
    throw error
  }
}

function drawRows(total: number, most: number, random: ReturnType<typeof createRandom>): number[] {
  const rows = Array.from({ length: total }, (_, row) => row)
  if (total <= most) return rows
  for (let i = 0; i < most; i++) {
    const j = i + random.int(total - i)
    ;[rows[i], rows[j]] = [rows[j]!, rows[i]!]
  }
  return rows.slice(0, most)
}
