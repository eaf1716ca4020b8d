import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { tables } from './tables.ts'

/** A run or a logged model that was deleted, and where its artifacts lie. */
export type Deleted = { readonly id: string; readonly artifactUri: string }

const runTables = [
  'run_params',
  'run_tags',
  'run_metric_log',
  'run_metrics',
  'run_latest_metrics',
  'run_dataset_inputs',
  'run_models',
] as const
const modelTables = ['logged_model_params', 'logged_model_tags', 'logged_model_metrics'] as const

/** What was deleted is found again, and forgotten for good. */
export function createPurge({ sql }: { readonly sql: Sql }) {
  return {
    /** Runs deleted before a moment, by id, from the one after `after` on. */
    async deletedRuns(project: string, beforeMs: number, after: string, limit: number): Promise<Deleted[]> {
      const rows = await tables(sql)
        .selectFrom('runs')
        .select(['id', 'artifact_uri'])
        .where('project', '=', project)
        .where('lifecycle', '=', 'deleted')
        .where('deleted_at', '<', beforeMs)
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map(({ id, artifact_uri }) => ({ id, artifactUri: artifact_uri }))
    },
    async deletedLoggedModels(project: string, beforeMs: number, after: string, limit: number): Promise<Deleted[]> {
      const rows = await tables(sql)
        .selectFrom('logged_models')
        .select(['id', 'artifact_location'])
        .where('project', '=', project)
        .where('lifecycle', '=', 'deleted')
        .where('updated_at', '<', beforeMs)
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map(({ id, artifact_location }) => ({ id, artifactUri: artifact_location }))
    },
    /** Forgets a run with everything that was measured in it, unless it was restored in the meantime. */
    async forgetRun(tx: Tx, project: string, id: string): Promise<boolean> {
      const row = await tables(tx)
        .deleteFrom('runs')
        .where('project', '=', project)
        .where('id', '=', id)
        .where('lifecycle', '=', 'deleted')
        .returning('run')
        .executeTakeFirst()
      if (!row) return false
      for (const table of runTables) await tables(tx).deleteFrom(table).where('project', '=', project).where('run', '=', row.run).execute()
      return true
    },
    async forgetLoggedModel(tx: Tx, project: string, id: string): Promise<boolean> {
      const row = await tables(tx)
        .deleteFrom('logged_models')
        .where('project', '=', project)
        .where('id', '=', id)
        .where('lifecycle', '=', 'deleted')
        .returning('id')
        .executeTakeFirst()
      if (!row) return false
      for (const table of modelTables) await tables(tx).deleteFrom(table).where('project', '=', project).where('model', '=', id).execute()
      return true
    },
  }
}
