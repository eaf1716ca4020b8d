import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Quarantine, quarantine } from '../../../contract/quarantine.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Ledger } from '../../govern/ledger/index.ts'

export type QuarantineWindows = Verbs<typeof quarantine> & {
  /** What is in force for a deployment. */
  inForce(project: string, deployment: string): Promise<Quarantine[]>
}

export const quarantineTable = { table: 'quarantine_windows', key: ['id'] } as const
const MOST_WINDOWS = 1_000

export function createQuarantine(deps: { sql: Sql; clock: Clock; ids: Ids; ledger: Ledger; bus: Bus }): QuarantineWindows {
  const { sql, clock, ids, ledger, bus } = deps
  const records = createRecords<Quarantine>(
    quarantineTable.table,
    (window) => ({ deployment: window.deployment, state: window.liftedAt === null ? 'in_force' : 'lifted', at: window.createdAt }),
    sql.dialect,
  )
  return {
    async inForce(project, deployment) {
      return await records.list(sql, { project, deployment, state: 'in_force', limit: MOST_WINDOWS })
    },
    async listWindows({ deployment, all }, caller) {
      return await records.list(sql, { project: caller.project, deployment, state: all ? undefined : 'in_force', limit: MOST_WINDOWS })
    },
    async addWindow({ deployment, scope, cause, loopRun, reason }, caller) {
      if (scope.toMs !== null && scope.toMs <= scope.fromMs)
        throw new AppError('invalid', `scope: the window ends at ${scope.toMs}, before it begins at ${scope.fromMs}`)
      return await sql.transaction(async (tx) => {
        const window: Quarantine = {
          id: ids('quar'),
          deployment,
          scope,
          cause,
          reason,
          loopRun: loopRun ?? null,
          createdAt: clock.now(),
          createdBy: caller.id,
          liftedAt: null,
        }
        const key = loopRun && `${loopRun}/${JSON.stringify(scope)}`
        const earlier = key === undefined ? undefined : await records.findByKey(tx, caller.project, key)
        if (earlier) return earlier
        await records.insert(tx, caller.project, window, key)
        await ledger.seal(tx, { caller, reason, operation: 'quarantine.addWindow', table: quarantineTable, key: [window.id] })
        await bus.publish(tx, {
          name: 'quarantine.added',
          project: caller.project,
          subject: window.id,
          data: { deployment, cause, reason },
        })
        return window
      })
    },
    async liftWindow({ id, reason }, caller) {
      return await sql.transaction(async (tx) => {
        const before = await records.lock(tx, caller.project, id)
        if (!before)
          throw new AppError('not_found', `project ${caller.project} has no quarantine ${id}; see "setpoint quarantine list-windows"`)
        if (before.liftedAt !== null) return before
        const after = { ...before, liftedAt: clock.now() }
        await records.save(tx, after)
        await ledger.seal(tx, { caller, reason, operation: 'quarantine.liftWindow', table: quarantineTable, key: [id] })
        await bus.publish(tx, {
          name: 'quarantine.lifted',
          project: caller.project,
          subject: id,
          data: { deployment: before.deployment, reason },
        })
        return after
      })
    },
  }
}
