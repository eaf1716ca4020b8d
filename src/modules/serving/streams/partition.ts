import { createHash } from 'node:crypto'
import type { StreamCounts, StreamSpec } from '../../../contract/streams.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import { canonicalJson } from '../../../lib/canonical-json.ts'
import type { EventTime } from './prepare.ts'
import { type CheckpointKey, noCounts, type Store } from './store.ts'
import { createKeyedState } from './stores.ts'

/** A process that says nothing for so long has lost its partitions to the others. */
export const LEASE_MS = 30_000

type Deps = { readonly sql: Sql; readonly store: Store; readonly clock: Clock }
type Counted = { -readonly [K in keyof StreamCounts]: number }
/** What one checkpoint writes: taken at once, between two batches. */
export type Snapshot = {
  readonly partition: string
  readonly position: number | null
  readonly events: number
  saveIn(tx: Tx): Promise<boolean>
}
export type Partition = Awaited<ReturnType<typeof claimPartition>>

/**
 * Takes a partition over: the next epoch is ours, so that checkpoints of an earlier owner are refused. `undefined` when another
 * process holds its lease and `steal` is not set. The state of windows that are declared otherwise now is dropped.
 */
export async function claimPartition({ sql, store, clock }: Deps, key: CheckpointKey, spec: StreamSpec, node: string, steal: boolean) {
  const windows = createHash('sha256')
    .update(canonicalJson({ windows: spec.windows, enrich: spec.enrich }))
    .digest('hex')
  const claimed = await sql.transaction(async (tx) => {
    const found = await store.find(tx, key, true)
    if (found && !steal && found.node !== node && found.leaseUntilMs > clock.now()) return undefined
    const now = clock.now()
    if (found && found.windows !== windows) await store.forgetStates(tx, key)
    const { position = null, latestMs = null, counts = noCounts } = found ?? {}
    const mine = {
      epoch: (found?.epoch ?? 0) + 1,
      node,
      leaseUntilMs: now + LEASE_MS,
      position,
      latestMs,
      windows,
      counts,
      updatedAtMs: now,
    }
    await store.save(tx, key, mine)
    return mine
  })
  if (!claimed) return undefined

  const keyed = createKeyedState(spec)
  keyed.restore(await store.readStates(sql, key))
  const time: EventTime = { latestMs: claimed.latestMs }
  const counts: Counted = { ...claimed.counts }
  const evictedBefore = counts.evicted
  let position = claimed.position
  let uncommitted = 0

  return {
    keyed,
    time,
    counts,
    position: () => position,
    /** Whether an event was not worked on before. */
    isNew: (at: number) => position === null || at > position,
    /** Events that were worked on since the last snapshot. */
    uncommitted: () => uncommitted,
    advance(to: number, events: number): void {
      position = to
      uncommitted += events
      if (time.latestMs !== null) keyed.expire(time.latestMs - spec.late.allowedMs)
    },
    snapshot(): Snapshot {
      const events = uncommitted
      uncommitted = 0
      counts.evicted = evictedBefore + keyed.evicted()
      const now = clock.now()
      const taken = { ...claimed, leaseUntilMs: now + LEASE_MS, position, latestMs: time.latestMs, counts: { ...counts }, updatedAtMs: now }
      const changes = keyed.takeChanges()
      return {
        partition: key.partition,
        position,
        events,
        /** False when another has taken the partition over. */
        async saveIn(tx) {
          const held = await store.find(tx, key, true)
          if (held?.epoch !== claimed.epoch) return false
          await store.save(tx, key, taken)
          for (const [name, changed] of changes) await store.saveChanges(tx, key, name, changed)
          return true
        },
      }
    },
  }
}
