import type { FalseAlarmBudget } from '../../../contract/drift.ts'

const DAY_SECONDS = 86_400
/** A pause counts for no more: what was staked in it would be staked on a single block. */
const LONGEST_STAKE_SECONDS = 60
/** Above so many rows a second a budget in days is one in rows: a block that took no time must stake something. */
const MOST_ROWS_A_SECOND = 100_000

/** What a budget counts, and how much of it there is between two false alarms. */
export type Budget = { readonly unit: 'rows' | 'seconds'; readonly every: number }

export function budgetOf(budget: FalseAlarmBudget): Budget {
  if ('everyRows' in budget) return { unit: 'rows', every: budget.everyRows }
  if (budget.requestsPerSecond !== undefined) return { unit: 'rows', every: budget.everyDays * DAY_SECONDS * budget.requestsPerSecond }
  return { unit: 'seconds', every: budget.everyDays * DAY_SECONDS }
}

/**
 * What is staked on a block: its rows, or the seconds since the block before. It is settled by when rows came, never by what they hold. Taking
 * less for a pause only makes alarms rarer.
 */
export function stakeOf({ unit }: Budget, rows: number, atMs: number, lastMs: number | undefined): number {
  if (unit === 'rows') return rows
  const seconds = lastMs === undefined ? 0 : (atMs - lastMs) / 1_000
  return Math.max(rows / MOST_ROWS_A_SECOND, Math.min(seconds, LONGEST_STAKE_SECONDS))
}
