import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { webhooks } from '../../src/contract/webhooks.ts'
import { openWorld, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const MINUTE_MS = 60_000
const secret = 'a-secret-of-the-receiver'
const hook = { url: 'https://ci.example/hook', secret }
const everything = ['registered_model.created', 'model_version.created', 'model_version_tag.set', 'model_version_alias.created'] as const

async function told(): Promise<{ entity: string; action: string; data: Record<string, unknown> }[]> {
  await world.settle()
  return world.sent.splice(0).map(({ body }) => JSON.parse(body))
}

test('what happens in the registry is told, signed, once for each event and webhook', async () => {
  await world.admin.call(webhooks.createWebhook, { name: 'all', ...hook, events: [...everything] })
  await world.admin.call(webhooks.createWebhook, { name: 'off', ...hook, events: [...everything], status: 'disabled' })
  await world.admin.call(registry.createModel, { model: 'told', description: 'of it', tags: { team: 'risk' } })
  const token = await world.token('admin')
  const post = (path: string, body: object) =>
    fetch(`${world.url}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  await post('model-versions/create', { name: 'told', source: 's3://b/m', description: 'one' })
  await post('model-versions/set-tag', { name: 'told', version: '1', key: 'k', value: 'v' })
  await post('registered-models/alias', { name: 'told', alias: 'best', version: '1' })
  await world.settle()
  const [first] = world.sent
  const { 'x-mlflow-signature': signature, 'x-mlflow-timestamp': seconds, 'x-mlflow-delivery-id': id } = first!.headers
  expect(signature).toBe(`v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${first!.body}`).digest('base64')}`)
  const messages = await told()
  expect(messages.map(({ entity, action, data }) => ({ entity, action, data }))).toEqual(
    expect.arrayContaining([
      { entity: 'registered_model', action: 'created', data: { name: 'told', tags: { team: 'risk' }, description: 'of it' } },
      {
        entity: 'model_version',
        action: 'created',
        data: { name: 'told', version: '1', source: 's3://b/m', run_id: null, tags: {}, description: 'one' },
      },
      { entity: 'model_version_tag', action: 'set', data: { name: 'told', version: '1', key: 'k', value: 'v' } },
      { entity: 'model_version_alias', action: 'created', data: { name: 'told', alias: 'best', version: '1' } },
    ]),
  )
  expect(messages).toHaveLength(4)
})

test('a prompt is told of as a prompt, and its text only with its version', async () => {
  await world.admin.call(webhooks.createWebhook, {
    name: 'prompts',
    ...hook,
    events: ['prompt.created', 'prompt_version.created', 'prompt_tag.set'],
  })
  const tags = { 'mlflow.prompt.is_prompt': 'true', 'mlflow.prompt.text': 'Hello {{name}}' }
  await world.admin.call(registry.createModel, { model: 'greeting', tags: { 'mlflow.prompt.is_prompt': 'true' } })
  const token = await world.token('admin')
  await fetch(`${world.url}/api/2.0/mlflow/model-versions/create`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'greeting',
      source: 'prompt-template',
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    }),
  })
  expect(await told()).toEqual([
    expect.objectContaining({ entity: 'prompt', action: 'created', data: { name: 'greeting', tags: {}, description: null } }),
    expect.objectContaining({
      entity: 'prompt_version',
      data: { name: 'greeting', version: '1', template: 'Hello {{name}}', tags: {}, description: null },
    }),
  ])
})

test('a secret is never shown: not by a reply, not by the ledger', async () => {
  const all = JSON.stringify(await world.admin.call(webhooks.listWebhooks, {}))
  expect(all).toContain('"signed":true')
  expect(all).not.toContain(secret)
  expect(JSON.stringify(await world.admin.call(ledger.listEntries, { limit: 1_000 }))).not.toContain(secret)
  expect(await world.admin.call(ledger.verify, {})).toMatchObject({ intact: true })
})

test('a webhook is tried out, changed and removed; another project has none of it', async () => {
  const made = await world.admin.call(webhooks.createWebhook, { name: 'trial', ...hook, events: ['model_version.created'] })
  expect(await world.admin.call(webhooks.testWebhook, { id: made.id })).toEqual({ success: true, status: 200, body: 'ok', error: null })
  expect(await world.admin.call(webhooks.updateWebhook, { id: made.id, status: 'disabled' })).toMatchObject({
    status: 'disabled',
    signed: true,
  })
  await world.admin.call((await import('../../src/contract/access.ts')).access.createProject, { name: 'other', reason: 'a test' })
  const other = await world.as('admin', 'other')
  await expect(other.call(webhooks.getWebhook, { id: made.id })).rejects.toMatchObject({ code: 'not_found' })
  const viewer = await world.as('viewer')
  await expect(viewer.call(webhooks.deleteWebhook, { id: made.id })).rejects.toMatchObject({ code: 'forbidden' })
  await world.admin.call(webhooks.deleteWebhook, { id: made.id })
  await expect(world.admin.call(webhooks.getWebhook, { id: made.id })).rejects.toMatchObject({ code: 'not_found' })
})

test.each([
  ['ftp://example.com', /Invalid webhook URL scheme: 'ftp'/],
  ['   ', /empty or just whitespace/],
  ['http://[invalid', /Invalid webhook URL/],
])('%j is no address for a webhook', async (url, message) => {
  const bad = world.admin.call(webhooks.createWebhook, { name: 'bad', url, events: ['prompt.created'] })
  await expect(bad).rejects.toMatchObject({ code: 'invalid', message: expect.stringMatching(message) })
})

test('a message that the receiver refuses is sent once; one that it cannot take now is sent again', async () => {
  const deliveries = async (status: number, model: string) => {
    const made = await world.admin.call(webhooks.createWebhook, {
      name: `answers-${status}`,
      url: `https://ci.example/status/${status}`,
      events: ['registered_model.created'],
    })
    await world.admin.call(registry.createModel, { model })
    await world.pass(MINUTE_MS)
    await world.admin.call(webhooks.deleteWebhook, { id: made.id })
    return world.sent.splice(0).filter(({ url }) => url.endsWith(`/${status}`)).length
  }
  expect(await deliveries(401, 'refused')).toBe(1)
  expect(await deliveries(429, 'throttled')).toBeGreaterThan(1)
  expect(await deliveries(503, 'away')).toBeGreaterThan(1)
})

test('by the protocol, a try of a webhook tells the answer without a message, and examples say what they are', async () => {
  const token = await world.token('admin')
  const made = await world.admin.call(webhooks.createWebhook, {
    name: 'absent',
    url: 'https://ci.example/status/404',
    events: ['model_version.created', 'prompt.created'],
  })
  const reply = await fetch(`${world.url}/api/2.0/mlflow/webhooks/${made.id}/test`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  })
  expect(await reply.json()).toEqual({ result: { success: false, response_status: 404, response_body: 'ok' } })
  const example = JSON.parse(world.sent.splice(0)[0]!.body)
  expect(example.data).toMatchObject({ name: 'example_model', description: 'An example model version' })
})
