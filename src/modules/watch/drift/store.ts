import type { Detection, MonitorSpec, WindowState } from '../../../contract/drift.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Profile } from '../../../lib/drift/profile/profile.ts'
import type { ErrorDetectorState } from '../../../lib/drift/streaming/error-detector.ts'
import type { SeasonBucket } from '../../../lib/drift/streaming/regions.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'
import type { FeatureState } from './feature-watch.ts'
import type { OtherStates } from './other-detectors.ts'
import type { Standing } from './standing.ts'

export const profilesTable: AuditedTable = { table: 'reference_profiles', key: ['project', 'model', 'version'] }

/** The frozen reference of a version; the last feature of the profile is the model’s own score. */
export type StoredProfile = {
  readonly digest: string
  readonly profile: Profile
  readonly labelRows: number
  readonly labelErrors: number
  readonly frozenAt: number
  /** The blob with the table of the reference rows in little; null for references that were frozen without one. */
  readonly table: string | null
}

/** One signal of a monitor: its detector, and how often it has crossed its threshold since the last reset. */
export type SignalState<S> = {
  readonly detector: S | null
  readonly crossings: number
  readonly detection: string | null
  readonly shown: Shown
  /** When the last block ended: what a budget in days stakes is counted from there. */
  readonly lastMs: number | null
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
  readonly features: SignalState<FeatureState>
  readonly error: SignalState<ErrorDetectorState>
  /** What further detectors saw, by their names. */
  readonly others: OtherStates
  /** The last segment of each node that was counted, by what it was counted for. */
  readonly counted: Readonly<Record<string, string>>
  readonly resetAt: number
}

/** How each part of a season looked; `buckets` is a list of `SeasonBucket` as JSON. */
export type StoredSeason = {
  readonly project: string
  readonly model: string
  readonly version: number
  readonly season: string
  readonly digest: string
  readonly row_count: number
  readonly buckets: string
  readonly frozen_at: number
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
    table_digest: string | null
  }
  drift_windows: { project: string; monitor: string; from_ms: number; model_version: number; body: string }
  season_profiles: StoredSeason
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
      table_digest: stored.table,
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
      table: row.table_digest,
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

/** A window as it was judged, with what the monitor made of it. */
export type StoredWindow = WindowState & { readonly after: Standing }

/** Keeps a window; one that is there already stays as it is. Answers whether it is new. */
export async function insertWindow(db: Db, project: string, window: StoredWindow): Promise<boolean> {
  const { monitor, fromMs, modelVersion } = window
  const { numInsertedOrUpdatedRows } = await tables(db)
    .insertInto('drift_windows')
    .values({ project, monitor, from_ms: fromMs, model_version: modelVersion, body: JSON.stringify(window) })
    .onConflict((conflict) => conflict.columns(['project', 'monitor', 'from_ms']).doNothing())
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}

/** The newest windows of a monitor, newest first. */
export async function newestWindows(db: Db, project: string, monitor: string, limit: number): Promise<StoredWindow[]> {
  const rows = await tables(db)
    .selectFrom('drift_windows')
    .select('body')
    .where('project', '=', project)
    .where('monitor', '=', monitor)
    .orderBy('from_ms', 'desc')
    .limit(limit)
    .execute()
  return rows.map(({ body }) => JSON.parse(body) as StoredWindow)
}

export async function deleteWindowsBefore(db: Db, project: string, monitor: string, beforeMs: number): Promise<void> {
  await tables(db)
    .deleteFrom('drift_windows')
    .where('project', '=', project)
    .where('monitor', '=', monitor)
    .where('from_ms', '<', beforeMs)
    .execute()
}

export async function saveSeason(db: Db, season: StoredSeason): Promise<void> {
  const { digest, row_count, buckets, frozen_at } = season
  await tables(db)
    .insertInto('season_profiles')
    .values(season)
    .onConflict((conflict) =>
      conflict.columns(['project', 'model', 'version', 'season']).doUpdateSet({ digest, row_count, buckets, frozen_at }),
    )
    .execute()
}

export async function findSeason(
  db: Db,
  project: string,
  model: string,
  version: number,
  season: string,
): Promise<{ readonly digest: string; readonly buckets: readonly SeasonBucket[] } | undefined> {
  const row = await tables(db)
    .selectFrom('season_profiles')
    .select(['digest', 'buckets'])
    .where('project', '=', project)
    .where('model', '=', model)
    .where('version', '=', version)
    .where('season', '=', season)
    .executeTakeFirst()
  return row && { digest: row.digest, buckets: JSON.parse(row.buckets) as SeasonBucket[] }
}
