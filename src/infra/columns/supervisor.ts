import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, messageFrom } from '../../contract/errors.ts'
import { type Clock, sleep } from '../clock.ts'
import type { Log } from '../log.ts'
import { writeAddress } from './address-file.ts'
import type { FaceOrder, FaceReport } from './face.ts'
import { type ColumnsLimits, engineThreads } from './limits.ts'

type Address = { readonly url: string; readonly secret: string; readonly pid: number }

export type Supervisor = {
  /** Where the child listens. Waits for a restart under way; throws `unavailable` after `waitMs`. */
  address(waitMs: number): Promise<Address>
  /** How often the child came back after it ended by itself. */
  restarts(): number
  isUp(): boolean
  close(): Promise<void>
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000
/** A child that lived this long has proven itself: the next pause is short again. */
const PROVEN_MS = 60_000
const CLOSE_MS = 10_000
const KEPT_OUTPUT = 4_000
/** A child whose parent was killed lets go of the folder within milliseconds; a real second server never does. */
const LOCK_WAIT_MS = 1_500
const LOCK_RETRY_MS = 150

type Waiter = { resolve(address: Address): void; reject(error: AppError): void }

/**
 * Keeps the process that holds the embedded store alive: starts it, restarts it with growing pauses when it ends, and
 * ends it with this process. The first start is awaited: throws `conflict` when another server holds the folder,
 * `unsupported` on a platform the engine has no build for, `unavailable` when it will not open.
 */
export async function createSupervisor(options: {
  readonly folder: string
  readonly limits: ColumnsLimits
  readonly clock: Clock
  readonly log: Log
}): Promise<Supervisor> {
  const { folder, limits, clock, log } = options
  const waiters = new Set<Waiter>()
  let current: Address | undefined
  let child: ChildProcess | undefined
  let cancelRestart = () => {}
  let closed = false
  let restarts = 0
  let pauseMs = FIRST_PAUSE_MS

  function settle(run: (waiter: Waiter) => void) {
    for (const waiter of [...waiters]) run(waiter)
    waiters.clear()
  }

  function restartLater(startedMs: number, why: string) {
    current = undefined
    child = undefined
    if (closed) return
    pauseMs = clock.now() - startedMs > PROVEN_MS ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    log.error('columns.child_ended', { why, restartInMs: pauseMs, restarts })
    cancelRestart = clock.after(pauseMs, () => {
      restarts++
      start().catch((thrown) => restartLater(clock.now(), messageFrom(thrown)))
    })
  }

  async function start(): Promise<void> {
    const startedMs = clock.now()
    for (;;) {
      const launched = launch({ folder, limits })
      child = launched.child
      try {
        current = await launched.ready
        launched.ended.then(({ why }) => restartLater(startedMs, why))
        break
      } catch (thrown) {
        child = undefined
        const isLocked = thrown instanceof AppError && thrown.code === 'conflict'
        if (closed || !isLocked || clock.now() - startedMs > LOCK_WAIT_MS) throw thrown
        await sleep(clock, LOCK_RETRY_MS)
      }
    }
    writeAddress(folder, current)
    settle((waiter) => waiter.resolve(current!))
    log.info('columns.child_ready', { pid: current.pid, folder })
  }

  async function close(): Promise<void> {
    closed = true
    cancelRestart()
    settle((waiter) => waiter.reject(closedError()))
    const last = child
    if (last === undefined) return
    await endChild(last, clock)
  }

  try {
    await start()
  } catch (thrown) {
    await close()
    throw thrown
  }

  return {
    close,
    restarts: () => restarts,
    isUp: () => current !== undefined,
    address(waitMs) {
      if (closed) return Promise.reject(closedError())
      if (current !== undefined) return Promise.resolve(current)
      return new Promise((resolve, reject) => {
        const waiter: Waiter = { resolve: (address) => done(() => resolve(address)), reject: (error) => done(() => reject(error)) }
        const cancel = clock.after(waitMs, () =>
          waiter.reject(
            new AppError('unavailable', `the telemetry store is restarting and was not back within ${waitMs} ms; try again in a moment`),
          ),
        )
        function done(run: () => void) {
          cancel()
          waiters.delete(waiter)
          run()
        }
        waiters.add(waiter)
      })
    },
  }
}

const closedError = () => new AppError('unavailable', 'the telemetry store is closed; this server is shutting down')

/** Starts one child. `ready` resolves with its address or rejects with the reason; `ended` resolves when it is gone. */
function launch({ folder, limits }: { folder: string; limits: ColumnsLimits }) {
  const secret = randomBytes(32).toString('hex')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./face.ts', import.meta.url))], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Nothing of ours is passed on: the engine needs no secret, and reads settings from a home folder if it finds one.
    env: { UV_THREADPOOL_SIZE: String(engineThreads(limits)), TZ: 'UTC' },
  })
  let output = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-KEPT_OUTPUT)
  })
  let refused: Extract<FaceReport, { refused: string }> | undefined
  const ended = new Promise<{ why: string; output: string }>((resolve) => {
    child.once('error', (error) => resolve({ why: error.message, output }))
    // `close` comes after the last of the output, which alone says that the folder is locked.
    child.once('close', (code, signal) => resolve({ why: signal === null ? `code ${code}` : `signal ${signal}`, output }))
  })
  const ready = new Promise<Address>((resolve, reject) => {
    ended.then((end) => reject(startError(folder, refused, end)))
    child.once('message', (report: FaceReport) => {
      if ('refused' in report) {
        refused = report
        return
      }
      resolve({ url: `http://127.0.0.1:${report.port}`, secret, pid: child.pid! })
      letGo(child)
    })
  })
  const order: FaceOrder = { open: { folder, secret, limits } }
  child.send(order, (error) => {
    if (error !== null) child.kill('SIGKILL')
  })
  return { child, ready, ended }
}

/** A running child does not keep this process from ending; it notices the closed channel and ends as well. */
function letGo(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
  ;(child.stderr as unknown as { unref(): void }).unref()
}

async function endChild(child: ChildProcess, clock: Clock): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const cancel = clock.after(CLOSE_MS, () => child.kill('SIGKILL'))
    child.once('exit', () => {
      cancel()
      resolve()
    })
    child.ref()
    const order: FaceOrder = { close: true }
    if (child.connected) child.send(order, (error) => void (error !== null && child.kill('SIGKILL')))
    else child.kill('SIGKILL')
  })
}

/** Why a child could not open the folder. */
function startError(
  folder: string,
  refused: Extract<FaceReport, { refused: string }> | undefined,
  end: { why: string; output: string },
): AppError {
  if (/Cannot lock file/.test(end.output)) {
    const pid = holderOf(folder)
    const holder = pid === undefined ? 'another server' : `process ${pid}`
    return new AppError(
      'conflict',
      `the telemetry folder ${folder} is in use by ${holder}; stop it, or give this server a data folder of its own`,
      { folder, pid },
    )
  }
  const message = refused?.message ?? `${end.why} ${end.output}`.trim()
  if (refused?.refused === 'platform') {
    return new AppError(
      'unsupported',
      `the embedded telemetry store runs on Linux with glibc and on macOS, not here (${process.platform} ${process.arch}); set the address of a ClickHouse server instead: ${message}`,
    )
  }
  return new AppError('unavailable', `the telemetry store in ${folder} does not open: ${message}`, { folder, output: end.output })
}

/** The process that holds `folder`, as the engine's lock file tells it, or nothing when it does not say. */
function holderOf(folder: string): number | undefined {
  const file = join(folder, 'store', 'status')
  if (!existsSync(file)) return undefined
  const pid = /PID: (\d+)/.exec(readFileSync(file, 'utf8'))?.[1]
  return pid === undefined ? undefined : Number(pid)
}
