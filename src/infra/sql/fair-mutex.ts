import { AppError } from '../../contract/errors.ts'

/** How many callers may wait for the one SQLite connection before the next is refused. */
const WAITING_LIMIT = 10_000

export type FairMutex = {
  /** Resolves when it is the caller's turn, first come first served. The result gives the turn back; calling it twice does nothing. */
  acquire(): Promise<() => void>
}

/** Throws `throttled` from `acquire` when `limit` callers wait already. */
export function createFairMutex(limit: number = WAITING_LIMIT): FairMutex {
  const waiting: (() => void)[] = []
  let head = 0
  let held = false

  function pass() {
    const next = waiting[head]
    if (!next) {
      waiting.length = 0
      head = 0
      held = false
      return
    }
    head++
    if (head > 1_000 && head * 2 > waiting.length) {
      waiting.splice(0, head)
      head = 0
    }
    next()
  }

  function turn(): () => void {
    let given = true
    return () => {
      if (!given) return
      given = false
      pass()
    }
  }

  return {
    acquire() {
      if (!held) {
        held = true
        return Promise.resolve(turn())
      }
      if (waiting.length - head >= limit) {
        return Promise.reject(
          new AppError('throttled', `the metadata store has ${limit} statements waiting; send fewer at once`, { limit }),
        )
      }
      return new Promise((resolve) => waiting.push(() => resolve(turn())))
    },
  }
}
