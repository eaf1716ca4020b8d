import { AppError, errorCodes, messageFrom } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import type { Spool } from '../../../infra/spool.ts'
import type { Segment, SegmentConsumer } from './segment.ts'
import { segmentFrom } from './segment-reader.ts'

export type PumpHealth = {
  readonly queuedSegments: number
  readonly queuedBytes: number
  /** Passes in a row that ended with an error, and the last one. */
  readonly failures: number
  readonly problem?: string
  /** Segments a consumer never took: it failed every try with an error that trying again does not mend. */
  readonly skipped: number
}

export type Pump = {
  start(): void
  /** Asks for a pass soon, because much has been recorded. */
  hurry(): void
  /** Moves everything recorded so far; throws what stops it. */
  drain(): Promise<void>
  stop(): Promise<void>
  health(): PumpHealth
}

const PASS_EVERY_MS = 250
const LONGEST_PAUSE_MS = 30_000
const CONSUMER_TRIES = 10

/**
 * Moves sealed segments, oldest first: read, store, hand to each consumer in turn, release. A segment is released only
 * after all of that, so a crash repeats it under the same id. While a step fails the segments wait on disk, in order,
 * and the pauses between the passes grow.
 */
export function createPump(deps: {
  readonly spool: Spool
  readonly clock: Clock
  readonly log: Log
  readonly rotate: () => void
  readonly store: (segment: Segment) => Promise<void>
  readonly consumers: readonly SegmentConsumer[]
}): Pump {
  const { spool, clock, log, rotate, store, consumers } = deps
  let isStarted = false
  let isHurried = false
  let running: Promise<void> | undefined
  let cancel = () => {}
  let failures = 0
  let problem: string | undefined
  let skipped = 0
  const tries = new Map<string, number>()

  async function moveSegment(id: string): Promise<void> {
    const { frames } = await spool.read(id)
    const segment = await segmentFrom(id, frames)
    await store(segment)
    for (const consumer of consumers) await feed(consumer, segment)
    spool.release(id)
    tries.clear()
  }

  /** Hands a segment over. A fault that trying again does not mend may not hold up the stream for ever. */
  async function feed(consumer: SegmentConsumer, segment: Segment): Promise<void> {
    const tried = tries.get(consumer.name) ?? 0
    if (tried >= CONSUMER_TRIES) return
    try {
      await consumer.consume(segment)
    } catch (thrown) {
      const isPassing = thrown instanceof AppError && errorCodes[thrown.code].retryable
      if (!isPassing) tries.set(consumer.name, tried + 1)
      if (tried + 1 < CONSUMER_TRIES || isPassing) throw thrown
      skipped++
      log.error('telemetry.segment_skipped', { segment: segment.id, consumer: consumer.name, error: thrown })
    }
  }

  async function moveAll(): Promise<void> {
    // While the store does not take segments the open one goes on growing: few large files instead of many small ones.
    if (failures === 0 || spool.sealed().length === 0) rotate()
    for (const id of spool.sealed()) await moveSegment(id)
  }

  function pass(): Promise<void> {
    running ??= moveAll()
      .then(
        () => {
          failures = 0
          problem = undefined
        },
        (thrown) => {
          failures++
          problem = messageFrom(thrown)
          log.warn('telemetry.pass_failed', { failures, queued: spool.sealed().length, error: thrown })
          throw thrown
        },
      )
      .finally(() => {
        running = undefined
      })
    return running
  }

  function schedule() {
    cancel()
    if (!isStarted) return
    const pauseMs = isHurried && failures === 0 ? 0 : Math.min(PASS_EVERY_MS * 2 ** failures, LONGEST_PAUSE_MS)
    // A failed pass is counted and logged where it fails; here it only decides the next pause.
    cancel = clock.after(
      pauseMs,
      () =>
        void pass()
          .catch(() => undefined)
          .finally(schedule),
    )
    isHurried = false
  }

  return {
    start() {
      isStarted = true
      schedule()
    },
    hurry() {
      if (isHurried || failures > 0) return
      isHurried = true
      if (running === undefined) schedule()
    },
    async drain() {
      if (running !== undefined) await running.catch(() => undefined)
      rotate()
      await pass()
    },
    async stop() {
      isStarted = false
      cancel()
      await running?.catch(() => undefined)
    },
    health: () => ({
      queuedSegments: spool.sealed().length,
      queuedBytes: spool.stats().bytes,
      failures,
      ...(problem === undefined ? {} : { problem }),
      skipped,
    }),
  }
}
