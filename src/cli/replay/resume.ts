import type { Client } from '../../contract/client.ts'
import { telemetry } from '../../contract/telemetry.ts'
import type { Delay } from './values.ts'

const MOST_PAGES = 20
const PAGE = 1_000
const RETELL_ROWS = 1_000
const RETELL_TIMED_ROWS = 10_000

/**
 * The last row of an earlier replay of the same file that the deployment answered, by the ids of its newest records;
 * undefined when there is none among the newest 20,000.
 */
export async function lastAnswered(client: Client, deployment: string, prefix: string): Promise<number | undefined> {
  let after: string | undefined
  for (let page = 0; page < MOST_PAGES; page++) {
    const { records, next } = await client.call(telemetry.listRecords, {
      deployment,
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    })
    const rows = records.filter(({ recordId }) => recordId.startsWith(`${prefix}-`))
    // Rows of one request are of one instant; an older replay may have gone further in the file.
    const newest = rows.filter(({ at }) => at === rows[0]!.at)
    if (rows.length > 0) return Math.max(...newest.map(({ recordId }) => Number(recordId.slice(prefix.length + 1))))
    if (next === null) return undefined
    after = next
  }
  return undefined
}

/** How many rows before the first are told again after a replay that ended without a word; a label told twice counts once. */
export function rowsToRetell(delay: Delay): number {
  return delay.kind === 'rows' ? delay.rows + RETELL_ROWS : RETELL_TIMED_ROWS
}
