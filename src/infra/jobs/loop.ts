import type { Clock } from '../clock.ts'

export type Loop = {
  start(): void
  /** Looks now, or once more after the look under way. */
  poke(): void
  /** Whether no look is under way. */
  isIdle(): boolean
  /** Resolves when no look is under way. */
  idle(): Promise<void>
  stop(): Promise<void>
}

/** Calls `look` one call at a time: when poked, and after as many milliseconds as it last returned. It must not throw. */
export function createLoop(clock: Clock, look: () => Promise<number>): Loop {
  let isStarted = false
  let underWay: Promise<void> | undefined
  let again = false
  let cancelWait = () => {}

  function poke() {
    if (!isStarted) return
    if (underWay) {
      again = true
      return
    }
    cancelWait()
    again = false
    underWay = look().then((waitMs) => {
      underWay = undefined
      if (!isStarted) return
      if (again) poke()
      else cancelWait = clock.after(waitMs, poke)
    })
  }

  return {
    start() {
      isStarted = true
      poke()
    },
    poke,
    isIdle: () => underWay === undefined,
    async idle() {
      while (underWay) await underWay
    },
    async stop() {
      isStarted = false
      cancelWait()
      await underWay
    },
  }
}
