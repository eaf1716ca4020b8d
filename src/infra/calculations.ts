import { Worker } from 'node:worker_threads'
import { AppError, messageFrom } from '../contract/errors.ts'

/** Calculations of seconds, each in a thread of low priority that ends with it, so that the server goes on answering meanwhile. */
export type Calculations = {
  /**
   * Runs a program that answers its `workerData` with one message. One at a time; the others wait. Throws `throttled` when
   * too many wait, `timeout` when the answer is not there within `limitMs` of being asked for, `internal` for what the
   * program throws, `cancelled` once closed.
   */
  run<Given, Gives>(program: URL, given: Given, how?: { readonly limitMs?: number }): Promise<Gives>
  /** Ends what runs and what waits. */
  close(): Promise<void>
}

/** What a thread loads before its program. */
const PRIORITY = new URL('./calculation-priority.ts', import.meta.url)
const MOST_WAITING = 32
const LIMIT_MS = 120_000

type Task = { readonly program: URL; readonly given: unknown; readonly settle: (error: AppError | null, gives?: unknown) => void }

export function createCalculations({ mostWaiting = MOST_WAITING } = {}): Calculations {
  const queue: Task[] = []
  let running: { readonly worker: Worker; readonly task: Task } | undefined
  let closed = false

  function next(): void {
    const task = running ? undefined : queue.shift()
    if (!task) return
    const worker = new Worker(task.program, { workerData: task.given, execArgv: ['--import', PRIORITY.href], name: 'calculation' })
    running = { worker, task }
    worker.on('message', (gives) => task.settle(null, gives))
    worker.on('error', (cause) => task.settle(new AppError('internal', `a calculation failed: ${messageFrom(cause)}`, {}, cause)))
    worker.on('exit', () => task.settle(new AppError('internal', 'a calculation ended without an answer')))
  }

  /** Takes a task out, wherever it is; false when it was settled before. */
  function remove(task: Task): boolean {
    if (running?.task === task) {
      void running.worker.terminate()
      running = undefined
      next()
      return true
    }
    const place = queue.indexOf(task)
    if (place >= 0) queue.splice(place, 1)
    return place >= 0
  }

  return {
    run(program, given, { limitMs = LIMIT_MS } = {}) {
      if (closed) return Promise.reject(closing())
      if (queue.length >= mostWaiting)
        return Promise.reject(new AppError('throttled', `${mostWaiting} calculations wait already; try again in a minute`))
      return new Promise((resolve, reject) => {
        const late = () => task.settle(new AppError('timeout', `a calculation was not done within ${limitMs / 1_000} s; try again later`))
        const timer = setTimeout(late, limitMs)
        const task: Task = {
          program,
          given,
          settle(error, gives) {
            if (!remove(task)) return
            clearTimeout(timer)
            if (error) reject(error)
            else resolve(gives as never)
          },
        }
        queue.push(task)
        next()
      })
    },
    async close() {
      closed = true
      const ended = running?.worker.terminate()
      for (const task of [...queue, ...(running ? [running.task] : [])]) task.settle(closing())
      await ended
    },
  }
}

function closing(): AppError {
  return new AppError('cancelled', 'the server stops; calculations are not made any more')
}
