import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import { holderOf, workersWithSpool } from './places.ts'

export type Workers = {
  /** The numbers of the workers that this process keeps alive. */
  readonly numbers: readonly number[]
  /** Asks them to end and waits; ends by force those that take longer. */
  stop(limitMs: number): Promise<void>
}

type Options = {
  readonly data: string
  readonly count: number
  readonly log: Log
  readonly clock: Clock
  /** The program of a worker, and the environment that makes it the worker of that number. */
  readonly program: string
  readonly environment: (worker: number) => NodeJS.ProcessEnv
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000
/** A worker that lived this long has proven itself: the next pause is short again. */
const PROVEN_MS = 60_000
const TAKE_OVER_MS = 15_000
const LOOK_MS = 50

/**
 * Starts workers and keeps them alive; resolves when each is ready. Workers of a first process that was killed go on
 * answering meanwhile: they are told to end once the new ones are ready.
 */
export async function startWorkers(options: Options): Promise<Workers> {
  const { data, count, log } = options
  const orphans = workersWithSpool(data).flatMap((worker) => {
    const pid = holderOf(data, worker)
    return pid === undefined ? [] : [{ worker, pid }]
  })
  const taken = new Set(orphans.map(({ worker }) => worker))
  const numbers: number[] = []
  for (let worker = 1; numbers.length < count; worker++) if (!taken.has(worker)) numbers.push(worker)
  const kept = numbers.map((worker) => keepAlive(worker, options))
  try {
    await Promise.all(kept.map(({ ready }) => ready))
  } catch (error) {
    await Promise.all(kept.map(({ stop }) => stop(0)))
    throw error
  }
  for (const orphan of orphans) await relieve(orphan, options)
  log.info('workers.ready', { numbers, relieved: orphans.length })
  return {
    numbers,
    async stop(limitMs) {
      await Promise.all(kept.map(({ stop }) => stop(limitMs)))
    },
  }
}

function keepAlive(worker: number, { log, clock, program, environment }: Options) {
  let child: ChildProcess
  let stopping = false
  let pauseMs = FIRST_PAUSE_MS
  let cancel = () => {}

  function start(): Promise<void> {
    const startedMs = clock.now()
    child = fork(program, { env: environment(worker), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const ready = new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('error', reject)
      child.once('exit', (code, signal) => reject(new Error(`worker ${worker} ended before it was ready (${signal ?? code})`)))
    })
    child.once('exit', (code, signal) => {
      if (stopping) return
      pauseMs = clock.now() - startedMs > PROVEN_MS ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      log.error('workers.ended', { worker, pid: child.pid, why: signal ?? code, restartInMs: pauseMs })
      // A failure of the new start is its exit, which comes here again.
      cancel = clock.after(pauseMs, () => void start().catch(() => undefined))
    })
    return ready
  }

  return {
    ready: start(),
    async stop(limitMs: number) {
      stopping = true
      cancel()
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const force = clock.after(limitMs, () => child.kill('SIGKILL'))
      await ended
      force()
    },
  }
}

/** Ends a worker whose own first process is gone, letting it finish what it has under way. */
async function relieve({ worker, pid }: { worker: number; pid: number }, { data, log, clock }: Options): Promise<void> {
  log.info('workers.relieving', { worker, pid })
  process.kill(pid, 'SIGTERM')
  const untilMs = clock.now() + TAKE_OVER_MS
  while (holderOf(data, worker) === pid) {
    if (clock.now() > untilMs) {
      process.kill(pid, 'SIGKILL')
      return
    }
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve))
  }
}
