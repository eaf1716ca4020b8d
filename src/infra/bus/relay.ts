import { messageFrom } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Jobs } from '../jobs/index.ts'
import { createLoop, type Loop } from '../jobs/loop.ts'
import type { Log } from '../log.ts'
import type { Sql } from '../sql/index.ts'
import {
  deleteEvents,
  deleteSubscriptions,
  eventsAfter,
  hasUnplaced,
  placeEvents,
  readState,
  type Subscription,
  saveSent,
  saveSubscriptions,
  subscriptionsTo,
} from './outbox.ts'
import type { Transport } from './transport.ts'

export type RelayDeps = {
  readonly sql: Sql
  readonly jobs: Jobs
  readonly clock: Clock
  readonly log: Log
  readonly transport: Transport | undefined
  /** The subscriptions of this process. */
  readonly subscriptions: readonly Subscription[]
  readonly keepMs: number
  /** Called when this process has placed events. */
  readonly onPlaced: () => void
}

/** `error` says what went wrong the last time, if it did. */
export type Carrier = { readonly loop: Loop; error(): string | undefined }

/** Tells the other processes that there are placed events. */
export const placedChannel = 'bus'
export const jobKindOf = ({ event, subscriber }: Subscription) => `event:${event}:${subscriber}`

/** How often to look for events that a process has published and not lived to place. */
const POLL_MS = { sqlite: 3_600_000, postgresql: 2_000 } as const
const RETRY_MS = 1_000
const BATCH = 500
const SEND_BATCH = 200
const SEND_POLL_MS = 5_000
const TIDY_EVERY_MS = 3_600_000
/** A subscription no process has had for so long is forgotten. */
const SUBSCRIPTION_MS = 7 * 86_400_000
/** Events the transport has not taken are kept this many times longer than the others. */
const UNSENT_KEEP_FACTOR = 4

/** Gives events their places and makes a job for each event and subscriber, in one transaction. */
export function createRelay(deps: RelayDeps): Carrier {
  const { sql, clock, log } = deps
  let error: string | undefined
  let nextTidyMs = clock.now() + TIDY_EVERY_MS

  async function look(): Promise<number> {
    try {
      while ((await place(deps)) === BATCH) {}
      if (clock.now() >= nextTidyMs) {
        nextTidyMs = clock.now() + TIDY_EVERY_MS
        await tidy(deps)
      }
      error = undefined
      return Math.min(POLL_MS[sql.dialect], nextTidyMs - clock.now())
    } catch (thrown) {
      error = messageFrom(thrown)
      log.warn('bus.relay_failed', { error: thrown })
      return RETRY_MS
    }
  }

  return { loop: createLoop(clock, look), error: () => error }
}

async function place({ sql, jobs, onPlaced }: RelayDeps): Promise<number> {
  if (!(await hasUnplaced(sql))) return 0
  return sql.transaction(async (tx) => {
    const events = await placeEvents(tx, BATCH)
    if (events.length === 0) return 0
    const subscriptions = await subscriptionsTo(tx, [...new Set(events.map(({ name }) => name))])
    for (const event of events) {
      for (const subscription of subscriptions) {
        if (subscription.event !== event.name) continue
        await jobs.enqueue(tx, { kind: jobKindOf(subscription), project: event.project, payload: event, key: event.id })
      }
    }
    await sql.notify(tx, placedChannel)
    tx.afterCommit(onPlaced)
    return events.length
  })
}

async function tidy({ sql, clock, log, transport, subscriptions, keepMs }: RelayDeps): Promise<void> {
  const nowMs = clock.now()
  await saveSubscriptions(sql, subscriptions, nowMs)
  await deleteSubscriptions(sql, nowMs - SUBSCRIPTION_MS)
  const { position, sent } = await readState(sql)
  const beforeMs = nowMs - keepMs
  while ((await deleteEvents(sql, { beforeMs, upTo: transport ? sent : position, limit: BATCH })) === BATCH) {}
  if (!transport) return
  let unsent = 0
  for (let deleted = BATCH; deleted === BATCH; unsent += deleted) {
    deleted = await deleteEvents(sql, { beforeMs: nowMs - keepMs * UNSENT_KEEP_FACTOR, upTo: position, limit: BATCH })
  }
  if (unsent > 0) log.error('bus.events_never_sent', { events: unsent })
}

/** Hands placed events to the transport, and remembers how far it has come. */
export function createSender({ sql, clock, log, transport }: { sql: Sql; clock: Clock; log: Log; transport: Transport }): Carrier {
  let error: string | undefined

  async function look(): Promise<number> {
    if (!transport.isConnected()) return SEND_POLL_MS
    try {
      for (;;) {
        const { sent } = await readState(sql)
        const events = await eventsAfter(sql, { position: sent, limit: SEND_BATCH })
        if (events.length > 0) await transport.send(events)
        error = undefined
        if (events.length === 0) return SEND_POLL_MS
        await saveSent(sql, events.at(-1)!.position)
      }
    } catch (thrown) {
      error = messageFrom(thrown)
      log.warn('bus.not_sent', { error })
      return RETRY_MS
    }
  }

  return { loop: createLoop(clock, look), error: () => error }
}
