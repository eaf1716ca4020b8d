import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Stream } from '../../../contract/streams.ts'
import type { Blobs } from '../../../infra/blobs/blobs.ts'
import { sleep } from '../../../infra/clock.ts'
import { LEASE_MS } from './partition.ts'
import { openSession, type SessionDeps, type StreamName } from './session.ts'
import { readTable } from './tables.ts'

export type WorkerDeps = SessionDeps & { readonly blobs: Pick<Blobs, 'get'> }
export type Worker = ReturnType<typeof startWorker>
type Session = Awaited<ReturnType<typeof openSession>>

const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 15_000
const RATE_SECONDS = 10

/** Works a stream until stopped: session after session, with growing pauses after failures. */
export function startWorker(deps: WorkerDeps, stream: StreamName) {
  const { clock, log } = deps
  const { project, name, spec } = stream
  const stop = new AbortController()
  const rate = createRate(() => clock.now())
  let session: Session | undefined
  let state: Stream['state'] = 'starting'
  let problem: string | null = null
  let isResting = false

  async function rest(ms: number, why: string, signal: AbortSignal): Promise<void> {
    problem = why
    state = 'waiting'
    isResting = true
    await sleep(clock, ms, signal)
    isResting = false
  }
  const watch = {
    rest,
    fine() {
      state = 'running'
    },
    read: rate.add,
  }

  async function workOnce(): Promise<void> {
    const tables = await Promise.all(spec.enrich.filter((one) => one.kind === 'table').map((one) => readTable(deps.blobs, one)))
    const opened = await openSession(deps, stream, tables, watch)
    session = opened
    try {
      if (stop.signal.aborted) return
      state = 'running'
      await opened.run()
    } finally {
      session = undefined
      await opened.close()
    }
  }

  async function work(): Promise<void> {
    for (let waitMs = FIRST_RETRY_MS; !stop.signal.aborted; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
      const startedMs = clock.now()
      try {
        await workOnce()
      } catch (error) {
        const isStandby = error instanceof AppError && error.details.standby === true
        if (!isStandby) log.warn('streams.session_failed', { project, stream: name, error })
        if (isStandby || clock.now() - startedMs > LONGEST_RETRY_MS) waitMs = FIRST_RETRY_MS
        const resting = rest(isStandby ? LEASE_MS / 3 : waitMs, messageFrom(error), stop.signal)
        if (isStandby) state = 'standby'
        await resting
      }
    }
  }
  const done = work()

  return {
    stream,
    status: async () => ({
      state,
      problem,
      inFlight: session?.inFlight() ?? 0,
      perSecond: rate.perSecond(),
      lag: (await session?.lag().catch(() => null)) ?? null,
    }),
    /** Ends after the batch under way and its checkpoint. */
    async stop(): Promise<void> {
      stop.abort()
      session?.stop()
      await done
    },
    /** Whether it has done what can be done now: all is worked on and safe, or it waits for time to pass. */
    isSettled: async (): Promise<boolean> => isResting || ((await session?.isSettled()) ?? false),
  }
}

/** Events a second, over the last ten whole seconds. */
function createRate(now: () => number) {
  const counts = new Map<number, number>()
  const secondOf = () => Math.floor(now() / 1_000)
  const forget = (second: number) => {
    for (const known of counts.keys()) if (known < second - RATE_SECONDS) counts.delete(known)
  }
  return {
    add(events: number): void {
      const second = secondOf()
      forget(second)
      counts.set(second, (counts.get(second) ?? 0) + events)
    },
    perSecond(): number {
      const second = secondOf()
      forget(second)
      let sum = 0
      for (const [known, events] of counts) if (known < second) sum += events
      return sum / RATE_SECONDS
    },
  }
}
