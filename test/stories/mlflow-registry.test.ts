import { afterAll, beforeAll, expect, test } from 'vitest'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { deployModel, openWorld, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('admin')
})
afterAll(() => world.close())

type Reply = { status: number; body: Record<string, unknown> }

async function send(method: string, path: string, fields: object = {}, key = token): Promise<Reply> {
  const query = method === 'GET' ? `?${new URLSearchParams(fields as Record<string, string>)}` : ''
  const response = await fetch(`${world.url}${path.startsWith('/p/') ? path : `/api/2.0/mlflow/${path}`}${query}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: JSON.stringify(fields) }),
  })
  return { status: response.status, body: (await response.json()) as never }
}
const version = (name: string, more: object = {}) =>
  send('POST', 'model-versions/create', { name, source: 's3://elsewhere/model', ...more })

test('a model, its versions, stages, aliases and tags: what one client writes another reads, and the ledger holds', async () => {
  const made = await send('POST', 'registered-models/create', { name: 'Churn Model', tags: [{ key: 'team', value: 'risk' }] })
  expect(made).toMatchObject({ status: 200, body: { registered_model: { name: 'Churn Model', description: '', latest_versions: [] } } })
  expect((await version('Churn Model', { description: 'first' })).body).toMatchObject({
    model_version: { version: '1', current_stage: 'None', status: 'READY', source: 's3://elsewhere/model', description: 'first' },
  })
  await version('Churn Model', { tags: [{ key: 'seed', value: '7' }] })
  await send('POST', 'model-versions/transition-stage', { name: 'Churn Model', version: '1', stage: 'production' })
  await send('POST', 'model-versions/transition-stage', {
    name: 'Churn Model',
    version: '2',
    stage: 'Production',
    archive_existing_versions: true,
  })
  await send('POST', 'registered-models/alias', { name: 'Churn Model', alias: 'Best-1', version: '2' })
  const model = (await send('GET', 'registered-models/get', { name: 'Churn Model' })).body.registered_model as never
  expect(model).toMatchObject({ aliases: [{ alias: 'Best-1', version: '2' }], tags: [{ key: 'team', value: 'risk' }] })
  expect((model as { latest_versions: { version: string; current_stage: string }[] }).latest_versions).toEqual([
    expect.objectContaining({ version: '2', current_stage: 'Production', aliases: ['Best-1'], tags: [{ key: 'seed', value: '7' }] }),
    expect.objectContaining({ version: '1', current_stage: 'Archived' }),
  ])
  expect(await world.admin.call(registry.getVersion, { model: 'Churn Model', version: 2 })).toMatchObject({ stage: 'production' })
  await send('POST', 'registered-models/rename', { name: 'Churn Model', new_name: 'Leavers' })
  expect((await send('GET', 'registered-models/alias', { name: 'Leavers', alias: 'Best-1' })).body).toMatchObject({
    model_version: { name: 'Leavers', version: '2' },
  })
  expect((await send('GET', 'registered-models/get', { name: 'Churn Model' })).status).toBe(404)
  expect(await world.admin.call(ledger.verify, {})).toMatchObject({ intact: true })
  expect((await send('DELETE', 'registered-models/delete', { name: 'Leavers' })).status).toBe(200)
  expect(await world.admin.call(ledger.verify, {})).toMatchObject({ intact: true })
})

const prompt = (name: string) => ({ name, tags: [{ key: 'mlflow.prompt.is_prompt', value: 'true' }] })

test('searches understand the grammar, pages, and hide prompts', async () => {
  for (const name of ['a-1', 'a-2', 'B-3']) await send('POST', 'registered-models/create', { name, tags: [{ key: 'n', value: name }] })
  await send('POST', 'registered-models/create', prompt('greeting'))
  const names = async (fields: object) =>
    ((await send('GET', 'registered-models/search', fields)).body.registered_models as { name: string }[]).map(({ name }) => name)
  expect(await names({})).toEqual(['B-3', 'a-1', 'a-2'])
  expect(await names({ filter: "name LIKE 'a-%'" })).toEqual(['a-1', 'a-2'])
  expect(await names({ filter: "name ILIKE 'A-_' AND tags.n != 'a-1'", order_by: 'name DESC' })).toEqual(['a-2'])
  expect(await names({ filter: "tags.`mlflow.prompt.is_prompt` = 'true'" })).toEqual(['greeting'])
  const first = await send('GET', 'registered-models/search', { max_results: '2' })
  expect(first.body.registered_models).toHaveLength(2)
  expect(await names({ max_results: '2', page_token: String(first.body.next_page_token) })).toEqual(['a-2'])
  expect(await send('GET', 'registered-models/search', { filter: 'nam = 3' })).toMatchObject({
    status: 400,
    body: { error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringContaining('Invalid attribute key') },
  })
  await version('a-1')
  await version('a-2', { run_link: 'http://x' })
  const found = await send('GET', 'model-versions/search', {
    filter: "name IN ('a-1', 'a-2') AND version_number >= 1",
    order_by: 'name ASC',
  })
  expect((found.body.model_versions as { name: string }[]).map(({ name }) => name)).toEqual(['a-1', 'a-2'])
})

test.each([
  ['no name', 'POST', 'registered-models/create', {}, 400, `Missing value for required parameter 'name'.`],
  ['a name that is a path', 'POST', 'registered-models/create', { name: 'a/b' }, 400, `Names cannot contain '/' or ':'`],
  ['a name taken', 'POST', 'registered-models/create', { name: 'a-1' }, 400, 'Registered Model (name=a-1) already exists'],
  ['a prompt’s name', 'POST', 'registered-models/create', { name: 'greeting' }, 400, 'but the name is already taken by a prompt.'],
  ['a prompt again', 'POST', 'registered-models/create', prompt('greeting'), 400, 'Prompt (name=greeting) already exists'],
  [
    'a model’s name for a prompt',
    'POST',
    'registered-models/create',
    prompt('a-1'),
    400,
    `Tried to create a prompt with name 'a-1', but the name is already taken by a registered model.`,
  ],
  ['a model not there', 'GET', 'registered-models/get', { name: 'none' }, 404, 'Registered Model with name=none not found'],
  ['a version that is no number', 'GET', 'model-versions/get', { name: 'a-1', version: 'x' }, 400, `must be an integer, got 'x'`],
  [
    'a version not there',
    'GET',
    'model-versions/get',
    { name: 'a-1', version: '77' },
    404,
    'Model Version (name=a-1, version=77) not found',
  ],
  ['a reserved alias', 'POST', 'registered-models/alias', { name: 'a-1', alias: 'v3', version: '1' }, 400, 'is reserved'],
  [
    'no such stage',
    'POST',
    'model-versions/transition-stage',
    { name: 'a-1', version: '1', stage: 'Moon' },
    400,
    'Invalid Model Version stage',
  ],
  [
    'a source that climbs',
    'POST',
    'model-versions/create',
    { name: 'a-1', source: 'mlflow-artifacts:/1/%252e%252e/x' },
    400,
    'Invalid model version source',
  ],
  ['a run not there', 'POST', 'model-versions/create', { name: 'a-1', source: `runs:/${'0'.repeat(32)}/m` }, 404, 'not found'],
  ['a page token of one’s own', 'GET', 'registered-models/search', { page_token: 'x' }, 400, 'Invalid page token'],
])('%s is refused in the protocol’s own words', async (_name, method, path, fields, status, message) => {
  const reply = await send(method, path, fields)
  expect(reply.status).toBe(status)
  expect(reply.body.message).toContain(message)
})

test('what a deployment serves is neither renamed nor deleted, and its champion is moved only by who may approve', async () => {
  await deployModel(world, 'served')
  for (const [method, path, fields] of [
    ['DELETE', 'registered-models/delete', { name: 'served' }],
    ['POST', 'registered-models/rename', { name: 'served', new_name: 'other' }],
  ] as const)
    expect((await send(method, path, fields)).body.message).toContain('deployment served serves it')
  await version('served')
  const operator = await world.token('operator')
  expect(await send('POST', 'registered-models/alias', { name: 'served', alias: 'champion', version: '2' }, operator)).toMatchObject({
    status: 403,
    body: { error_code: 'PERMISSION_DENIED' },
  })
  expect((await send('POST', 'registered-models/alias', { name: 'served', alias: 'nightly', version: '2' }, operator)).status).toBe(200)
  expect((await send('DELETE', 'model-versions/delete', { name: 'served', version: '2' }, operator)).status).toBe(403)
})

test('an unknown path says so in the way clients fall back on, and another project sees nothing', async () => {
  expect(await send('POST', 'no-such/thing')).toMatchObject({ status: 404, body: { error_code: 'ENDPOINT_NOT_FOUND' } })
  const other = await world.as('admin')
  await other.call((await import('../../src/contract/access.ts')).access.createProject, { name: 'tenant', reason: 'a test' })
  expect(await send('GET', '/p/tenant/api/2.0/mlflow/registered-models/get', { name: 'a-1' })).toMatchObject({ status: 404 })
  expect((await send('GET', '/p/default//ajax-api/2.0/mlflow/registered-models/get', { name: 'a-1' })).status).toBe(200)
  const stranger = await world.token('viewer', 'tenant')
  expect((await send('GET', '/p/default/api/2.0/mlflow/registered-models/get', { name: 'a-1' }, stranger)).status).toBe(403)
})

test('what a version was made from and what stands on it', async () => {
  await send('POST', 'registered-models/create', { name: 'copy' })
  await version('copy', { source: 'models:/served/1' })
  expect(await world.admin.call(registry.getLineage, { model: 'served', version: 1 })).toMatchObject({
    downstream: {
      deployments: [{ name: 'served', alias: 'champion' }],
      versions: [{ model: 'copy', version: 1, relation: 'copied from it' }],
    },
  })
  const copied = await world.admin.call(registry.getLineage, { model: 'copy', version: 1 })
  expect(copied).toMatchObject({ upstream: { copiedFrom: 'models:/served/1' }, downstream: { deployments: [], versions: [] } })
})

test('the auditor’s questions are answered from the ledger', async () => {
  await send('POST', 'registered-models/create', { name: 'audited' })
  await version('audited')
  await version('audited')
  await world.admin.call(registry.moveAlias, { model: 'audited', alias: 'champion', version: 1, reason: 'the first one' })
  const before = world.clock.now()
  await world.settle()
  await world.pass(3_600_000, 3_600_000)
  await world.admin.call(registry.moveAlias, { model: 'audited', alias: 'champion', version: 2, reason: 'it was better' })
  expect(await world.admin.call(registry.liveOn, { model: 'audited', date: new Date(before).toISOString() })).toMatchObject({ version: 1 })
  expect(await world.admin.call(registry.when, { model: 'audited' })).toMatchObject([
    { version: 1, untilAt: before + 3_600_000 },
    { version: 2, untilAt: null, reason: 'it was better' },
  ])
  const why = await world.admin.call(registry.why, { model: 'audited', version: 2 })
  expect(why[0]).toMatchObject({ operation: 'registry.moveAlias', alias: 'champion', reason: 'it was better' })
  expect((await world.admin.call(registry.who, { model: 'audited' })).owners).toHaveProperty('1')
  expect(await world.admin.call(registry.suggestVersion, { model: 'audited', version: 2 })).toMatchObject({
    bump: 'patch',
    suggested: '1.0.1',
  })
  const card = await world.admin.download(registry.getCard, { model: 'audited', version: 2 })
  expect(await card.text()).toContain('# audited, version 2')
})

test('a strict policy refuses what nobody can answer for, and ordered stages go one by one', async () => {
  const policy = {
    apiVersion: 'setpoint/v1',
    kind: 'RegistryPolicy',
    metadata: { name: 'default' },
    spec: { enforcement: 'refuse', stages: 'ordered' },
  }
  await world.admin.call(documents.apply, { documents: [policy] })
  await send('POST', 'registered-models/create', { name: 'strict' })
  expect(await version('strict')).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('owner, commit, dataSnapshot, evaluation') },
  })
  expect(await send('POST', 'model-versions/transition-stage', { name: 'audited', version: '1', stage: 'Production' })).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('experimental to candidate or archived') },
  })
  await world.admin.call(documents.delete, { kind: 'RegistryPolicy', name: 'default' })
})
