import type { Detection, MonitorSpec } from '../../../contract/drift.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { DetectorState } from '../../../lib/stats/e-detector.ts'
import type { ErrorDetectorState } from '../../../lib/stats/error-detector.ts'
import type { Profile } from '../../../lib/stats/profile.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const profilesTable: AuditedTable = { table: 'reference_profiles', key: ['project', 'model', 'version'] }

/** The frozen reference of a version; the last feature of the profile is the model’s own score. */
export type StoredProfile = {
  readonly digest: string
  readonly profile: Profile
  readonly labelRows: number
  readonly labelErrors: number
  readonly frozenAt: number
}

/** One signal of a monitor: its detector, and how often it has crossed its threshold since the last reset. */
export type SignalState<S> = {
  readonly detector: S | null
  readonly crossings: number
  readonly detection: string | null
  readonly shown: Shown
}
export type Shown = {
  readonly rows: number
  readonly evidence: number
  readonly threshold: number
  readonly streams: readonly { stream: string; evidence: number; share: number }[]
}

export type StoredMonitor = {
  readonly spec: MonitorSpec
  /** The version whose reference is watched against; null until there is one. */
  readonly version: number | null
  readonly features: SignalState<DetectorState>
  readonly error: SignalState<ErrorDetectorState>
  /** The last segment of each node that was counted, by what it was counted for. */
  readonly counted: Readonly<Record<string, string>>
  readonly resetAt: number
}

type Tables = {
  reference_profiles: {
    project: string
    model: string
    version: number
    digest: string
    profile: string
    label_rows: number
    label_errors: number
    frozen_at: number
  }
  monitor_states: { project: string; name: string; state: string; changed_at: number }
}
const tables = (db: Db) => db.db.withTables<Tables>()

export async function insertProfile(db: Db, project: string, model: string, version: number, stored: StoredProfile): Promise<void> {
  await tables(db)
    .insertInto('reference_profiles')
    .values({
      project,
      model,
      version,
      digest: stored.digest,
      profile: JSON.stringify(stored.profile),
      label_rows: stored.labelRows,
      label_errors: stored.labelErrors,
      frozen_at: stored.frozenAt,
    })
    .execute()
}

export async function findProfile(db: Db, project: string, model: string, version: number): Promise<StoredProfile | undefined> {
  const row = await tables(db)
    .selectFrom('reference_profiles')
    .selectAll()
    .where('project', '=', project)
    .where('model', '=', model)
    .where('version', '=', version)
    .executeTakeFirst()
  return (
    row && {
      digest: row.digest,
      profile: JSON.parse(row.profile),
      labelRows: row.label_rows,
      labelErrors: row.label_errors,
      frozenAt: row.frozen_at,
    }
  )
}

/** The state of a monitor, locked until the transaction ends where `lock` says so. */
export async function findMonitor(
  db: Db,
  project: string,
  name: string,
  lock = false,
): Promise<{ state: StoredMonitor; changedAt: number } | undefined> {
  const query = tables(db).selectFrom('monitor_states').selectAll().where('project', '=', project).where('name', '=', name)
  const row = await (lock ? query.forUpdate() : query).executeTakeFirst()
  return row && { state: JSON.parse(row.state), changedAt: row.changed_at }
}

export async function saveMonitor(db: Db, project: string, name: string, state: StoredMonitor, changedAt: number): Promise<void> {
  const values = { state: JSON.stringify(state), changed_at: changedAt }
  await tables(db)
    .insertInto('monitor_states')
    .values({ project, name, ...values })
    .onConflict((conflict) => conflict.columns(['project', 'name']).doUpdateSet(values))
    .execute()
}

export type Detections = ReturnType<typeof createDetections>

export function createDetections(sql: Sql) {
  return createRecords<Detection>(
    'detections',
    (detection) => ({ deployment: detection.deployment, state: detection.signal, at: detection.storedAt }),
    sql.dialect,
  )
}
