import { type Clock, sleep } from '../clock.ts'

/** What a broker pushes, until somebody takes it. The broker is told elsewhere how much it may push. */
export function createInbox<T>(clock: Clock) {
  let items: T[] = []
  let failure: unknown
  let wake = () => {}

  function arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        wake = () => {}
        resolve()
      }
      wake = done
      signal.addEventListener('abort', done)
    })
  }

  return {
    add(item: T): void {
      items.push(item)
      wake()
    },
    /** Makes every `take` from now on throw, once what is there was taken. */
    fail(error: unknown): void {
      failure ??= error
      wake()
    },
    /** At least one and at most `most`, once the first has waited `lingerMs`; none only when `signal` aborts. */
    async take(most: number, lingerMs: number, signal: AbortSignal): Promise<T[]> {
      if (items.length === 0 && failure === undefined && !signal.aborted) await arrival(signal)
      if (lingerMs > 0 && items.length < most && failure === undefined) await sleep(clock, lingerMs, signal)
      if (signal.aborted) return []
      if (items.length === 0 && failure !== undefined) throw failure
      const taken = items.slice(0, most)
      items = items.slice(most)
      return taken
    },
  }
}
