import { Worker } from 'node:worker_threads'
import { AppError } from '../../../../contract/errors.ts'
import type { ChunkStats, TaskName, TaskReply, Tasks } from './messages.ts'

/** Threads that read, score and write rows, so that none of it stops the event loop. */
export type Pool = {
  readonly size: number
  /** Runs a task in the next free thread. `onChunk` hears of every chunk that is safely on disk. Throws what the task throws. */
  run<T extends TaskName>(task: T, given: Tasks[T]['given'], onChunk?: (chunk: ChunkStats) => void): Promise<Tasks[T]['gives']>
  /** Ends the threads, whatever they do. */
  close(): Promise<void>
}

type Waiting = {
  readonly task: TaskName
  readonly given: unknown
  readonly onChunk?: (chunk: ChunkStats) => void
  readonly resolve: (gives: never) => void
  readonly reject: (error: unknown) => void
}
type Thread = { readonly worker: Worker; busy?: Waiting }

/** Makes `size` threads as they are needed. An abort of `signal` ends them, and every task with its reason. */
export function createPool(size: number, signal?: AbortSignal): Pool {
  const threads: Thread[] = []
  const queue: Waiting[] = []
  let lastId = 0
  let ended: unknown

  function end(reason: unknown): Promise<unknown> {
    ended ??= reason
    signal?.removeEventListener('abort', onAbort)
    for (const one of [...queue.splice(0), ...threads.flatMap(({ busy }) => busy ?? [])]) one.reject(ended)
    return Promise.all(threads.splice(0).map(({ worker }) => worker.terminate()))
  }
  const onAbort = () => void end(signal!.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) ended = signal.reason

  function open(): Thread {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { execArgv: [], name: 'batch' })
    const thread: Thread = { worker }
    worker.on('message', (reply: TaskReply) => {
      const { busy } = thread
      if (!busy) return
      if ('note' in reply) return busy.onChunk?.(reply.note)
      thread.busy = undefined
      if ('error' in reply) busy.reject(new AppError(reply.error.code, reply.error.message))
      else busy.resolve(reply.gives as never)
      next()
    })
    worker.on('error', (cause) => void end(new AppError('internal', `a thread of batch scoring failed: ${cause}`, {}, cause)))
    threads.push(thread)
    return thread
  }

  function next(): void {
    if (queue.length === 0) return
    const thread = threads.find(({ busy }) => !busy) ?? (threads.length < size ? open() : undefined)
    if (!thread) return
    const waiting = queue.shift()!
    thread.busy = waiting
    thread.worker.postMessage({ id: ++lastId, task: waiting.task, given: waiting.given })
  }

  return {
    size,
    run(task, given, onChunk) {
      if (ended !== undefined) return Promise.reject(ended)
      return new Promise((resolve, reject) => {
        queue.push({ task, given, onChunk, resolve, reject })
        next()
      })
    },
    async close() {
      await end(new AppError('cancelled', 'the threads of batch scoring were closed'))
    },
  }
}
