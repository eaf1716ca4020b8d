import type { Db } from '../../../infra/sql/index.ts'

type DemandRow = { node: string; at: number; body: string }
type QuotaRow = { project: string; deployment: string; caller: string; period: string; ends_at: number; used: number }
type ChallengerRow = { project: string; deployment: string; rollout: string; rows_scored: number; rows_failed: number; at: number }
type Tables = { serving_demand: DemandRow; serving_quotas: QuotaRow; serving_challengers: ChallengerRow }

const tables = (db: Db) => db.db.withTables<Tables>()

export async function saveDemand(db: Db, node: string, at: number, body: string): Promise<void> {
  await tables(db)
    .insertInto('serving_demand')
    .values({ node, at, body })
    .onConflict((conflict) => conflict.column('node').doUpdateSet({ at, body }))
    .execute()
}

/** What every other process told last, however long ago. */
export async function findDemandOfOthers(db: Db, node: string): Promise<readonly DemandRow[]> {
  return await tables(db).selectFrom('serving_demand').selectAll().where('node', '!=', node).execute()
}

/** Forgets a process that has told nothing since `at`. */
export async function deleteDemand(db: Db, node: string, at: number): Promise<void> {
  await tables(db).deleteFrom('serving_demand').where('node', '=', node).where('at', '<=', at).execute()
}

export type QuotaUse = {
  readonly project: string
  readonly deployment: string
  readonly caller: string
  readonly period: string
  readonly endsMs: number
}

/** Adds to the counts, in one statement; answers the totals of all processes, in the order given. The same count may be given twice. */
export async function addQuotaUses(db: Db, uses: readonly (QuotaUse & { readonly more: number })[]): Promise<number[]> {
  const keyOf = (row: Omit<QuotaUse, 'endsMs'>) => JSON.stringify([row.project, row.deployment, row.caller, row.period])
  const rows = new Map<string, QuotaRow>()
  for (const { endsMs, more, ...use } of uses) {
    const key = keyOf(use)
    rows.set(key, { ...use, ends_at: endsMs, used: more + (rows.get(key)?.used ?? 0) })
  }
  const saved = await tables(db)
    .insertInto('serving_quotas')
    .values(inOneOrder([...rows.values()], keyOf))
    .onConflict((conflict) =>
      conflict.columns(['project', 'deployment', 'caller', 'period']).doUpdateSet((eb) => ({
        used: eb('serving_quotas.used', '+', eb.ref('excluded.used')),
      })),
    )
    .returning(['project', 'deployment', 'caller', 'period', 'used'])
    .execute()
  const totals = new Map(saved.map((row) => [keyOf(row), row.used]))
  return uses.map((use) => totals.get(keyOf(use))!)
}

export async function deleteQuotasEndedBefore(db: Db, ms: number): Promise<void> {
  await tables(db).deleteFrom('serving_quotas').where('ends_at', '<', ms).execute()
}

export type ChallengerCounts = {
  readonly project: string
  readonly deployment: string
  readonly rollout: string
  readonly rows: number
  readonly failures: number
}

export async function addChallengerCounts(db: Db, counts: readonly ChallengerCounts[], at: number): Promise<void> {
  const rows = counts.map(({ rows, failures, ...key }) => ({ ...key, rows_scored: rows, rows_failed: failures, at }))
  await tables(db)
    .insertInto('serving_challengers')
    .values(inOneOrder(rows, (row) => JSON.stringify([row.project, row.deployment, row.rollout])))
    .onConflict((conflict) =>
      conflict.columns(['project', 'deployment', 'rollout']).doUpdateSet((eb) => ({
        rows_scored: eb('serving_challengers.rows_scored', '+', eb.ref('excluded.rows_scored')),
        rows_failed: eb('serving_challengers.rows_failed', '+', eb.ref('excluded.rows_failed')),
        at,
      })),
    )
    .execute()
}

export async function findChallengerCounts(db: Db, project: string, deployment: string, rollout: string) {
  const row = await tables(db)
    .selectFrom('serving_challengers')
    .select(['rows_scored', 'rows_failed'])
    .where('project', '=', project)
    .where('deployment', '=', deployment)
    .where('rollout', '=', rollout)
    .executeTakeFirst()
  return { rows: row?.rows_scored ?? 0, failures: row?.rows_failed ?? 0 }
}

export async function deleteChallengersBefore(db: Db, ms: number): Promise<void> {
  await tables(db).deleteFrom('serving_challengers').where('at', '<', ms).execute()
}

/** Writers that take rows in one order do not wait for each other in a circle. */
function inOneOrder<R>(rows: readonly R[], keyOf: (row: R) => string): R[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(row) }))
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ row }) => row)
}
