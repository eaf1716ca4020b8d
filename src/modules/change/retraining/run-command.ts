import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { AppError } from '../../../contract/errors.ts'

export type CommandEnd = { readonly exitCode: number | null; readonly cause: 'exited' | 'timed_out' | 'cancelled' }
type Command = {
  readonly command: readonly string[]
  readonly workingFolder: string
  readonly environment: Readonly<Record<string, string>>
  readonly logFile: string
  readonly pidFile: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const KILL_AFTER_MS = 5_000

/**
 * Runs a program without a shell, in a process group of its own, with what it prints going to `logFile`. On timeout or
 * abort the whole group gets SIGTERM, and SIGKILL 5 s later. Throws `invalid` when the program cannot be started.
 */
export function runCommand(given: Command): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const log = fs.openSync(given.logFile, 'a')
    const [named, ...args] = given.command
    // The pinned Node that runs the server also runs trainers written for it, whatever Node the machine has.
    const program = named === 'node' ? process.execPath : named
    const child = spawn(program!, args, { cwd: given.workingFolder, env: given.environment, stdio: ['ignore', log, log], detached: true })
    fs.closeSync(log)
    let cause: CommandEnd['cause'] = 'exited'
    let hardKill: NodeJS.Timeout | undefined
    const stop = (why: CommandEnd['cause']) => {
      cause = why
      killGroup(child.pid, 'SIGTERM')
      hardKill = setTimeout(() => killGroup(child.pid, 'SIGKILL'), KILL_AFTER_MS)
    }
    const timer = setTimeout(() => stop('timed_out'), given.timeoutMs)
    const onAbort = () => stop('cancelled')
    given.signal.addEventListener('abort', onAbort, { once: true })
    const done = () => {
      clearTimeout(timer)
      clearTimeout(hardKill)
      given.signal.removeEventListener('abort', onAbort)
      fs.rmSync(given.pidFile, { force: true })
    }
    child.on('spawn', () => {
      notePid(given.pidFile, child)
      // Training can wait; requests cannot.
      os.setPriority(child.pid!, os.constants.priority.PRIORITY_BELOW_NORMAL)
    })
    child.on('error', (error) => {
      done()
      reject(
        new AppError(
          'invalid',
          `the trainer’s program ${program} cannot be started in ${path.basename(given.workingFolder)}: ${error.message}`,
          {},
          error,
        ),
      )
    })
    child.on('exit', (exitCode) => {
      done()
      resolve({ exitCode, cause })
    })
    if (given.signal.aborted) stop('cancelled')
  })
}

function notePid(file: string, child: ChildProcess): void {
  fs.writeFileSync(file, JSON.stringify({ pid: child.pid, startedAt: startOf(child.pid!) }))
}

/** Ends what an earlier attempt, cut off by a crash, left running; a process that merely has the same number is left alone. */
export function endLeftover(pidFile: string): void {
  if (!fs.existsSync(pidFile)) return
  const { pid, startedAt } = JSON.parse(fs.readFileSync(pidFile, 'utf8')) as { pid: number; startedAt: string | null }
  if (startedAt !== null && startOf(pid) === startedAt) killGroup(pid, 'SIGKILL')
  fs.rmSync(pidFile, { force: true })
}

/** When a process started, in the kernel’s own count; null where the system does not tell. */
function startOf(pid: number): string | null {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? null
  } catch {
    return null
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
