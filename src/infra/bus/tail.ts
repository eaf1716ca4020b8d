import { messageFrom } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import { createLoop, type Loop } from '../jobs/loop.ts'
import type { Log } from '../log.ts'
import type { Sql } from '../sql/index.ts'
import type { BusEvent } from './event.ts'
import { eventsAfter, readState } from './outbox.ts'

export type Watcher = (event: BusEvent) => void

export type Tail = {
  watch(watcher: Watcher, project: string | undefined): () => void
  /** Takes an event that came by another way; one that leaves a gap makes the tail read the outbox instead. */
  offer(event: BusEvent): void
  start(): Promise<void>
  readonly loop: Loop
}

/** Without a notice, how often a process looks whether others have placed events. One process alone always knows. */
const POLL_MS = { sqlite: 3_600_000, postgresql: 5_000 } as const
const RETRY_MS = 1_000
const BATCH = 500

/** Shows every event placed since the start to every watcher, in order and once. */
export function createTail({ sql, clock, log }: { sql: Sql; clock: Clock; log: Log }): Tail {
  const watchers = new Set<{ watcher: Watcher; project: string | undefined }>()
  let cursor = 0
  const loop = createLoop(clock, look)

  async function look(): Promise<number> {
    try {
      for (;;) {
        const events = await eventsAfter(sql, { position: cursor, limit: BATCH })
        for (const event of events) deliver(event)
        if (events.length < BATCH) return POLL_MS[sql.dialect]
      }
    } catch (thrown) {
      log.warn('bus.outbox_unavailable', { error: messageFrom(thrown) })
      return RETRY_MS
    }
  }

  function deliver(event: BusEvent) {
    if (event.position <= cursor) return
    cursor = event.position
    for (const { watcher, project } of watchers) {
      if (project !== undefined && project !== event.project) continue
      try {
        watcher(event)
      } catch (error) {
        log.error('bus.watcher_failed', { event: event.name, id: event.id, error })
      }
    }
  }

  return {
    watch(watcher, project) {
      const entry = { watcher, project }
      watchers.add(entry)
      return () => {
        watchers.delete(entry)
      }
    },
    offer(event) {
      if (event.position === cursor + 1) deliver(event)
      else if (event.position > cursor) loop.poke()
    },
    async start() {
      cursor = (await readState(sql)).position
      loop.start()
    },
    loop,
  }
}
