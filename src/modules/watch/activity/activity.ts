import type { activity, DomainEvent } from '../../../contract/activity.ts'
import type { Verbs } from '../../../contract/endpoint.ts'
import type { Bus, BusEvent } from '../../../infra/bus/index.ts'

export type Activity = Verbs<typeof activity>

/** A reader that falls further behind than this loses the oldest events and is told so by the gap in their ids. */
const MOST_WAITING = 1_000

export function createActivity({ bus }: { bus: Bus }): Activity {
  return {
    async listEvents({ limit }, caller) {
      return (await bus.recent({ project: caller.project, limit })).map(shownEvent)
    },
    async watchEvents(_input, caller) {
      return follow(bus, caller.project, caller.signal)
    },
  }
}

async function* follow(bus: Bus, project: string, signal: AbortSignal | undefined): AsyncIterable<DomainEvent> {
  const waiting: BusEvent[] = []
  let wake: () => void = () => {}
  const stop = bus.watch(
    (event) => {
      waiting.push(event)
      if (waiting.length > MOST_WAITING) waiting.shift()
      wake()
    },
    { project },
  )
  const onAbort = () => wake()
  signal?.addEventListener('abort', onAbort)
  try {
    while (!signal?.aborted) {
      const next = waiting.shift()
      if (next) yield shownEvent(next)
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stop()
    signal?.removeEventListener('abort', onAbort)
  }
}

function shownEvent({ id, name, subject, data, atMs }: BusEvent): DomainEvent {
  return { id, name, subject, data: data as Record<string, unknown>, at: atMs }
}
