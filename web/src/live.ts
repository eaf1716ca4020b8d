import type { DomainEvent } from '../../src/contract/activity.ts'
import type { EventName } from '../../src/contract/events.ts'

/** Whether events arrive as they happen; when not, since when, and why. */
export type LiveState =
  | { readonly status: 'connecting' }
  | { readonly status: 'live' }
  | { readonly status: 'lost'; readonly sinceMs: number; readonly problem: string }

export type Live = {
  readonly state: () => LiveState
  /** Follows events until stopped, beginning again with growing pauses whenever the stream ends. */
  start(): void
  stop(): void
  /** A request found the server away: the stream is likely dead too, though nothing said so. */
  suspect(): void
  onEvent(listener: (event: DomainEvent) => void): () => void
  /** Told of each change of `state`. Also after a gap in the stream: what was missed is not known, so everything must be read again. */
  onState(listener: () => void): () => void
}

type Deps = {
  /** Opens the stream; `onOpen` is called when the server has answered. */
  readonly follow: (signal: AbortSignal, onOpen: () => void) => AsyncIterable<DomainEvent>
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly now: () => number
  readonly random: () => number
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000

/** The pause before attempt `attempt` (0 = the first retry): doubling, capped, with half of it random so that consoles do not return in step. */
export function pauseBefore(attempt: number, random: () => number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
  return longest / 2 + (longest / 2) * random()
}

/** The console’s one connection for events. */
export function createLive(deps: Deps): Live {
  const eventListeners = new Set<(event: DomainEvent) => void>()
  const stateListeners = new Set<() => void>()
  let state: LiveState = { status: 'connecting' }
  let stopped: AbortController | undefined
  let attempt: AbortController | undefined

  function become(next: LiveState): void {
    const same = next.status === state.status && next.status !== 'lost'
    state = next
    if (!same) for (const listener of stateListeners) listener()
  }

  async function run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      attempt = new AbortController()
      const cut = AbortSignal.any([signal, attempt.signal])
      let problem = 'the stream of events ended'
      try {
        for await (const event of deps.follow(cut, opened)) for (const listener of eventListeners) listener(event)
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error)
      }
      if (signal.aborted) return
      become({ status: 'lost', sinceMs: state.status === 'lost' ? state.sinceMs : deps.now(), problem })
      await deps.pause(pauseBefore(failures++, deps.random), signal)

      function opened() {
        failures = 0
        become({ status: 'live' })
      }
    }
  }

  return {
    state: () => state,
    start() {
      if (stopped) return
      stopped = new AbortController()
      void run(stopped.signal)
    },
    stop() {
      stopped?.abort()
      stopped = undefined
      become({ status: 'connecting' })
    },
    suspect() {
      if (state.status === 'live') attempt?.abort()
    },
    onEvent(listener) {
      eventListeners.add(listener)
      return () => eventListeners.delete(listener)
    },
    onState(listener) {
      stateListeners.add(listener)
      return () => stateListeners.delete(listener)
    },
  }
}

/** Modules whose events change what a reader of them shows. */
export type Topic = EventName extends `${infer Module}.${string}` ? Module : never

export function concerns(event: DomainEvent, topics: readonly Topic[]): boolean {
  return topics.includes(event.name.slice(0, event.name.indexOf('.')) as Topic)
}
