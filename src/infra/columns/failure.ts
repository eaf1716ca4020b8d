import { ClickHouseError } from '@clickhouse/client'
import { AppError, type ErrorCode, messageFrom } from '../../contract/errors.ts'

/** ClickHouse's numbers that mean something to a caller; every other number is a fault of the statement, so of ours. */
const meanings: Readonly<Record<string, ErrorCode>> = {
  158: 'too_large',
  159: 'timeout',
  160: 'timeout',
  164: 'forbidden',
  202: 'throttled',
  241: 'too_large',
  243: 'storage_full',
  252: 'throttled',
  307: 'too_large',
  394: 'cancelled',
  396: 'too_large',
}

const lostConnection = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** Whether the store did not answer at all, as opposed to answering with an error. */
export function isConnectionLost(thrown: unknown): boolean {
  if (thrown instanceof ClickHouseError) return false
  const code = (thrown as { code?: unknown } | null)?.code
  return (typeof code === 'string' && lostConnection.has(code)) || /socket hang up|other side closed/i.test(messageFrom(thrown))
}

/** What the store threw, as the product's error: which operation failed and what to do about it. */
export function failureFrom(thrown: unknown, operation: string): AppError {
  if (thrown instanceof AppError) return thrown
  if (isConnectionLost(thrown)) {
    return new AppError('unavailable', `the telemetry store did not answer ${operation}; it is retried when it is back`, {}, thrown)
  }
  if (!(thrown instanceof ClickHouseError)) {
    if (isAbort(thrown)) return new AppError('cancelled', `${operation} was cancelled by the caller`, {}, thrown)
    if (/timeout error/i.test(messageFrom(thrown)))
      return new AppError('timeout', `the telemetry store took too long for ${operation}`, {}, thrown)
    return new AppError('internal', `the telemetry store failed at ${operation}: ${messageFrom(thrown)}`, {}, thrown)
  }
  const details = { number: Number(thrown.code), symbol: thrown.type }
  if (/No space left on device/i.test(thrown.message)) {
    return new AppError('storage_full', 'the disk of the telemetry store is full; free some space and it goes on', details, thrown)
  }
  const code = meanings[thrown.code] ?? 'internal'
  return new AppError(code, `${operation} failed in the telemetry store: ${thrown.message.trim()}${advice[code] ?? ''}`, details, thrown)
}

const advice: Readonly<Partial<Record<ErrorCode, string>>> = {
  timeout: '; ask for a shorter time range',
  too_large: '; ask for fewer rows at a time',
  throttled: '; try again in a moment',
}

function isAbort(thrown: unknown): boolean {
  return /abort/i.test(messageFrom(thrown)) || (thrown as { name?: string } | null)?.name === 'AbortError'
}
