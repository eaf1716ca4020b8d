import type { Training } from '../../../contract/retraining.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createRecords } from '../../../infra/sql/records.ts'
import type { Ledger } from '../../govern/ledger/index.ts'

export const trainingsTable = { table: 'trainings', key: ['id'] } as const
const ended: ReadonlySet<Training['state']> = new Set(['succeeded', 'failed', 'cancelled'])

/** A training as it is kept: with the job that runs it. */
export type Kept = Training & { readonly job?: string }
export type Trainings = ReturnType<typeof createTrainings>

export function hasEnded(training: Training): boolean {
  return ended.has(training.state)
}

/** The trainings as they are kept, and the two ways one changes: it goes on, or it ends. An ended one stays as it is. */
export function createTrainings({ sql, clock, ledger, bus }: { sql: Sql; clock: Clock; ledger: Ledger; bus: Bus }) {
  const records = createRecords<Kept>(
    trainingsTable.table,
    (training) => ({ deployment: training.deployment, state: training.state, at: training.startedAt }),
    sql.dialect,
  )
  return {
    records,
    async goOn(project: string, id: string, found: Partial<Training>): Promise<void> {
      await sql.transaction(async (tx) => {
        const before = await records.lock(tx, project, id)
        if (!before) return
        if (!hasEnded(before)) await records.save(tx, { ...before, ...found })
        await ledger.seal(tx, {
          caller: { id: 'setpoint', project },
          reason: 'the training went on',
          operation: 'retraining.run',
          table: trainingsTable,
          key: [id],
        })
      })
    },
    async end(project: string, id: string, result: Partial<Training> & { state: Training['state'] }): Promise<void> {
      await sql.transaction(async (tx) => {
        const before = await records.lock(tx, project, id)
        if (!before || hasEnded(before)) return
        const after = { ...before, ...result, endedAt: clock.now() }
        await records.save(tx, after)
        await ledger.seal(tx, {
          caller: { id: 'setpoint', project },
          reason: after.problem ?? `trained version ${after.version}`,
          operation: 'retraining.end',
          table: trainingsTable,
          key: [id],
        })
        const { deployment, model, state, version, problem, loopRun } = after
        const data = { deployment, model, state, version, problem, loopRun }
        await bus.publish(tx, { name: 'retraining.ended', project, subject: id, data })
      })
    },
  }
}
