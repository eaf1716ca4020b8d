import { AppError, type ErrorCode, messageFrom } from '../../contract/errors.ts'
import type { S3Address } from './s3-blobs.ts'

const byName: Readonly<Record<string, ErrorCode>> = {
  AccessDenied: 'forbidden',
  InvalidAccessKeyId: 'forbidden',
  SignatureDoesNotMatch: 'forbidden',
  CredentialsProviderError: 'forbidden',
  NoSuchBucket: 'not_found',
  SlowDown: 'throttled',
  ServiceUnavailable: 'unavailable',
  InsufficientStorage: 'storage_full',
  XMinioStorageFull: 'storage_full',
  TimeoutError: 'timeout',
}

const advice: Readonly<Partial<Record<ErrorCode, string>>> = {
  forbidden: 'check its access key and secret',
  not_found: 'create the bucket or correct its name',
  throttled: 'try again in a moment',
  storage_full: 'free some space there',
  unavailable: 'check the endpoint and that it runs',
  timeout: 'try again in a moment',
}

export function isStatus(thrown: unknown, status: number): boolean {
  return (thrown as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode === status
}

/** What the store threw, as the product's error that names the bucket and the endpoint. */
export function s3Error(thrown: unknown, { bucket, endpoint = 'Amazon S3' }: S3Address): AppError {
  if (thrown instanceof AppError) return thrown
  const { name, code } = thrown as { name?: string; code?: string }
  const isNetwork =
    typeof code === 'string' && /^E[A-Z]+$/.test(code) && !(thrown as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const known =
    byName[name ?? ''] ??
    (isNetwork ? 'unavailable' : isStatus(thrown, 403) ? 'forbidden' : isStatus(thrown, 503) ? 'unavailable' : 'internal')
  const fix = advice[known]
  const what = messageFrom(thrown) || name || code || 'no reason given'
  return new AppError(
    known,
    `the blob store ${bucket} at ${endpoint} failed: ${what}${fix === undefined ? '' : `; ${fix}`}`,
    { bucket, endpoint },
    thrown,
  )
}
