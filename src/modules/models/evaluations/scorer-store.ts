import type { ScorerVersion } from '../../../contract/evaluations.ts'
import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const scorersTable: AuditedTable = { table: 'scorer_versions', key: ['project', 'experiment', 'name', 'version'] }

type ScorerRow = {
  project: string
  experiment: string
  name: string
  version: number
  scorer: string
  definition: string
  created_at: number
}
const tables = (db: Db) => db.db.withTables<{ scorer_versions: ScorerRow }>()

export async function insertScorer(db: Db, project: string, version: ScorerVersion): Promise<void> {
  const { createdAt, ...row } = version
  await tables(db)
    .insertInto('scorer_versions')
    .values({ project, ...row, created_at: createdAt })
    .execute()
}

/** Every version of the scorers of an experiment, or of one of them: by name, oldest first. */
export async function listScorerVersions(db: Db, project: string, experiment: string, name?: string): Promise<ScorerVersion[]> {
  const query = tables(db).selectFrom('scorer_versions').selectAll().where('project', '=', project).where('experiment', '=', experiment)
  const named = name === undefined ? query : query.where('name', '=', name)
  const rows = await named.orderBy('name').orderBy('version').execute()
  return rows.map(({ project: _project, created_at, ...row }) => ({ ...row, createdAt: created_at }))
}

/** The experiments of the project that have scorers. */
export async function experimentsWithScorers(db: Db, project: string): Promise<string[]> {
  const rows = await tables(db).selectFrom('scorer_versions').select('experiment').distinct().where('project', '=', project).execute()
  return rows.map((row) => row.experiment)
}

export async function deleteScorer(db: Db, project: string, { experiment, name, version }: ScorerVersion): Promise<void> {
  await tables(db)
    .deleteFrom('scorer_versions')
    .where('project', '=', project)
    .where('experiment', '=', experiment)
    .where('name', '=', name)
    .where('version', '=', version)
    .execute()
}
