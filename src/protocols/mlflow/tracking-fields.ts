import { AppError } from '../../contract/errors.ts'
import { list, message, string } from './fields.ts'

export const viewTypes = ['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'] as const

/** Keys and values; a key is demanded where its absence would be kept. */
export const pairs = () => list(message({ key: string(), value: string() }))
export const keyedPairs = () => list(message({ key: string({ required: true }), value: string() }))

export function pairFrom({ key = '', value = '' }: { readonly key?: string | undefined; readonly value?: string | undefined }) {
  return { key, value }
}

/** A run goes by two names; one of them must be given. */
export const eitherRunId = { run_id: string(), run_uuid: string() }

export function runIdFrom({ run_id, run_uuid }: { readonly run_id?: string | undefined; readonly run_uuid?: string | undefined }): string {
  const given = run_id || run_uuid
  if (!given) throw missing('run_id')
  return given
}

export function missing(parameter: string): AppError {
  return new AppError(
    'invalid',
    `Missing value for required parameter '${parameter}'. See the API docs for more information about request parameters.`,
  )
}
