import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import { backoffDelayMs } from '../../../infra/jobs/backoff.ts'
import type { Log } from '../../../infra/log.ts'
import type { ModelHealth } from './model.ts'
import type { Frame } from './python-frames.ts'
import type { PythonWorker } from './python-worker.ts'

type Options = {
  readonly start: () => Promise<PythonWorker>
  readonly processes: number
  readonly timeoutMs: number
  /** Calls that may wait. */
  readonly queue: number
  readonly memoryBytes: number | undefined
  readonly what: string
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}
type Waiting = { readonly run: (worker: PythonWorker) => void; readonly reject: (error: AppError) => void }
export type PythonPool = {
  /** Starts every worker; answers what the first told. Throws what keeps one from starting; none is left then. */
  open(): Promise<Frame['head']>
  /** Runs a call on the next free worker. Throws `throttled` when too many wait, `timeout`, `unavailable`, `cancelled`, and what the model’s fault is. */
  run(head: object, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<Frame>
  health(): ModelHealth
  close(): Promise<void>
}

const RESTART_BACKOFF = { baseMs: 500, capMs: 30_000 }
/** So many workers in a row that end before they have answered anything, and the model is left alone for a while. */
const MOST_FAILURES = 5
const TRY_AGAIN_MS = 300_000
const WATCH_MS = 1_000
const PING_AFTER_MS = 10_000
const PING_TIMEOUT_MS = 5_000

/**
 * Keeps `processes` workers alive and gives them calls, first come, first served. One that ends, takes too long or too much
 * memory is replaced, after growing pauses; after 5 that came to nothing in a row, another is tried every 5 minutes only.
 */
export function createPool(options: Options): PythonPool {
  const { processes, timeoutMs, queue, memoryBytes, what, clock, random, log } = options
  /** When each idle worker was last used. */
  const idle = new Map<PythonWorker, number>()
  const workers = new Set<PythonWorker>()
  const waiting = new Set<Waiting>()
  const timers = new Set<() => void>()
  let failures = 0
  let restarts = 0
  let trouble: AppError | undefined
  let closed = false

  function later(delayMs: number, run: () => void) {
    const cancel = clock.after(delayMs, () => {
      timers.delete(cancel)
      run()
    })
    timers.add(cancel)
  }

  function adopt(worker: PythonWorker) {
    workers.add(worker)
    void worker.ended.then((why) => {
      workers.delete(worker)
      idle.delete(worker)
      if (closed) return
      log.warn('runtimes.worker_ended', { model: what, problem: why.message })
      restartAfter(why)
    })
    free(worker)
  }

  function restartAfter(why: AppError) {
    failures += 1
    trouble = why
    const hasGivenUp = failures >= MOST_FAILURES
    if (hasGivenUp && workers.size === 0) {
      const gaveUp = refusal(why)
      for (const { reject } of waiting) reject(gaveUp)
      waiting.clear()
    }
    later(hasGivenUp ? TRY_AGAIN_MS : backoffDelayMs(RESTART_BACKOFF, failures, random()), () => {
      restarts += 1
      options.start().then(
        (worker) => (closed ? worker.kill(closedError()) : adopt(worker)),
        (error: unknown) => {
          log.warn('runtimes.worker_not_started', { model: what, problem: messageFrom(error) })
          if (!closed) restartAfter(error as AppError)
        },
      )
    })
  }

  const refusal = (why: AppError) =>
    new AppError(
      'unavailable',
      `${what} has no worker: ${failures} in a row came to nothing, the last so: ${why.message}; another is tried every ${TRY_AGAIN_MS / 60_000} minutes, or when the deployment is applied anew`,
      { retryAfterSeconds: TRY_AGAIN_MS / 1_000 },
    )
  const closedError = () => new AppError('unavailable', `${what} was released`)

  function free(worker: PythonWorker) {
    const [next] = waiting
    if (next) {
      waiting.delete(next)
      next.run(worker)
    } else idle.set(worker, clock.now())
  }

  /** A worker that is free, or the next to be. */
  function take(signal: AbortSignal | undefined): Promise<PythonWorker> {
    const [worker] = idle.keys()
    if (worker) {
      idle.delete(worker)
      return Promise.resolve(worker)
    }
    if (closed) return Promise.reject(closedError())
    if (failures >= MOST_FAILURES && workers.size === 0) return Promise.reject(refusal(trouble!))
    if (waiting.size >= queue)
      return Promise.reject(
        new AppError('throttled', `${waiting.size} calls wait for the ${processes} workers of ${what}; try again in 1 s`, {
          retryAfterSeconds: 1,
        }),
      )
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel()
        signal?.removeEventListener('abort', onAbort)
        waiting.delete(one)
      }
      const one: Waiting = {
        run(worker) {
          end()
          resolve(worker)
        },
        reject(error) {
          end()
          reject(error)
        },
      }
      const onAbort = () => one.reject(new AppError('cancelled', `the call of ${what} was given up by its caller`))
      const cancel = clock.after(timeoutMs, () =>
        one.reject(new AppError('timeout', `no worker of ${what} was free within ${timeoutMs} ms${trouble ? `: ${trouble.message}` : ''}`)),
      )
      waiting.add(one)
      signal?.addEventListener('abort', onAbort)
      if (signal?.aborted) onAbort()
    })
  }

  async function use(worker: PythonWorker, head: object, parts: readonly Uint8Array[], limitMs: number): Promise<Frame> {
    let isSpent = false
    try {
      const frame = await worker.call(head, parts, limitMs)
      failures = 0
      trouble = undefined
      return frame
    } catch (error) {
      isSpent = error instanceof AppError && error.details.spent === true
      throw error
    } finally {
      if (isSpent) worker.kill(tooLarge())
      else if (!worker.isGone() && !isTooLarge(worker)) free(worker)
    }
  }

  const tooLarge = () =>
    new AppError('unavailable', `the worker of ${what} took more than the ${memoryBytes} bytes it may have, and was replaced`)

  /** Ends a worker that holds too much. */
  function isTooLarge(worker: PythonWorker): boolean {
    if (memoryBytes === undefined || worker.residentBytes() <= memoryBytes) return false
    worker.kill(tooLarge())
    return true
  }

  /** Looks at the memory of every worker, and asks those that are idle for long whether they live. */
  function watch() {
    for (const worker of workers) isTooLarge(worker)
    for (const [worker, usedMs] of idle) {
      if (!workers.has(worker) || clock.now() - usedMs < PING_AFTER_MS) continue
      idle.delete(worker)
      use(worker, { kind: 'ping' }, [], PING_TIMEOUT_MS).catch((error) =>
        log.warn('runtimes.ping_failed', { model: what, problem: messageFrom(error) }),
      )
    }
    later(WATCH_MS, watch)
  }

  return {
    async open() {
      const started = await Promise.allSettled(Array.from({ length: processes }, options.start))
      const failed = started.find((one) => one.status === 'rejected')
      const ready = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      if (failed) {
        closed = true
        for (const worker of ready) worker.kill(closedError())
        await Promise.all(ready.map((worker) => worker.ended))
        throw failed.reason
      }
      ready.forEach(adopt)
      later(WATCH_MS, watch)
      return ready[0]!.told
    },
    run: async (head, parts, signal) => await use(await take(signal), head, parts, timeoutMs),
    health() {
      const ready = [...workers].filter((worker) => !worker.isGone()).length
      const problem =
        ready > 0 ? null : failures >= MOST_FAILURES ? refusal(trouble!).message : `its worker is being replaced: ${trouble?.message}`
      return { problem, workers: { wanted: processes, ready, restarts, waiting: waiting.size } }
    },
    async close() {
      closed = true
      for (const cancel of timers) cancel()
      for (const { reject } of waiting) reject(closedError())
      const last = [...workers]
      for (const worker of last) worker.kill(closedError())
      await Promise.all(last.map((worker) => worker.ended))
    },
  }
}
