import type { AppError, ErrorCode } from '../../contract/errors.ts'

/** The status codes of gRPC that this server answers with; their numbers are those of the specification. */
const grpcStatus = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

const statusOf: Readonly<Record<ErrorCode, number>> = {
  invalid: grpcStatus.invalidArgument,
  unauthenticated: grpcStatus.unauthenticated,
  forbidden: grpcStatus.permissionDenied,
  not_found: grpcStatus.notFound,
  conflict: grpcStatus.failedPrecondition,
  too_large: grpcStatus.resourceExhausted,
  unsafe: grpcStatus.failedPrecondition,
  throttled: grpcStatus.resourceExhausted,
  cancelled: grpcStatus.cancelled,
  internal: grpcStatus.internal,
  unsupported: grpcStatus.unimplemented,
  unavailable: grpcStatus.unavailable,
  timeout: grpcStatus.deadlineExceeded,
  storage_full: grpcStatus.resourceExhausted,
}

const MOST_MESSAGE = 2_048

/** The trailers that tell of an error; `grpc-retry-pushback-ms` says when the same call may succeed. */
export function trailersFrom(error: AppError, requestId: string): Record<string, string> {
  const { retryAfterSeconds } = error.details
  const retry: Record<string, string> =
    typeof retryAfterSeconds === 'number'
      ? { 'retry-after': String(Math.ceil(retryAfterSeconds)), 'grpc-retry-pushback-ms': String(Math.ceil(retryAfterSeconds * 1_000)) }
      : {}
  return {
    'grpc-status': String(statusOf[error.code]),
    'grpc-message': percentEncoded(error.message.slice(0, MOST_MESSAGE)),
    'x-request-id': requestId,
    ...retry,
  }
}

/** As the specification writes a status message: printable ASCII as it is, every other byte of UTF-8 as %XX. */
function percentEncoded(message: string): string {
  let text = ''
  for (const byte of Buffer.from(message, 'utf8'))
    text +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return text
}

const unitsMs = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 } as const
const MOST_DEADLINE_MS = 600_000

/** Milliseconds of a `grpc-timeout`, at least 1 and at most ten minutes; undefined where there is none, or none that can be read. */
export function deadlineFromTimeout(text: string | string[] | undefined): number | undefined {
  const parts = typeof text === 'string' ? /^(\d{1,8})([HMSmun])$/.exec(text) : null
  if (!parts) return undefined
  const ms = Number(parts[1]) * unitsMs[parts[2] as keyof typeof unitsMs]
  return Math.min(Math.max(1, Math.ceil(ms)), MOST_DEADLINE_MS)
}
