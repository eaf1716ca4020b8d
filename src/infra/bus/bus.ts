import type { Clock } from '../clock.ts'
import type { Ids } from '../ids.ts'
import type { JobContext, JobKind, Jobs } from '../jobs/index.ts'
import type { Log } from '../log.ts'
import type { Sql, Tx } from '../sql/index.ts'
import { type BusEvent, type NewEvent, textFromData } from './event.ts'
import { createNats } from './nats.ts'
import {
  deleteSubscriptions,
  eventsAfter,
  hasUnplaced,
  insertEvent,
  latestEvents,
  type Subscription,
  saveInstallation,
  saveSubscriptions,
} from './outbox.ts'
import { createRelay, createSender, jobKindOf, placedChannel } from './relay.ts'
import { createTail, type Watcher } from './tail.ts'
import type { BusHealth } from './transport.ts'

type Handler = (event: BusEvent, context: JobContext) => Promise<void>

export type Bus = {
  /** Records the event in the transaction that causes it. Throws `too_large` above 256 KiB of data. */
  publish(tx: Tx, event: NewEvent): Promise<void>
  /**
   * Calls `handler` for every event of that name from the subscriber's first start on, at least once, in one of the
   * processes that have the subscriber, as a job: retried, and dead in the end. No order is promised. Before `start`.
   */
  on(name: string, subscriber: string, handler: Handler, how?: Omit<JobKind, 'run'>): void
  /**
   * Calls `handler` in this process for every event from now on, in order and once; nothing is kept for it when the
   * process ends. It must be quick. Returns a function that ends it.
   */
  watch(handler: Watcher, filter?: { readonly project?: string }): () => void
  /** Events of a project, oldest first: those after the position `after`, or else the latest. Only events placed already. */
  recent(filter: { readonly project: string; readonly after?: number; readonly limit: number }): Promise<readonly BusEvent[]>
  health(): BusHealth
  /** A guest leaves the list of subscribers to the process that started it, which has the same. */
  start(how?: { readonly guest: boolean }): Promise<void>
  stop(): Promise<void>
  /** Resolves when every event published so far has been shown to the watchers and handled, as far as jobs are due. */
  settle(): Promise<void>
}

export type BusDeps = {
  readonly sql: Sql
  readonly jobs: Jobs
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  /** A NATS server with JetStream, to carry events between processes. */
  readonly url?: string
  readonly keepMs?: number
}

const KEEP_MS = 7 * 86_400_000
const howByDefault: Omit<JobKind, 'run'> = { maxAttempts: 10, backoff: { baseMs: 500, capMs: 300_000 }, timeoutMs: 60_000 }

/** Events between modules and processes; the outbox in the metadata store is the truth. */
export function createBus({ sql, jobs, clock, ids, log, url, keepMs = KEEP_MS }: BusDeps): Bus {
  const subscriptions: Subscription[] = []
  const transport = url === undefined ? undefined : createNats({ url, clock, log })
  const tail = createTail({ sql, clock, log })
  const sender = transport && createSender({ sql, clock, log, transport })
  let placings = 0
  const onPlaced = () => {
    placings++
    tail.loop.poke()
    sender?.loop.poke()
  }
  const relay = createRelay({ sql, jobs, clock, log, transport, subscriptions, keepMs, onPlaced })
  let stopListening = () => {}

  async function start(how?: { readonly guest: boolean }) {
    const installation = await saveInstallation(sql, ids('installation'))
    if (!how?.guest) await subscribe()
    await tail.start()
    stopListening = sql.listen(placedChannel, () => {
      if (!transport?.isConnected()) tail.loop.poke()
    })
    relay.loop.start()
    sender?.loop.start()
    transport?.start(installation, { event: tail.offer, connected: onPlaced })
  }

  async function subscribe() {
    // The file belongs to one process, so a subscription it does not have is one that nobody has.
    if (sql.dialect === 'sqlite') await deleteSubscriptions(sql, Number.MAX_SAFE_INTEGER)
    await saveSubscriptions(sql, subscriptions, clock.now())
  }

  return {
    async publish(tx, event) {
      const { name, project, subject } = event
      await insertEvent(tx, { id: ids('event'), name, project, subject, data: textFromData(event), at: clock.now() })
      tx.afterCommit(() => relay.loop.poke())
    },
    on(name, subscriber, handler, how = {}) {
      const subscription = { event: name, subscriber }
      jobs.define(jobKindOf(subscription), {
        ...howByDefault,
        ...how,
        run: (context) => handler(context.payload as BusEvent, context),
      })
      subscriptions.push(subscription)
    },
    watch: (handler, filter) => tail.watch(handler, filter?.project),
    recent: ({ project, after, limit }) =>
      after === undefined ? latestEvents(sql, { project, limit }) : eventsAfter(sql, { project, position: after, limit }),
    health: () => healthOf(relay.error() ?? sender?.error(), transport?.health()),
    start,
    async stop() {
      stopListening()
      await Promise.all([relay.loop.stop(), tail.loop.stop(), sender?.loop.stop()])
      await transport?.stop()
    },
    async settle() {
      let before: number
      // What was placed meanwhile has handlers that may not have run, whether or not it is placed by the time that is asked.
      do {
        before = placings
        relay.loop.poke()
        await relay.loop.idle()
        await tail.loop.idle()
        await jobs.settle()
      } while ((await hasUnplaced(sql)) || !relay.loop.isIdle() || !tail.loop.isIdle() || placings !== before)
    },
  }
}

function healthOf(error: string | undefined, transport: BusHealth | undefined): BusHealth {
  if (transport?.status === 'degraded') return transport
  if (error !== undefined) return { status: 'degraded', detail: `events wait in the outbox: ${error}` }
  return transport ?? { status: 'ok', detail: 'events go through the outbox' }
}
