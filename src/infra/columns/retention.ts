import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Columns } from './columns.ts'

const DAY_MS = 86_400_000
const PRUNE_EVERY_MS = 3_600_000

/**
 * Drops the days before `beforeMs` of a table that is partitioned by a date, and returns the days it dropped. The
 * product's own clock decides, not the store's, so that a replayed year is not taken for an old one.
 */
async function dropDaysBefore(columns: Columns, table: string, beforeMs: number): Promise<string[]> {
  const day = new Date(Math.floor(beforeMs / DAY_MS) * DAY_MS).toISOString().slice(0, 10)
  const old = await columns.query<{ id: string }>(
    `SELECT DISTINCT partition_id AS id FROM system.parts
     WHERE active AND database = currentDatabase() AND table = {table:String} AND partition_id < {day:String} ORDER BY id`,
    { table, day: day.replaceAll('-', '') },
  )
  for (const { id } of old) await columns.execute(`ALTER TABLE ${table} DROP PARTITION ID '${id}'`)
  return old.map(({ id }) => id)
}

/** Makes a function that drops the days of `table` beyond the retention; called often, it does so once an hour. */
export function createPrune(deps: {
  readonly columns: Columns
  readonly clock: Clock
  readonly log: Log
  readonly table: string
  readonly retentionDays: number
}): () => Promise<void> {
  const { columns, clock, log, table, retentionDays } = deps
  let prunedMs = Number.NEGATIVE_INFINITY
  return async () => {
    if (clock.now() - prunedMs < PRUNE_EVERY_MS) return
    prunedMs = clock.now()
    const days = await dropDaysBefore(columns, table, clock.now() - retentionDays * DAY_MS)
    if (days.length > 0) log.info('columns.days_dropped', { table, days })
  }
}
