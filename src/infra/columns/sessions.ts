export type Pool<S> = {
  /** Runs `task` with a session nobody else uses meanwhile; waits its turn. Rejects with `full()` when too many wait. */
  run<T>(task: (session: S) => Promise<T>): Promise<T>
  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void>
  readonly sessions: readonly S[]
}

/**
 * Lends out sessions one task at a time. The engine serialises the queries of one session, so a light query beside a
 * heavy one needs a session of its own.
 */
export function createPool<S>(sessions: readonly S[], maxWaiting: number, full: () => Error): Pool<S> {
  const free = [...sessions]
  const waiting: ((session: S) => void)[] = []
  const onIdle: (() => void)[] = []

  function take(): Promise<S> {
    const session = free.pop()
    if (session !== undefined) return Promise.resolve(session)
    if (waiting.length >= maxWaiting) return Promise.reject(full())
    return new Promise((resolve) => waiting.push(resolve))
  }

  function giveBack(session: S) {
    const next = waiting.shift()
    if (next !== undefined) return next(session)
    free.push(session)
    if (free.length === sessions.length) for (const resolve of onIdle.splice(0)) resolve()
  }

  return {
    sessions,
    async run(task) {
      const session = await take()
      try {
        return await task(session)
      } finally {
        giveBack(session)
      }
    },
    idle: () => (free.length === sessions.length ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
  }
}
