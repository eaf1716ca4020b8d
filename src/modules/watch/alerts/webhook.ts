import { createHmac } from 'node:crypto'
import type { Alert } from '../../../contract/alerts.ts'
import { AppError } from '../../../contract/errors.ts'

const TIMEOUT_MS = 10_000

export type Webhook = { readonly url: string; readonly secretEnvironment?: string }
export type Outgoing = { readonly fetch: typeof fetch; readonly readSecret: (name: string) => string | undefined }

/**
 * Posts an alert as JSON, signed with HMAC-SHA-256 in `setpoint-signature` where the webhook names a secret. A redirect is
 * a failure: following it could carry the alert into a network it was not meant for. Throws `invalid` when the secret is
 * not there, `unavailable` when the answer is not a success; waits 10 s at most.
 */
export async function postAlert({ fetch, readSecret }: Outgoing, { url, secretEnvironment }: Webhook, alert: Alert): Promise<void> {
  const body = JSON.stringify({ alert })
  const secret = secretEnvironment === undefined ? undefined : readSecret(secretEnvironment)
  if (secretEnvironment !== undefined && secret === undefined)
    throw new AppError('invalid', `alert ${alert.rule}: the environment has no ${secretEnvironment} to sign with`)
  const signature = secret && createHmac('sha256', secret).update(body).digest('hex')
  const headers = {
    'content-type': 'application/json',
    'setpoint-delivery': alert.id,
    ...(signature && { 'setpoint-signature': `sha256=${signature}` }),
  }
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers,
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  await response.body?.cancel()
  if (!response.ok) throw new AppError('unavailable', `the webhook of alert ${alert.rule} answered ${response.status}`)
}
