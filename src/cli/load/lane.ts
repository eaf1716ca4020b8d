import type { Due } from '../../lib/load/schedule.ts'
import { type LoadConnection, openConnection, type Target } from './connection.ts'
import type { FailureKind } from './tally.ts'

export type Outcome = { readonly status: number } | { readonly failure: FailureKind }

type LaneDeps = {
  readonly target: Target
  readonly timeoutMs: number
  readonly nowMs: () => number
  /** A request has come to its end. */
  settled(due: Due, outcome: Outcome, nowMs: number): void
  /** The lane can carry a request now. */
  free(lane: Lane): void
  /** The lane can carry nothing until it is free again. */
  lost(lane: Lane): void
}

export type Lane = {
  send(request: Buffer, due: Due, nowMs: number): void
  /** Gives up a request that has had no reply for too long. */
  giveUpOverdue(nowMs: number): void
  close(): void
}

const RECONNECT_MS = 100

/** One request at a time over a keep-alive connection, which is opened again whenever it is lost. */
export function openLane({ target, timeoutMs, nowMs, settled, free, lost }: LaneDeps): Lane {
  let connection: LoadConnection | undefined
  let underWay: { readonly due: Due; readonly sentMs: number } | undefined
  let again: NodeJS.Timeout | undefined
  let isClosed = false

  function settle(outcome: Outcome): void {
    if (!underWay) return
    const { due } = underWay
    underWay = undefined
    settled(due, outcome, nowMs())
  }
  function open(): void {
    const own = openConnection(target, {
      opened() {
        connection = own
        free(lane)
      },
      replied(status, reusable) {
        // A reply that nobody asked for leaves the connection out of step.
        if (!underWay) return own.destroy()
        settle({ status })
        if (reusable) free(lane)
      },
      closed(mayReopenAtOnce) {
        connection = undefined
        lost(lane)
        settle({ failure: 'connection' })
        if (isClosed) return
        if (mayReopenAtOnce) open()
        else again = setTimeout(open, RECONNECT_MS)
      },
    })
  }
  const lane: Lane = {
    send(request, due, sentMs) {
      underWay = { due, sentMs }
      connection?.send(request)
    },
    giveUpOverdue(now) {
      if (!underWay || now - underWay.sentMs <= timeoutMs) return
      settle({ failure: 'timeout' })
      connection?.destroy()
    },
    close() {
      isClosed = true
      clearTimeout(again)
      connection?.destroy()
    },
  }
  open()
  return lane
}
