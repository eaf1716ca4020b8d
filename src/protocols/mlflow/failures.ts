import { AppError, type ErrorCode } from '../../contract/errors.ts'
import { sendJson } from '../../infra/http/bind.ts'
import type { Route } from '../../infra/http/route.ts'

/** The protocol’s own error codes and the status each answers with. */
const statuses = {
  BAD_REQUEST: 400,
  INVALID_PARAMETER_VALUE: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  ENDPOINT_NOT_FOUND: 404,
  RESOURCE_DOES_NOT_EXIST: 404,
  RESOURCE_CONFLICT: 409,
  REQUEST_LIMIT_EXCEEDED: 429,
  CANCELLED: 499,
  INTERNAL_ERROR: 500,
  INVALID_STATE: 500,
  NOT_IMPLEMENTED: 501,
  TEMPORARILY_UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
} as const
type WireCode = keyof typeof statuses

const codes: Readonly<Record<ErrorCode, WireCode>> = {
  invalid: 'INVALID_PARAMETER_VALUE',
  unauthenticated: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  not_found: 'RESOURCE_DOES_NOT_EXIST',
  conflict: 'RESOURCE_ALREADY_EXISTS',
  too_large: 'INVALID_PARAMETER_VALUE',
  unsafe: 'INVALID_PARAMETER_VALUE',
  throttled: 'REQUEST_LIMIT_EXCEEDED',
  cancelled: 'CANCELLED',
  internal: 'INTERNAL_ERROR',
  unsupported: 'NOT_IMPLEMENTED',
  unavailable: 'TEMPORARILY_UNAVAILABLE',
  timeout: 'DEADLINE_EXCEEDED',
  storage_full: 'INTERNAL_ERROR',
}

/** Writes an error as `{error_code, message}`; `details.errorCode` names another code of the protocol than the usual one. */
export const fail: NonNullable<Route['fail']> = (error, { response }) => {
  const named = error.details.errorCode
  const code = typeof named === 'string' && named in statuses ? (named as WireCode) : codes[error.code]
  sendJson(response, statuses[code], { error_code: code, message: error.message })
}

/** Clients fall back to older endpoints when they see this code on a path that is not there. */
export function noSuchEndpoint(method: string, path: string): AppError {
  return new AppError('not_found', `there is no ${method} ${path}`, { errorCode: 'ENDPOINT_NOT_FOUND' })
}
