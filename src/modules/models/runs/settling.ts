import type { Sql } from '../../../infra/sql/index.ts'
import { findRunRows } from './store.ts'
import { hasLog, settleLog } from './store-measurements.ts'
import type { RunRow } from './tables.ts'

/** So many measurements of a run are moved together; more would make others wait for too long. */
const ROWS_PER_SETTLING = 10_000
/** Runs that are counted. Those beyond are settled when their histories are read. */
const MOST_COUNTED_RUNS = 10_000

type OneRun = Pick<RunRow, 'project' | 'run' | 'id'>
export type Settling = ReturnType<typeof createSettling>

/**
 * Measurements are logged in the order they come, and read in the order of their keys and times. They are moved from the
 * one to the other when a run has many, and whenever its histories are read.
 */
export function createSettling({ sql }: { sql: Sql }) {
  const counts = new Map<string, number>()

  async function settle(row: OneRun): Promise<void> {
    counts.delete(`${row.project}/${row.run}`)
    await sql.transaction(async (tx) => {
      // Whoever logs holds the run too: nothing is deleted from the log that was not moved.
      await findRunRows(tx, row.project, [row.id], sql.dialect === 'postgresql')
      await settleLog(tx, row)
    })
  }

  return {
    /** Counts what a run logged; answers whether it is time to settle it. */
    isDue(row: OneRun, rows: number): boolean {
      const name = `${row.project}/${row.run}`
      const count = (counts.get(name) ?? 0) + rows
      counts.set(name, count)
      if (counts.size > MOST_COUNTED_RUNS) counts.delete(counts.keys().next().value!)
      return count >= ROWS_PER_SETTLING
    },
    settle,
    /** Brings the histories of a run up to date. */
    async prepare(row: OneRun): Promise<void> {
      if (await hasLog(sql, row)) await settle(row)
    },
  }
}
