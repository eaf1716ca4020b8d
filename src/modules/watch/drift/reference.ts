import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import type { ReferenceProfile } from '../../../contract/drift.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { taskOf } from '../../../lib/drift/estimation/task.ts'
import { profileFrom } from '../../../lib/drift/profile/profile.ts'
import type { TableProfile } from '../../../lib/drift/profile/table-profile.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import * as store from './store.ts'
import { referenceTable, tableFromBins } from './tables.ts'

export type Freeze = {
  readonly project: string
  readonly model: string
  readonly version: number
  readonly features: readonly string[]
  readonly rows: LabelledMatrix
  readonly scores: Float32Array
  readonly threshold: number
}

/** Freezes what a version’s inputs, scores and errors looked like when it was registered; a second call changes nothing. */
export function createFreeze({ sql, blobs, clock, ledger, bus }: { sql: Sql; blobs: Blobs; clock: Clock; ledger: Ledger; bus: Bus }) {
  return async ({ project, model, version, ...sample }: Freeze): Promise<void> => {
    const reference = referenceFrom(sample)
    const table = await putJson(blobs, referenceTable({ ...sample, watched: reference.profile }))
    const stored = { ...reference, table, frozenAt: clock.now() }
    await sql.transaction(async (tx) => {
      if (await store.findProfile(tx, project, model, version)) return
      await store.insertProfile(tx, project, model, version, stored)
      await ledger.seal(tx, {
        caller: { id: 'setpoint', project },
        reason: 'reference frozen at registration',
        operation: 'drift.freezeProfile',
        table: store.profilesTable,
        key: [project, model, version],
      })
      await bus.publish(tx, { name: 'drift.profile_frozen', project, subject: model, data: { model, version, rows: sample.rows.rows } })
    })
  }
}

type Sample = Pick<Freeze, 'features' | 'rows' | 'scores' | 'threshold'>

/**
 * The profile of a sample’s features and, last, of the scores it got; and how many rows the version got wrong. A regression
 * is neither right nor wrong: no labelled rows count, and labels of its traffic are not watched as errors.
 */
function referenceFrom({ features, rows, scores, threshold }: Sample): Omit<store.StoredProfile, 'frozenAt' | 'table'> {
  const width = features.length
  const columns = features.map((_, i) => Float32Array.from({ length: rows.rows }, (_row, row) => rows.values[row * width + i]!))
  const profile = profileFrom([...features, 'score'], [...columns, scores])
  const digest = createHash('sha256').update(JSON.stringify(profile)).digest('hex')
  if (taskOf(rows.labels) === 'regression') return { digest, profile, labelRows: 0, labelErrors: 0 }
  const labelErrors = rows.labels.reduce((errors, label, row) => errors + Number(scores[row]! >= threshold !== label >= 0.5), 0)
  return { digest, profile, labelRows: rows.rows, labelErrors }
}

/** A stored reference as the API shows it. */
export function shownProfile(
  model: string,
  version: number,
  { profile, digest, frozenAt, labelRows, labelErrors }: store.StoredProfile,
): ReferenceProfile {
  return {
    model,
    version,
    sampleSize: profile.sampleSize,
    digest,
    errorRate: labelRows === 0 ? null : labelErrors / labelRows,
    features: profile.features.map((feature) => ({ ...feature, edges: [...feature.edges], expected: [...feature.expected] })),
    frozenAt,
  }
}

/** Reads the reference rows of a version in little, as they were frozen; the last 20 are kept. */
export type TableReader = (reference: store.StoredProfile) => Promise<TableProfile>

export function createTableReader(blobs: Blobs): TableReader {
  const kept = new Map<string, TableProfile>()
  return async ({ table, profile }) => {
    if (table === null) return tableFromBins(profile)
    const found = kept.get(table)
    if (found) return found
    const { stream } = await blobs.get(table)
    const read = (await json(Readable.from(stream))) as TableProfile
    if (kept.size >= MOST_TABLES) kept.delete(kept.keys().next().value!)
    kept.set(table, read)
    return read
  }
}

const MOST_TABLES = 20

async function putJson(blobs: Blobs, value: unknown): Promise<string> {
  return (await blobs.put(Readable.from([Buffer.from(JSON.stringify(value))]))).digest
}
