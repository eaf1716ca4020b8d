import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '../../contract/errors.ts'

const MOST_DEADLINE_MS = 600_000
const MOST_KEY = 256

/** How long a caller waits, from `setpoint-deadline-ms` or `x-request-timeout` (seconds), the shorter where both are given. Throws `invalid`. */
export function deadlineFrom(headers: IncomingHttpHeaders): number | undefined {
  const ms = positive(headers, 'setpoint-deadline-ms', 1)
  const seconds = positive(headers, 'x-request-timeout', 1_000)
  if (ms === undefined || seconds === undefined) return ms ?? seconds
  return Math.min(ms, seconds)
}

function positive(headers: IncomingHttpHeaders, name: string, unitMs: number): number | undefined {
  const text = headers[name]
  if (text === undefined) return undefined
  const value = typeof text === 'string' && /^\d+(\.\d+)?$/.test(text) ? Number(text) * unitMs : Number.NaN
  if (value > 0) return Math.min(Math.max(1, Math.ceil(value)), MOST_DEADLINE_MS)
  throw new AppError('invalid', `the header ${name} must be a number greater than 0`)
}

/** The caller’s key for a request that it may send again. Throws `invalid`. */
export function idempotencyKeyFrom(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined || key === '') return undefined
  if (typeof key === 'string' && key.length <= MOST_KEY) return key
  throw new AppError('invalid', `the header idempotency-key must be a text of at most ${MOST_KEY} characters`)
}
