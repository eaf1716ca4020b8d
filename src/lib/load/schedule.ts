/** Which requests are due when. All times are milliseconds of one monotonic clock. */
export type Schedule = {
  readonly startMs: number
  /** Requests a second, evenly spaced, whatever the replies do; absent: the next is due whenever somebody can send it. */
  readonly rate?: number
  readonly warmupMs: number
  readonly durationMs: number
  /** A request that could not be sent for so long after its time is given up. */
  readonly patienceMs: number
}

/** `counted` is false during the warm-up. */
export type Due = { readonly n: number; readonly dueMs: number; readonly counted: boolean }

export type Supply = {
  /** Takes the next request if its time has come. */
  take(nowMs: number): Due | undefined
  /** Passes over the requests that nobody could send for too long. */
  skipOverdue(nowMs: number): void
  /** Time until the next request is due, 0 when it is overdue; undefined when there is none left. */
  waitMs(nowMs: number): number | undefined
  /** No further request becomes due. */
  stop(): void
}

const ROUNDING = 1e-9

/** How many requests are due in the first `ms` milliseconds at `rate` requests a second, the first of them at once. */
export function requestsDueIn(ms: number, rate: number): number {
  return Math.max(0, Math.ceil((ms * rate) / 1_000 - ROUNDING))
}

/** Hands out requests in the order of their due times; `onSkipped` hears of each that was given up unsent. */
export function createSupply(schedule: Schedule, onSkipped: (due: Due) => void): Supply {
  const { startMs, rate, warmupMs, durationMs, patienceMs } = schedule
  const measuredMs = startMs + warmupMs
  const endMs = measuredMs + durationMs
  const most = rate === undefined ? Number.POSITIVE_INFINITY : requestsDueIn(warmupMs + durationMs, rate)
  let next = 0
  let stopped = false
  const dueMsOf = (n: number, nowMs: number) => (rate === undefined ? nowMs : startMs + (n * 1_000) / rate)
  const hasMore = (nowMs: number) => !stopped && (rate === undefined ? nowMs < endMs : next < most)
  const dueOf = (n: number, dueMs: number): Due => ({ n, dueMs, counted: dueMs >= measuredMs })

  function skipOverdue(nowMs: number): void {
    while (hasMore(nowMs) && nowMs - dueMsOf(next, nowMs) > patienceMs) {
      onSkipped(dueOf(next, dueMsOf(next, nowMs)))
      next += 1
    }
  }
  return {
    skipOverdue,
    take(nowMs) {
      skipOverdue(nowMs)
      if (!hasMore(nowMs)) return undefined
      const dueMs = dueMsOf(next, nowMs)
      return dueMs > nowMs ? undefined : dueOf(next++, dueMs)
    },
    waitMs: (nowMs) => (hasMore(nowMs) ? Math.max(0, dueMsOf(next, nowMs) - nowMs) : undefined),
    stop() {
      stopped = true
    },
  }
}
