import type { DomainEvent } from '../../../contract/activity.ts'
import type { activity } from '../../../contract/activity.ts'
import type { Verbs } from '../../../contract/endpoint.ts'
import type { Bus } from '../../../infra/bus/index.ts'

export type Activity = Verbs<typeof activity>

/** A reader that falls further behind than this loses the oldest events and is told so by the gap in their ids. */
const MOST_WAITING = 1_000

export function createActivity({ bus }: { bus: Bus }): Activity {
  return {
    async listEvents({ limit }, caller) {
      return await bus.recent({ project: caller.project, limit })
    },
    async watchEvents(_input, caller) {
      return follow(bus, caller.project, caller.signal)
    },
  }
}

async function* follow(bus: Bus, project: string, signal: AbortSignal | undefined): AsyncIterable<DomainEvent> {
  const waiting: DomainEvent[] = []
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
      if (next) yield { id: next.id, name: next.name, subject: next.subject, data: next.data, at: next.at }
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stop()
    signal?.removeEventListener('abort', onAbort)
  }
}
