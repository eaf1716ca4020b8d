import type { Db } from '../../../infra/sql/index.ts'
import type { AuditedTable } from '../../govern/ledger/index.ts'

export const routesTable: AuditedTable = { table: 'deployment_routes', key: ['project', 'name'] }

/** What a rollout has set for a deployment; a deployment without a row is steady. */
export type StoredRoute = {
  readonly mode: 'steady' | 'shadow' | 'canary'
  readonly challengerVersion: number | null
  readonly percent: number
  readonly rollout: string | null
  readonly changedAt: number
}
type RouteRow = {
  project: string
  name: string
  mode: string
  challenger_version: number | null
  percent: number
  rollout: string | null
  changed_at: number
}
type Tables = { deployment_routes: RouteRow }

export async function findRoute(db: Db, project: string, name: string): Promise<StoredRoute | undefined> {
  const row = await db.db
    .withTables<Tables>()
    .selectFrom('deployment_routes')
    .selectAll()
    .where('project', '=', project)
    .where('name', '=', name)
    .executeTakeFirst()
  return (
    row && {
      mode: row.mode as StoredRoute['mode'],
      challengerVersion: row.challenger_version,
      percent: row.percent,
      rollout: row.rollout,
      changedAt: row.changed_at,
    }
  )
}

export async function saveRoute(db: Db, project: string, name: string, route: StoredRoute): Promise<void> {
  const values = {
    mode: route.mode,
    challenger_version: route.challengerVersion,
    percent: route.percent,
    rollout: route.rollout,
    changed_at: route.changedAt,
  }
  await db.db
    .withTables<Tables>()
    .insertInto('deployment_routes')
    .values({ project, name, ...values })
    .onConflict((conflict) => conflict.columns(['project', 'name']).doUpdateSet(values))
    .execute()
}
