import { createHmac, randomUUID } from 'node:crypto'
import type { WebhookEvent } from '../../../contract/webhooks.ts'

const TIMEOUT_MS = 10_000
const MOST_BODY_CHARACTERS = 1_000

export type Message = { readonly event: WebhookEvent; readonly data: object; readonly atMs: number; readonly deliveryId?: string }
type Answer = { readonly status: number; readonly body: string }

/**
 * Posts one event as `{entity, action, timestamp, data}`. The signature is that of Standard Webhooks 1.0: base64 of
 * HMAC-SHA-256 over `<delivery id>.<seconds>.<body>`. A redirect is an answer like any other, never followed. Throws what
 * keeps the request from being sent; waits 10 s at most.
 */
export async function postSigned(
  fetch: typeof globalThis.fetch,
  { url, secret }: { readonly url: string; readonly secret: string | undefined },
  { event, data, atMs, deliveryId = randomUUID() }: Message,
): Promise<Answer> {
  const [entity, action] = event.split('.')
  const body = JSON.stringify({ entity, action, timestamp: new Date(atMs).toISOString(), data })
  const seconds = String(Math.floor(atMs / 1_000))
  const signature = secret && createHmac('sha256', secret).update(`${deliveryId}.${seconds}.${body}`).digest('base64')
  const headers = {
    'content-type': 'application/json',
    'x-mlflow-delivery-id': deliveryId,
    'x-mlflow-timestamp': seconds,
    ...(signature && { 'x-mlflow-signature': `v1,${signature}` }),
  }
  const response = await fetch(url, { method: 'POST', body, headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
  return { status: response.status, body: (await response.text()).slice(0, MOST_BODY_CHARACTERS) }
}
