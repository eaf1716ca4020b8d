import { CommanderError } from 'commander'
import { AppError, type ErrorCode, errorCodes, messageFrom } from '../contract/errors.ts'

/** What the exit code of every command means. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  no: {
    code: 1,
    meaning:
      'the answer is no: a diff found changes, the ledger is broken, a gate refused, a check or a load failed, the server is not ready, a replay was stopped',
  },
  usage: { code: 2, meaning: 'the command was not understood; nothing was sent' },
  refused: { code: 3, meaning: 'the server refused or failed' },
  unreachable: { code: 4, meaning: 'no server answers' },
} as const

/** A mistake in the command line or in a file it names, found before anything was sent. */
export function usageError(message: string, cause?: unknown): AppError {
  return new AppError('invalid', message, { usage: true }, cause)
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code
  if (!(error instanceof AppError)) return isBrokenConnection(error) ? exitCodes.unreachable.code : exitCodes.refused.code
  if (error.details.usage === true) return exitCodes.usage.code
  // The contract’s client gives the failed connection as the cause; an error that the server itself reports has a request id.
  const unanswered = error.code === 'unavailable' && error.details.requestId === undefined && error.cause !== undefined
  return unanswered ? exitCodes.unreachable.code : exitCodes.refused.code
}

/** The lines that tell a person what went wrong; a fault of our own comes with its stack. */
export function failureText(error: unknown): string {
  if (error instanceof CommanderError) return ''
  if (isBrokenConnection(error)) return `error: the connection to the server broke: ${messageFrom((error as Error).cause ?? error)}\n`
  const message = `error: ${messageFrom(error)}\n`
  if (!(error instanceof AppError)) return `${message}${error instanceof Error ? `${error.stack}\n` : ''}`
  return error.details.requestId ? `${message}request id: ${error.details.requestId}\n` : message
}

/** A reply that was cut off reaches us as the fetch’s own `TypeError`. */
function isBrokenConnection(error: unknown): boolean {
  return error instanceof TypeError && (error.message === 'terminated' || error.message === 'fetch failed')
}

/** The error code that a protocol’s HTTP status stands for, where its reply carries none of ours. */
export function codeFromStatus(status: number): ErrorCode {
  const found = Object.entries(errorCodes).find(([, code]) => code.status === status)
  return (found?.[0] as ErrorCode | undefined) ?? (status >= 500 ? 'unavailable' : 'invalid')
}
