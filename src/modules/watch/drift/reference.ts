import { createHash } from 'node:crypto'
import type { ReferenceProfile } from '../../../contract/drift.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { LabelledMatrix } from '../../../infra/labelled-rows.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { profileFrom } from '../../../lib/stats/profile.ts'
import type { Ledger } from '../../govern/ledger/index.ts'
import * as store from './store.ts'

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
export function createFreeze({ sql, clock, ledger, bus }: { sql: Sql; clock: Clock; ledger: Ledger; bus: Bus }) {
  return async ({ project, model, version, ...sample }: Freeze): Promise<void> => {
    const stored = { ...referenceFrom(sample), frozenAt: clock.now() }
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
      await bus.publish(tx, { name: 'drift.profile_frozen', project, subject: model, data: { model, version, rows: stored.labelRows } })
    })
  }
}

type Sample = Pick<Freeze, 'features' | 'rows' | 'scores' | 'threshold'>

/** The profile of a sample’s features and, last, of the scores it got; and how many rows the version got wrong. */
function referenceFrom({ features, rows, scores, threshold }: Sample): Omit<store.StoredProfile, 'frozenAt'> {
  const width = features.length
  const columns = features.map((_, i) => Float32Array.from({ length: rows.rows }, (_row, row) => rows.values[row * width + i]!))
  const profile = profileFrom([...features, 'score'], [...columns, scores])
  const digest = createHash('sha256').update(JSON.stringify(profile)).digest('hex')
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
