/** Every error code of the product: the HTTP status it answers with, the level it is logged at, and whether the same call may succeed later. */
export const errorCodes = {
  invalid: { status: 400, log: 'info', retryable: false },
  unauthenticated: { status: 401, log: 'info', retryable: false },
  forbidden: { status: 403, log: 'info', retryable: false },
  not_found: { status: 404, log: 'info', retryable: false },
  conflict: { status: 409, log: 'info', retryable: false },
  too_large: { status: 413, log: 'info', retryable: false },
  unsafe: { status: 422, log: 'warn', retryable: false },
  throttled: { status: 429, log: 'info', retryable: true },
  cancelled: { status: 499, log: 'info', retryable: false },
  internal: { status: 500, log: 'error', retryable: false },
  unsupported: { status: 501, log: 'warn', retryable: false },
  unavailable: { status: 503, log: 'warn', retryable: true },
  timeout: { status: 504, log: 'warn', retryable: true },
  storage_full: { status: 507, log: 'error', retryable: true },
} as const

export type ErrorCode = keyof typeof errorCodes

/** The one error of the product. `message` names the thing and the fix; `details` holds facts a program can use. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.details = details
  }
}

/** The text of anything thrown, for a message or a log line. */
export function messageFrom(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
