import { messageFrom } from '../contract/errors.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
type Facts = Readonly<Record<string, unknown>>

/** JSON lines: a stable dotted message and facts as fields. */
export type Log = Readonly<Record<LogLevel, (message: string, facts?: Facts) => void>>

const severity: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

export function createLog(level: LogLevel, write: (line: string) => void, now: () => number = Date.now): Log {
  const at =
    (own: LogLevel) =>
    (message: string, facts: Facts = {}) => {
      if (severity[own] < severity[level]) return
      write(`${JSON.stringify({ time: new Date(now()).toISOString(), level: own, message, ...facts }, plain)}\n`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { message: messageFrom(value), stack: value.stack, cause: value.cause }
  return typeof value === 'bigint' ? String(value) : value
}

export const silentLog: Log = createLog('error', () => {})
