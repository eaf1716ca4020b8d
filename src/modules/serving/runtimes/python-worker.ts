import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { AppError, type ErrorCode, errorCodes } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Log } from '../../../infra/log.ts'
import { createFrameReader, type Frame, frameOf } from './python-frames.ts'

export type Launch = {
  readonly interpreter: string
  readonly environment: Readonly<Record<string, string>>
  /** The first message: what to load. */
  readonly load: object
  readonly startTimeoutMs: number
  /** Names the model in messages. */
  readonly what: string
  readonly clock: Clock
  readonly log: Log
}

/** One process with the model loaded; it takes one call at a time. */
export type PythonWorker = {
  /** What it told of the model when it had loaded it. */
  readonly told: Frame['head']
  /** Runs a call. Throws what the model’s fault is, `timeout` and `unavailable`; after these two the process is gone. */
  call(head: object, parts: readonly Uint8Array[], timeoutMs: number): Promise<Frame>
  /** Memory that it holds; 0 where the system does not tell. */
  residentBytes(): number
  /** Ends it at once; a call under way fails with `why`. */
  kill(why: AppError): void
  /** Whether it takes no more calls. */
  isGone(): boolean
  /** Resolves with the reason once the process is gone. */
  readonly ended: Promise<AppError>
}

const script = path.join(import.meta.dirname, 'worker.py')
/** More of a worker’s last words is in the log. */
const KEPT_WORDS = 2_000
const MOST_LINES_A_MINUTE = 60
const LINE_CHARACTERS = 500

/** Libraries of arithmetic take a thread a core each, and every worker would; a model that gains by threads gets more processes. */
const oneThread = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
const quiet = { PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1', MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' }

/**
 * Starts a process in a temporary folder and a process group of its own, and waits until it has loaded the model. Throws
 * `unsupported` when the interpreter cannot be started, `unavailable` with its last words when the model cannot be loaded or
 * takes longer than `startTimeoutMs`.
 */
export async function startWorker(launch: Launch): Promise<PythonWorker> {
  const { interpreter, environment, what, clock } = launch
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-worker-'))
  const child = spawn(interpreter, [script], {
    cwd: folder,
    env: { ...oneThread, ...quiet, ...environment },
    detached: true,
    stdio: 'pipe',
  })
  const words = listen(child, launch)
  const reader = createFrameReader()
  let waiting: { resolve(frame: Frame): void; reject(error: AppError): void } | undefined
  let gone: AppError | undefined

  function fail(error: AppError) {
    gone ??= error
    waiting?.reject(gone)
    waiting = undefined
  }
  function kill(why: AppError) {
    fail(why)
    killGroup(child)
  }
  const ended = new Promise<AppError>((resolve) => {
    const finish = (error: AppError) => {
      fail(error)
      killGroup(child)
      fs.rmSync(folder, { recursive: true, force: true })
      resolve(gone!)
    }
    child.once('error', (cause) => {
      const text = `the interpreter ${interpreter} cannot be started: ${cause.message}; see the setting python (SETPOINT_PYTHON)`
      finish(new AppError('unsupported', text, {}, cause))
    })
    child.once('close', (code, signal) =>
      finish(new AppError('unavailable', `the worker of ${what} ended with ${signal ?? `code ${code}`}${words.last()}`)),
    )
  })
  child.stdout.on('data', (piece: Buffer) => {
    try {
      for (const frame of reader.push(piece)) {
        waiting?.resolve(frame)
        waiting = undefined
      }
    } catch (error) {
      kill(new AppError('internal', `the worker of ${what} sends no messages`, {}, error))
    }
  })
  // A worker that is gone takes no more; that it is gone is told by its end.
  child.stdin.on('error', () => undefined)

  async function call(head: object, parts: readonly Uint8Array[], timeoutMs: number): Promise<Frame> {
    if (gone) throw gone
    const pieces = framed(head, parts, what)
    const answer = new Promise<Frame>((resolve, reject) => {
      waiting = { resolve, reject }
    })
    const cancel = clock.after(timeoutMs, () => {
      kill(new AppError('timeout', `${what} did not answer within ${timeoutMs} ms; its worker was replaced`, { limitMs: timeoutMs }))
    })
    child.stdin.cork()
    for (const piece of pieces) child.stdin.write(piece)
    child.stdin.uncork()
    try {
      const frame = await answer
      throwFault(frame, what)
      return frame
    } finally {
      cancel()
    }
  }

  try {
    const { head } = await call(launch.load, [], launch.startTimeoutMs)
    return { told: head, call, kill, ended, isGone: () => gone !== undefined, residentBytes: () => residentBytes(child.pid) }
  } catch (error) {
    const { code, message } = error as AppError
    kill(error as AppError)
    const why = await ended
    if (why.code === 'unsupported') throw why
    const started = code === 'timeout' ? `${what} was not loaded within ${launch.startTimeoutMs} ms${words.last()}` : message
    throw new AppError('unavailable', started, {}, error)
  }
}

function framed(head: object, parts: readonly Uint8Array[], what: string): readonly Uint8Array[] {
  try {
    return frameOf(head, parts)
  } catch (error) {
    throw new AppError('too_large', `${what}: ${(error as RangeError).message}`, {}, error)
  }
}

function throwFault({ head }: Frame, what: string): void {
  const fault = head.fault as { code: string; message: string } | undefined
  if (!fault) return
  const code: ErrorCode = Object.hasOwn(errorCodes, fault.code) ? (fault.code as ErrorCode) : 'internal'
  throw new AppError(code, `${what}: ${fault.message}`, { spent: head.spent === true })
}

/** What a worker prints: its last words for messages, the rest line by line to the log, at most so many a minute. */
function listen({ stderr }: ChildProcess, { log, what, clock }: Launch) {
  let last = ''
  let open = ''
  let minute = 0
  let lines = 0
  stderr!.setEncoding('utf8')
  stderr!.on('data', (text: string) => {
    last = (last + text).slice(-KEPT_WORDS)
    const [...whole] = (open + text).split('\n')
    open = whole.pop()!.slice(-LINE_CHARACTERS)
    for (const line of whole) {
      const now = Math.floor(clock.now() / 60_000)
      lines = now === minute ? lines + 1 : 1
      minute = now
      if (lines <= MOST_LINES_A_MINUTE && line.trim() !== '')
        log.info('runtimes.worker_printed', { model: what, line: line.slice(0, LINE_CHARACTERS) })
      else if (lines === MOST_LINES_A_MINUTE + 1)
        log.warn('runtimes.worker_prints_too_much', { model: what, keptLines: MOST_LINES_A_MINUTE })
    }
  })
  return { last: () => (last.trim() === '' ? '' : `; it last printed: ${last.trim().slice(-600)}`) }
}

/** The process and all that it started. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function residentBytes(pid: number | undefined): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kilobytes ?? 0) * 1_024
  } catch {
    // Gone, or a system without /proc.
    return 0
  }
}
