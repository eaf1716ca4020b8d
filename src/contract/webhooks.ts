import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Limit, Reason } from './scalars.ts'

/** What a webhook can be told of, in the words of the MLflow registry: `<entity>.<action>`. */
const webhookEvents = [
  'registered_model.created',
  'model_version.created',
  'model_version_tag.set',
  'model_version_tag.deleted',
  'model_version_alias.created',
  'model_version_alias.deleted',
  'prompt.created',
  'prompt_version.created',
  'prompt_tag.set',
  'prompt_tag.deleted',
  'prompt_version_tag.set',
  'prompt_version_tag.deleted',
  'prompt_alias.created',
  'prompt_alias.deleted',
] as const
export const WebhookEvent = z.enum(webhookEvents)
export type WebhookEvent = z.infer<typeof WebhookEvent>

const WebhookName = z
  .string()
  .regex(
    /^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$/,
    'is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).',
  )
const WebhookUrl = z
  .string()
  .max(2_000)
  .superRefine((url, context) => {
    const message = problemOfUrl(url)
    if (message) context.addIssue({ code: 'custom', message })
  })
const Secret = z.string().min(1).max(1_000).describe('signs every delivery; it is never shown again')

export const Webhook = z.object({
  id: Id,
  name: WebhookName,
  description: z.string(),
  url: z.string(),
  events: z.array(WebhookEvent),
  status: z.enum(['active', 'disabled']),
  signed: z.boolean(),
  createdAt: Instant,
  updatedAt: Instant,
})
export type Webhook = z.infer<typeof Webhook>

function problemOfUrl(url: string): string | undefined {
  if (url.trim() === '') return 'Webhook URL cannot be empty or just whitespace'
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  if (scheme !== 'http' && scheme !== 'https') return `Invalid webhook URL scheme: '${scheme}'. Allowed schemes are: https, http.`
  return URL.canParse(url) ? undefined : `Invalid webhook URL '${url}'. Webhook URL must include a hostname`
}

const fields = {
  name: WebhookName,
  description: z.string().max(1_000),
  url: WebhookUrl,
  events: z.array(WebhookEvent).min(1),
  secret: Secret,
  status: z.enum(['active', 'disabled']),
}
const one = z.strictObject({ id: Id })

export const webhooks = {
  createWebhook: endpoint({
    method: 'POST',
    path: '/api/v1/webhooks',
    summary: 'Tell a URL of what happens in the registry; deliveries are signed, tried again, and never follow a redirect',
    scope: 'admin',
    input: z.strictObject({
      ...fields,
      description: fields.description.default(''),
      secret: Secret.optional(),
      status: fields.status.default('active'),
      reason: Reason.default('new webhook'),
    }),
    output: Webhook,
    examples: ['setpoint webhooks create-webhook --name ci --url https://ci.example/hook --events model_version.created'],
  }),
  listWebhooks: endpoint({
    method: 'GET',
    path: '/api/v1/webhooks',
    summary: 'List the webhooks of the project, newest first',
    scope: 'read',
    input: z.strictObject({ limit: Limit }),
    output: z.array(Webhook),
  }),
  getWebhook: endpoint({
    method: 'GET',
    path: '/api/v1/webhooks/:id',
    summary: 'Read one webhook, without its secret',
    scope: 'read',
    input: one,
    output: Webhook,
  }),
  updateWebhook: endpoint({
    method: 'PUT',
    path: '/api/v1/webhooks/:id',
    summary: 'Change a webhook; what is not given stays',
    scope: 'admin',
    input: z.strictObject({ id: Id, ...z.strictObject(fields).partial().shape, reason: Reason.default('changed') }),
    output: Webhook,
  }),
  deleteWebhook: endpoint({
    method: 'DELETE',
    path: '/api/v1/webhooks/:id',
    summary: 'Delete a webhook; what waits for delivery is dropped',
    scope: 'admin',
    input: one.extend({ reason: Reason.default('deleted') }),
    output: Webhook,
  }),
  testWebhook: endpoint({
    method: 'POST',
    path: '/api/v1/webhooks/:id/test',
    summary: 'Send an example of an event now, and say what was answered',
    scope: 'admin',
    input: one.extend({ event: WebhookEvent.optional() }),
    output: z.object({
      success: z.boolean(),
      status: z.int().nullable(),
      body: z.string().nullable().describe('the first 1,000 characters of the answer'),
      error: z.string().nullable(),
    }),
  }),
}
