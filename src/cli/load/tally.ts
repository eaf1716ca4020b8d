import { createLatencies, type Latencies, type LatencySummary } from '../../lib/load/latencies.ts'

/** How a request can fail: an error status, no reply in time, a connection that broke or spoke no HTTP. */
const failureKinds = ['status', 'timeout', 'connection'] as const
export type FailureKind = (typeof failureKinds)[number]

/** What was counted of the requests whose time to be sent lies in the measured part. */
export type LoadTally = {
  sent: number
  ok: number
  /** Answered by 429 or 503: the server refused what it could not carry. */
  shed: number
  readonly errors: Record<FailureKind, number>
  readonly statuses: Record<string, number>
  /** Of the replies that count as ok, and of requests that timed out, with the time they had waited. */
  readonly latencies: Latencies
  /** How long after its time a request was sent, which is the load generator’s own delay and that of busy connections. */
  readonly delays: Latencies
  lastReplyMs: number
}

export type LoadResult = Omit<LoadTally, 'latencies' | 'delays' | 'lastReplyMs'> & {
  readonly latencyMs: LatencySummary
  readonly sendDelayMs: LatencySummary
  /** From the start of the measured part to its end, or to the last reply, less the median latency, where that is later. */
  readonly elapsedMs: number
  /** Replies that count as ok, a second of that time. */
  readonly achieved: number
}

const SHEDDING: ReadonlySet<number> = new Set([429, 503])

export function createTally(): LoadTally {
  return {
    sent: 0,
    ok: 0,
    shed: 0,
    errors: { status: 0, timeout: 0, connection: 0 },
    statuses: {},
    latencies: createLatencies(),
    delays: createLatencies(),
    lastReplyMs: 0,
  }
}

export function countReply(tally: LoadTally, status: number, latencyMs: number): void {
  if (status >= 200 && status < 300) {
    tally.ok += 1
    tally.latencies.record(latencyMs)
    return
  }
  tally.statuses[status] = (tally.statuses[status] ?? 0) + 1
  if (SHEDDING.has(status)) tally.shed += 1
  else tally.errors.status += 1
}

export function countFailure(tally: LoadTally, kind: FailureKind, waitedMs: number): void {
  tally.errors[kind] += 1
  // A request that nobody answered in time would otherwise make the percentiles look better than they were.
  if (kind === 'timeout') tally.latencies.record(waitedMs)
}

export function resultOf(tally: LoadTally, startMs: number, endMs: number): LoadResult {
  const latencyMs = tally.latencies.summary()
  // Replies to the last requests come after the end anyway; what is later than that shows a server that fell behind.
  const elapsedMs = Math.max(endMs, tally.lastReplyMs - (latencyMs.p50 ?? 0)) - startMs
  return {
    sent: tally.sent,
    ok: tally.ok,
    shed: tally.shed,
    errors: tally.errors,
    statuses: tally.statuses,
    latencyMs,
    sendDelayMs: tally.delays.summary(),
    elapsedMs,
    achieved: elapsedMs > 0 ? (tally.ok * 1_000) / elapsedMs : 0,
  }
}

/** Failed requests as a share of all that were answered, refused or failed. */
export function errorRateOf({ ok, shed, errors }: Pick<LoadResult, 'ok' | 'shed' | 'errors'>): number {
  const failed = failureKinds.reduce((sum, kind) => sum + errors[kind], 0)
  const all = ok + shed + failed
  return all === 0 ? 0 : failed / all
}
