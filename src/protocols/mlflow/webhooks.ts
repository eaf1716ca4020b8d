import { AppError } from '../../contract/errors.ts'
import { webhooks as contract, type Webhook, WebhookEvent } from '../../contract/webhooks.ts'
import { parseInput } from '../../infra/http/bind.ts'
import type { Webhooks } from '../../modules/models/webhooks/index.ts'
import { int64, list, message, type Read, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'

const COLLECTION = ['/api/2.0/mlflow/webhooks']
const ITEM = ['/api/2.0/mlflow/webhooks/:webhook_id']
const MOST_LISTED = 1_000

const eventFields = { entity: string({ required: true }), action: string({ required: true }) }
const one = { webhook_id: string({ required: true }) }
const changes = { description: string(), secret: string(), status: string() }

/** Webhooks of the registry, under the names and numbers that MLflow clients send. */
export function webhookRpcs({ webhooks }: { readonly webhooks: Webhooks }): Rpc[] {
  return [
    rpc({
      name: 'createWebhook',
      method: 'POST',
      paths: COLLECTION,
      scope: 'admin',
      fields: {
        ...changes,
        name: string({ required: true }),
        url: string({ required: true }),
        events: list(message(eventFields), { required: true }),
      },
      async handle(input, { caller }) {
        const fields = parseInput(contract.createWebhook.input, { ...changesFrom(input), name: input.name, url: input.url })
        return { webhook: webhookFrom(await webhooks.createWebhook(fields, caller)) }
      },
    }),
    rpc({
      name: 'listWebhooks',
      method: 'GET',
      paths: COLLECTION,
      scope: 'read',
      fields: { max_results: int64(), page_token: string() },
      async handle({ max_results = 100, page_token }, { caller }) {
        if (max_results < 1 || max_results > MOST_LISTED)
          throw new AppError('invalid', `max_results must be between 1 and ${MOST_LISTED}, but got ${max_results}`)
        const all = await webhooks.listWebhooks({ limit: MOST_LISTED }, caller)
        const from = page_token ? all.findIndex(({ id }) => id === page_token) + 1 : 0
        const page = all.slice(from, from + max_results)
        const more = from + max_results < all.length
        return { webhooks: page.map(webhookFrom), ...(more && { next_page_token: page.at(-1)!.id }) }
      },
    }),
    rpc({
      name: 'getWebhook',
      method: 'GET',
      paths: ITEM,
      scope: 'read',
      fields: one,
      handle: async ({ webhook_id: id }, { caller }) => ({ webhook: webhookFrom(await webhooks.getWebhook({ id }, caller)) }),
    }),
    rpc({
      name: 'updateWebhook',
      method: 'PATCH',
      paths: ITEM,
      scope: 'admin',
      fields: { ...one, ...changes, name: string(), url: string(), events: list(message(eventFields)) },
      async handle(input, { caller }) {
        const named = {
          id: input.webhook_id,
          ...(input.name !== undefined && { name: input.name }),
          ...(input.url !== undefined && { url: input.url }),
        }
        const fields = parseInput(contract.updateWebhook.input, { ...changesFrom(input), ...named })
        return { webhook: webhookFrom(await webhooks.updateWebhook(fields, caller)) }
      },
    }),
    rpc({
      name: 'deleteWebhook',
      method: 'DELETE',
      paths: ITEM,
      scope: 'admin',
      fields: one,
      async handle({ webhook_id: id }, { caller }) {
        await webhooks.deleteWebhook({ id, reason: 'asked by an MLflow client' }, caller)
        return {}
      },
    }),
    rpc({
      name: 'testWebhook',
      method: 'POST',
      paths: ['/api/2.0/mlflow/webhooks/:webhook_id/test'],
      scope: 'admin',
      fields: { ...one, event: message(eventFields) },
      async handle({ webhook_id: id, event }, { caller }) {
        const { success, status, body, error } = await webhooks.testWebhook({ id, event: event && eventFrom(event) }, caller)
        return {
          result: {
            success,
            ...(status !== null && { response_status: status }),
            ...(body !== null && { response_body: body }),
            // An answer speaks for itself; the message is for a request that got none.
            ...(error !== null && status === null && { error_message: error }),
          },
        }
      },
    }),
  ]
}

type Given = Partial<Read<typeof changes>> & { readonly events?: readonly Read<typeof eventFields>[] }

function changesFrom({ description, secret, status, events }: Given): object {
  return {
    ...(description !== undefined && { description }),
    ...(secret !== undefined && { secret }),
    ...(status !== undefined && { status: status.toLowerCase() }),
    ...(events !== undefined && events.length > 0 && { events: events.map(eventFrom) }),
  }
}

function eventFrom({ entity, action }: Read<typeof eventFields>): WebhookEvent {
  const name = `${entity.toLowerCase()}.${action.toLowerCase()}`
  const parsed = WebhookEvent.safeParse(name)
  if (parsed.success) return parsed.data
  const known = WebhookEvent.options.filter((event) => event.startsWith(`${entity.toLowerCase()}.`)).map((event) => event.split('.')[1])
  throw new AppError(
    'invalid',
    `Invalid action '${action.toLowerCase()}' for entity '${entity.toLowerCase()}'. Valid actions are: [${known.map((action) => `'${action}'`).join(', ')}]`,
  )
}

function webhookFrom({ id, name, description, url, events, status, createdAt, updatedAt }: Webhook) {
  return {
    webhook_id: id,
    name,
    ...(description && { description }),
    url,
    events: events.map((event) => {
      const [entity, action] = event.split('.')
      return { entity: entity!.toUpperCase(), action: action!.toUpperCase() }
    }),
    status: status.toUpperCase(),
    creation_timestamp: createdAt,
    last_updated_timestamp: updatedAt,
  }
}
