import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import type { ReferenceProfile } from '../../../contract/drift.ts'
import { AppError, errorCodes, messageFrom } from '../../../contract/errors.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Calculations } from '../../../infra/calculations.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { TableProfile } from '../../../lib/drift/profile/table-profile.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import { type Frozen, frozenFrom, type Sample } from './frozen.ts'
import * as store from './store.ts'
import { tableFromBins } from './tables.ts'

export type Freeze = Sample & { readonly project: string; readonly model: string; readonly version: number }
type FreezeDeps = { sql: Sql; blobs: Blobs; clock: Clock; ledger: Ledger; bus: Bus; calculations: Calculations }

const FREEZE_THREAD = new URL('./threads/freeze.ts', import.meta.url)
/** Values of a reference up to which it is frozen within some ten milliseconds; requests do not wait for more. */
const MOST_FROZEN_HERE = 20_000

/** Freezes what a version’s inputs, scores and errors looked like when it was registered; a second call changes nothing. */
export function createFreeze({ sql, blobs, clock, ledger, bus, calculations }: FreezeDeps) {
  return async ({ project, model, version, ...sample }: Freeze): Promise<void> => {
    const takesLong = sample.rows.values.length > MOST_FROZEN_HERE
    const { table: whole, ...reference } = takesLong ? await calculations.run<Sample, Frozen>(FREEZE_THREAD, sample) : frozenFrom(sample)
    const { digest: table } = await blobs.put(Readable.from([Buffer.from(whole)]))
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

/** The reference rows of versions in little, as they were frozen; the last 20 that were read are kept. */
export type ReferenceTables = {
  /** Throws `conflict` where the rows are lost or corrupt, and what the blobs throw where a later try may succeed. */
  read(reference: store.StoredProfile): Promise<TableProfile>
  /** Why the rows are lost, as was found when they were last asked for; null where they were read, or nobody asked yet. */
  problemOf(reference: store.StoredProfile): string | null
}

export function createReferenceTables(blobs: Blobs, clock: Clock): ReferenceTables {
  const kept = new Map<string, TableProfile>()
  const lost = new Map<string, { readonly problem: string; readonly againMs: number }>()

  async function load(table: string): Promise<TableProfile> {
    try {
      const { stream } = await blobs.get(table)
      return (await json(Readable.from(stream))) as TableProfile
    } catch (error) {
      if (!(error instanceof AppError) || errorCodes[error.code].retryable) throw error
      const problem = `the reference rows of the version cannot be read (${messageFrom(error)}); restore that blob from a backup, or register the version again`
      keep(lost, table, { problem, againMs: clock.now() + LOOK_AGAIN_MS })
      throw new AppError('conflict', problem, {}, error)
    }
  }

  return {
    async read({ table, profile }) {
      if (table === null) return tableFromBins(profile)
      const found = kept.get(table)
      if (found) return found
      const known = lost.get(table)
      if (known && clock.now() < known.againMs) throw new AppError('conflict', known.problem)
      const read = await load(table)
      lost.delete(table)
      keep(kept, table, read)
      return read
    },
    problemOf: ({ table }) => (table === null ? null : (lost.get(table)?.problem ?? null)),
  }
}

const MOST_TABLES = 20
/** Rows that are lost are looked for again after so long: every batch of requests asks for those of a monitor with segments. */
const LOOK_AGAIN_MS = 60_000

function keep<T>(among: Map<string, T>, key: string, value: T): void {
  if (among.size >= MOST_TABLES) among.delete(among.keys().next().value!)
  among.set(key, value)
}
