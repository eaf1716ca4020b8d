import type { Estimate } from '../../../contract/estimates.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const estimatorsTable: AuditedTable = { table: 'estimator_references', key: ['project', 'model', 'version'] }

/** A window as it was last judged. */
export type StoredWindow = {
  readonly estimate: Estimate
  /** How many of its rows had a label when it was last looked at. */
  readonly labelled: number
  /** What its labels say against its estimate, as a logarithm; null without labels or estimate. */
  readonly logEvidence: number | null
  /** The error rate, or of a regression the mean absolute error, that was expected of its labelled rows, with its interval. */
  readonly expectedError: { readonly value: number; readonly low: number; readonly high: number } | null
}

type Tables = {
  estimator_references: { project: string; model: string; version: number; digest: string; row_count: number; fitted_at: number }
  quality_estimates: { project: string; monitor: string; from_ms: number; model_version: number; body: string }
}
const tables = (db: Db) => db.db.withTables<Tables>()

export async function insertEstimator(db: Db, row: Tables['estimator_references']): Promise<void> {
  await tables(db).insertInto('estimator_references').values(row).execute()
}

/** The digest of the blob that estimates of a version rest on. */
export async function findEstimator(db: Db, project: string, model: string, version: number): Promise<string | undefined> {
  const row = await tables(db)
    .selectFrom('estimator_references')
    .select('digest')
    .where('project', '=', project)
    .where('model', '=', model)
    .where('version', '=', version)
    .executeTakeFirst()
  return row?.digest
}

/** Keeps a window, in the place of what was kept of it before. */
export async function saveWindow(db: Db, project: string, window: StoredWindow): Promise<void> {
  const { monitor, fromMs, modelVersion } = window.estimate
  const values = { model_version: modelVersion ?? 0, body: JSON.stringify(window) }
  await tables(db)
    .insertInto('quality_estimates')
    .values({ project, monitor, from_ms: fromMs, ...values })
    .onConflict((conflict) => conflict.columns(['project', 'monitor', 'from_ms']).doUpdateSet(values))
    .execute()
}

/** The newest windows of a monitor, newest first. */
export async function newestWindows(db: Db, project: string, monitor: string, limit: number): Promise<StoredWindow[]> {
  const rows = await tables(db)
    .selectFrom('quality_estimates')
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
    .deleteFrom('quality_estimates')
    .where('project', '=', project)
    .where('monitor', '=', monitor)
    .where('from_ms', '<', beforeMs)
    .execute()
}
