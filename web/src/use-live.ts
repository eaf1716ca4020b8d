import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { AppError, messageFrom } from '../../src/contract/errors.ts'
import { useConsole } from './console.tsx'
import { concerns, type LiveState, type Topic } from './live.ts'

export type Loaded<T> = {
  /** The newest value read; kept while a later read fails, so that a page never goes blank. */
  readonly value: T | undefined
  readonly error: AppError | undefined
  readonly reload: () => void
}

/** Events come in bursts; a burst is answered by one read. */
const GATHER_MS = 120

/**
 * Reads a value when it is first shown, whenever an event of one of its `topics` arrives, after a gap in the events, and
 * every `pollMs` for numbers that no event announces. One read at a time; none while the page is hidden.
 */
export function useLive<T>(
  key: string,
  load: () => Promise<T>,
  { topics, pollMs }: { topics: readonly Topic[]; pollMs: number },
): Loaded<T> {
  const { live } = useConsole()
  const [read, setRead] = useState<{ key: string; value?: T; error?: AppError }>({ key })
  const latest = useRef({ load, topics })
  latest.current = { load, topics }
  const again = useRef<() => void>(() => {})

  useEffect(() => {
    let over = false
    let busy = false
    let wanted = false
    let timer: ReturnType<typeof setTimeout> | undefined

    async function run() {
      if (busy || document.hidden) {
        wanted = true
        return
      }
      clearTimeout(timer)
      busy = true
      wanted = false
      try {
        const value = await latest.current.load()
        if (!over) setRead({ key, value })
      } catch (thrown) {
        const error = thrown instanceof AppError ? thrown : new AppError('internal', messageFrom(thrown), {}, thrown)
        if (error.code === 'unavailable') live.suspect()
        if (!over) setRead((before) => ({ ...(before.key === key ? before : {}), key, error }))
      }
      busy = false
      if (!over) timer = setTimeout(run, wanted ? GATHER_MS : pollMs)
    }
    function soon() {
      wanted = true
      if (busy || document.hidden) return
      clearTimeout(timer)
      timer = setTimeout(run, GATHER_MS)
    }
    const stops = [
      live.onEvent((event) => concerns(event, latest.current.topics) && soon()),
      live.onState(() => live.state().status === 'live' && soon()),
    ]
    const onVisible = () => !document.hidden && wanted && soon()
    document.addEventListener('visibilitychange', onVisible)
    again.current = soon
    void run()
    return () => {
      over = true
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', onVisible)
      for (const stop of stops) stop()
    }
  }, [key, live, pollMs])

  const reload = useCallback(() => again.current(), [])
  const current = read.key === key ? read : undefined
  return { value: current?.value, error: current?.error, reload }
}

export function useLiveState(): LiveState {
  const { live } = useConsole()
  return useSyncExternalStore(live.onState, live.state)
}

/** The time of day, once a second: for ages and for what is still running. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [])
  return now
}
