import type { Clock } from '../clock.ts'

/**
 * Ends what takes too long to arrive. One timer serves all that is arriving at a time, so that a message which comes at once
 * costs none; what is late is found within twice `limitMs` at most.
 */
export function createArrivals(clock: Clock, limitMs: number) {
  const arriving = new Map<object, { readonly sinceMs: number; readonly expire: () => void }>()
  let armed = false

  function sweep(): void {
    armed = false
    const beforeMs = clock.now() - limitMs
    for (const [what, { sinceMs, expire }] of arriving) {
      if (sinceMs > beforeMs) break
      arriving.delete(what)
      expire()
    }
    if (arriving.size > 0) arm()
  }

  function arm(): void {
    armed = true
    clock.after(limitMs, sweep)
  }

  return {
    add(what: object, expire: () => void): void {
      arriving.set(what, { sinceMs: clock.now(), expire })
      if (!armed) arm()
    },
    delete(what: object): void {
      arriving.delete(what)
    },
  }
}
