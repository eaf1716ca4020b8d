import type { Clock } from '../src/infra/clock.ts'

export type ManualClock = Clock & {
  /** Moves time on by `ms`, calling on the way, in order, whatever falls due. */
  advance(ms: number): void
}

type Timer = { readonly atMs: number; readonly run: () => void }

/** A clock that stands still until a test moves it. */
export function createManualClock(startMs = 1_750_000_000_000): ManualClock {
  const timers = new Set<Timer>()
  let nowMs = startMs

  function nextBefore(limitMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of timers) if (timer.atMs <= limitMs && (!next || timer.atMs < next.atMs)) next = timer
    return next
  }

  return {
    now: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      const endMs = nowMs + ms
      for (let timer = nextBefore(endMs); timer; timer = nextBefore(endMs)) {
        timers.delete(timer)
        nowMs = Math.max(nowMs, timer.atMs)
        timer.run()
      }
      nowMs = endMs
    },
  }
}
