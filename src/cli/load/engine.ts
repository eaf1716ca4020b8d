import { createSupply, type Due } from '../../lib/load/schedule.ts'
import type { Target } from './connection.ts'
import { type Lane, type Outcome, openLane } from './lane.ts'
import { countFailure, countReply, createTally, type LoadResult, type LoadTally, resultOf } from './tally.ts'

export type LoadPlan = {
  readonly target: Target
  /** Whole HTTP/1.1 requests, sent in turn. */
  readonly requests: readonly Buffer[]
  /** Requests a second, sent at their time whether or not earlier ones are answered; absent: each connection sends its next on the reply. */
  readonly rate?: number
  readonly connections: number
  /** Sent before the measured part, and not counted. */
  readonly warmupMs: number
  readonly durationMs: number
  readonly timeoutMs: number
}

export type LoadDeps = {
  /** A monotonic clock in milliseconds, finer than one. */
  readonly nowMs: () => number
  readonly stop?: AbortSignal
  /** Called about once a second. */
  readonly onProgress?: (tally: LoadTally, elapsedMs: number) => void
}

/** A due time this near is waited for by turning the event loop, because timers are no finer than a millisecond. */
const SPIN_MS = 2
const SWEEP_MS = 20
const PROGRESS_MS = 1_000

/**
 * Sends requests to one server and measures the replies. In an open loop a request’s latency counts from the time at which
 * it was due, so a server that stalls is charged for every request that had to wait (no coordinated omission); a request
 * that waited longer than the timeout counts as timed out. Resolves when the last reply has come or is given up.
 */
export function runLoad(plan: LoadPlan, { nowMs, stop, onProgress }: LoadDeps): Promise<LoadResult> {
  const { warmupMs, durationMs, timeoutMs, rate, requests } = plan
  const startMs = nowMs()
  const measuredMs = startMs + warmupMs
  const tally = createTally()
  const skipped = ({ dueMs, counted }: Due) => {
    if (counted) countFailure(tally, 'timeout', nowMs() - dueMs)
  }
  const supply = createSupply({ startMs, rate, warmupMs, durationMs, patienceMs: timeoutMs }, skipped)
  let underWay = 0

  const idle = createIdleLanes(supply.waitMs, nowMs, (lane, now) => {
    const due = supply.take(now)
    if (!due) return false
    underWay += 1
    if (due.counted) {
      tally.sent += 1
      tally.delays.record(now - due.dueMs)
    }
    lane.send(requests[due.n % requests.length]!, due, now)
    return true
  })

  function settled({ dueMs, counted }: Due, outcome: Outcome, now: number): void {
    underWay -= 1
    if (!counted) return
    if ('status' in outcome) countReply(tally, outcome.status, now - dueMs)
    else countFailure(tally, outcome.failure, now - dueMs)
    tally.lastReplyMs = now
  }
  const laneDeps = { target: plan.target, timeoutMs, nowMs, settled, free: idle.add, lost: idle.remove }
  const lanes = Array.from({ length: plan.connections }, () => openLane(laneDeps))

  return new Promise((resolve) => {
    let endMs = measuredMs + durationMs
    let progressMs = startMs + PROGRESS_MS
    const sweep = setInterval(() => {
      const now = nowMs()
      if (stop?.aborted) {
        supply.stop()
        endMs = Math.max(measuredMs, Math.min(endMs, now))
      }
      supply.skipOverdue(now)
      for (const lane of lanes) lane.giveUpOverdue(now)
      if (now >= progressMs) {
        progressMs += PROGRESS_MS
        onProgress?.(tally, now - startMs)
      }
      if (underWay > 0 || supply.waitMs(now) !== undefined) return
      clearInterval(sweep)
      idle.close()
      for (const lane of lanes) lane.close()
      resolve(resultOf(tally, measuredMs, endMs))
    }, SWEEP_MS)
  })
}

/** The lanes that wait for work; `feed` is asked for each as soon as a request is due. */
function createIdleLanes(waitMs: (nowMs: number) => number | undefined, nowMs: () => number, feed: (lane: Lane, nowMs: number) => boolean) {
  const lanes: Lane[] = []
  let timer: NodeJS.Timeout | undefined
  let spin: NodeJS.Immediate | undefined

  function pump(): void {
    timer = undefined
    spin = undefined
    const now = nowMs()
    while (lanes.length > 0 && feed(lanes[0]!, now)) lanes.shift()
    wait(now)
  }
  /** Waits for the next due time, unless somebody waits already or nobody could send. */
  function wait(now: number): void {
    if (timer || spin || lanes.length === 0) return
    const ms = waitMs(now)
    if (ms === undefined) return
    if (ms <= SPIN_MS) spin = setImmediate(pump)
    else timer = setTimeout(pump, ms - SPIN_MS)
  }
  return {
    add(lane: Lane): void {
      const now = nowMs()
      if (lanes.length === 0 && feed(lane, now)) return
      lanes.push(lane)
      wait(now)
    },
    remove(lane: Lane): void {
      const at = lanes.indexOf(lane)
      if (at >= 0) lanes.splice(at, 1)
    },
    close(): void {
      clearTimeout(timer)
      if (spin) clearImmediate(spin)
    },
  }
}
