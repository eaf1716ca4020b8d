import { type Expression, type SqlBool, sql } from 'kysely'
import type { Caller } from '../../../contract/endpoint.ts'
import type { TraceInfo } from '../../../contract/traces.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { npmiFrom } from './correlation.ts'
import { clausesFrom, orderingsFrom } from './filter.ts'
import { infosFrom } from './records.ts'
import { orderFrom, whereFrom } from './search.ts'
import { tables } from './store.ts'

type Actor = Pick<Caller, 'project'>

export type Search = {
  readonly experiments: readonly string[]
  readonly filter?: string
  readonly orderBy: readonly string[]
  readonly most: number
  readonly skip: number
}

export type Correlation = { npmi: number; smoothed: number; total: number; first: number; second: number; both: number }

/** Finds traces by what they say. */
export function createFind({ sql: store }: { readonly sql: Sql }) {
  const where = (experiments: readonly string[], project: string, filter: string | undefined): Expression<SqlBool> =>
    whereFrom({ project, experiments, dialect: store.dialect }, clausesFrom(filter))

  return {
    /** Traces that fit the filter, ordered as asked and then newest first. Throws `invalid`. */
    async search({ experiments, filter, orderBy, most, skip }: Search, { project }: Actor): Promise<TraceInfo[]> {
      let query = tables(store)
        .selectFrom('traces')
        .selectAll()
        .where(where(experiments, project, filter))
      for (const { by, direction } of orderFrom(orderingsFrom(orderBy))) query = query.orderBy(by, direction)
      return await infosFrom(store, project, await query.offset(skip).limit(most).execute())
    },

    /** How much more often two filters hold together than by chance, among the traces that fit `base`. Throws `invalid`. */
    async correlate(
      { experiments, first, second, base }: { experiments: readonly string[]; first: string; second: string; base?: string },
      { project }: Actor,
    ): Promise<Correlation> {
      const [isFirst, isSecond] = [where(experiments, project, first), where(experiments, project, second)]
      const counted = await tables(store)
        .selectFrom('traces')
        .select([
          sql<number>`count(*)`.as('total'),
          sql<number>`sum(case when ${isFirst} then 1 else 0 end)`.as('first'),
          sql<number>`sum(case when ${isSecond} then 1 else 0 end)`.as('second'),
          sql<number>`sum(case when ${isFirst} and ${isSecond} then 1 else 0 end)`.as('both'),
        ])
        .where(where(experiments, project, base))
        .executeTakeFirstOrThrow()
      const counts = {
        total: Number(counted.total),
        first: Number(counted.first ?? 0),
        second: Number(counted.second ?? 0),
        both: Number(counted.both ?? 0),
      }
      return { ...counts, ...npmiFrom(counts) }
    },
  }
}
