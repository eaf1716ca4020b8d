import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { createQuotas } from './quotas.ts'
import { createSharedLimits } from './shared-limits.ts'
import { createBuckets } from './token-bucket.ts'

type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly ids: Ids
  /** Whether other processes may serve from the same store. */
  readonly shared: boolean
  /** Names this process among them. */
  readonly node: string
}

/** What requests are counted against, and the parts of the exchange by which the processes agree on it. */
export function createLimits({ sql, clock, ids, shared, node }: Deps) {
  const buckets = createBuckets(clock)
  const quotas = createQuotas(clock)
  const rates = createSharedLimits({ sql, clock, self: ids(node), buckets })
  const parts = [
    { name: 'quotas', run: () => quotas.exchange(sql) },
    ...(shared ? [{ name: 'rates', run: rates.exchange, failed: rates.goOnAlone, last: rates.leave }] : []),
  ]
  return { buckets, quotas, parts }
}
