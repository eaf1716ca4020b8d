import { spawn } from 'node:child_process'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { environmentWith, readClientSettings } from '../infra/config.ts'
import { serverFlags } from '../lib/node-flags.ts'
import { runCommand } from './run.ts'
import type { Shell, Terminal } from './shell.ts'

/** What a terminal that does not know its width is taken for. */
const NARROW_TERMINAL = 80
const root = path.resolve(import.meta.dirname, '../..')

function createTerminal(): Terminal {
  const { stdout, stderr } = process
  // A reader that has seen enough, such as head, is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    out: (data) =>
      new Promise((resolve) => {
        if (stdout.write(data)) resolve()
        else stdout.once('drain', resolve)
      }),
    note: (text) => void stderr.write(text),
    columns: stdout.isTTY ? stdout.columns || NARROW_TERMINAL : undefined,
    watched: stderr.isTTY ?? false,
    // Knows NO_COLOR and terminals without colours.
    colours: stdout.isTTY && stdout.hasColors(),
  }
}

function createShell(): Shell {
  return {
    terminal: createTerminal(),
    settings: readClientSettings(),
    folder: process.cwd(),
    input: process.stdin,
    now: Date.now,
    async pause(ms, signal) {
      await delay(ms, undefined, { signal }).catch((error: unknown) => {
        if (!signal?.aborted) throw error
      })
    },
    interrupted: onceOnly(() => {
      const stop = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.on(signal, () => {
          if (stop.signal.aborted) process.exit(130)
          stop.abort()
        })
      }
      return stop.signal
    }),
    start: startProgram,
  }
}

function onceOnly<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/**
 * Runs a program of this package in the same process group. Signals are passed on, but for Ctrl-C at a terminal: there the
 * whole group has had it already, and a second one would mean “at once”.
 */
function startProgram(file: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<number> {
  const child = spawn(process.execPath, [...serverFlags, path.join(root, file), ...args], {
    stdio: 'inherit',
    env: environmentWith(environment),
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal ? 130 : (code ?? 1)))
  })
}

process.exitCode = await runCommand(process.argv.slice(2), createShell())
