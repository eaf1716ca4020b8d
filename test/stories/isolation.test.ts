import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { createClient } from '../../src/contract/client.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { operations } from '../../src/contract/operations.ts'
import { registry } from '../../src/contract/registry.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { deployModel, openWorld, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  await world.admin.call(access.createProject, { name: 'fraud' })
})
afterAll(() => world.close())

test('no operation answers without a key, but for those that are public', async () => {
  for (const [module, contract] of Object.entries(operations)) {
    for (const [name, endpoint] of Object.entries(contract)) {
      const url = `${world.url}${endpoint.path.replace(/:\w+/g, 'x')}`
      const response = await fetch(url, { method: endpoint.method, ...(endpoint.method === 'GET' ? {} : { body: '{}' }) })
      const refused = response.status === 401 || endpoint.scope === 'public'
      expect([`${module}.${name}`, refused]).toEqual([`${module}.${name}`, true])
      await response.body?.cancel()
    }
  }
})

test('a project sees nothing of another: not its models, deployments, records or keys', async () => {
  const other = await world.as('admin', 'fraud')
  expect(await other.call(registry.listModels, {})).toEqual([])
  expect(await other.call(deployments.listDeployments, {})).toEqual([])
  await expect(other.call(registry.getVersion, { model: 'churn', version: 1 })).rejects.toMatchObject({ code: 'not_found' })
  await expect(other.call(deployments.predict, { deployment: 'churn', features: { a: 1, b: 1 } })).rejects.toMatchObject({
    code: 'not_found',
  })
  expect((await other.call(telemetry.listRecords, { deployment: 'churn' })).records).toEqual([])
  const keys = await world.admin.call(access.listKeys, {})
  await expect(other.call(access.revokeKey, { id: keys[0]!.id })).rejects.toMatchObject({ code: 'not_found' })
})

test('a key may not step into another project by naming it; an admin of the default project may', async () => {
  const token = await world.token('admin', 'fraud')
  const stepping = createClient({ url: world.url, token, project: 'default' })
  await expect(stepping.call(registry.listModels, {})).rejects.toMatchObject({ code: 'forbidden' })
  const root = createClient({ url: world.url, token: await world.token('admin'), project: 'fraud' })
  expect(await root.call(registry.listModels, {})).toEqual([])
})

test('a project that is not there cannot be entered, so nothing is declared where nobody looks', async () => {
  const lost = createClient({ url: world.url, token: await world.token('admin'), project: 'frued' })
  await expect(lost.call(registry.listModels, {})).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringMatching(/there is no project frued/),
  })
})

test('a role does what it is for and nothing more', async () => {
  const viewer = await world.as('viewer')
  expect((await viewer.call(registry.listModels, {})).length).toBe(1)
  await expect(viewer.call(deployments.predict, { deployment: 'churn', features: { a: 1, b: 1 } })).rejects.toMatchObject({
    code: 'forbidden',
  })
  const operator = await world.as('operator')
  await expect(
    operator.call(registry.moveAlias, { model: 'churn', alias: 'champion', version: 1, reason: 'because' }),
  ).rejects.toMatchObject({ code: 'forbidden' })
  const trainer = { apiVersion: 'setpoint/v1', kind: 'Trainer', metadata: { name: 't' }, spec: { command: ['sh', '-c', 'id'] } }
  await expect(operator.call(documents.apply, { documents: [trainer] })).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringMatching(/needs the scope "admin"/),
  })
})

test('a narrowed key keeps to its scopes, a revoked or expired one is over at once', async () => {
  const key = await world.admin.call(access.createKey, { name: 'shop', role: 'operator', scopes: ['predict'], expiresInDays: 1 })
  const shop = createClient({ url: world.url, token: key.secret })
  await expect(shop.call(registry.listModels, {})).rejects.toMatchObject({ code: 'forbidden' })
  expect(await shop.call(deployments.predict, { deployment: 'churn', features: { a: 1, b: 1 } })).toMatchObject({ prediction: 1 })
  await world.settle()
  world.clock.advance(86_400_001)
  await expect(shop.call(deployments.predict, { deployment: 'churn', features: { a: 1, b: 1 } })).rejects.toMatchObject({
    code: 'unauthenticated',
  })
  const admin = createClient({
    url: world.url,
    token: (await world.app.access.issueKey('default', 'late', 'admin', 60_000, 'a test')).secret,
  })
  const second = await admin.call(access.createKey, { name: 'second', role: 'viewer' })
  const viewer = createClient({ url: world.url, token: second.secret })
  await viewer.call(registry.listModels, {})
  await admin.call(access.revokeKey, { id: second.id })
  await expect(viewer.call(registry.listModels, {})).rejects.toMatchObject({ code: 'unauthenticated' })
})

test('a key cannot be given more than its role has', async () => {
  const admin = createClient({ url: world.url, token: await world.token('admin') })
  await expect(admin.call(access.createKey, { name: 'sly', role: 'viewer', scopes: ['admin'] })).rejects.toMatchObject({ code: 'invalid' })
})

test('a sign-in link works once, its session is a cookie that another site cannot use', async () => {
  const admin = createClient({ url: world.url, token: await world.token('admin') })
  const { token } = await admin.call(access.createSignIn, {})
  const signIn = () => fetch(`${world.url}/api/v1/session`, { method: 'POST', body: JSON.stringify({ token }) })
  const response = await signIn()
  const cookie = response.headers.get('set-cookie')!
  expect(cookie).toMatch(/HttpOnly; SameSite=Strict/)
  expect((await signIn()).status).toBe(401)
  const session = cookie.split(';')[0]!
  const post = (origin?: string) =>
    fetch(`${world.url}/api/v1/projects`, {
      method: 'POST',
      headers: { cookie: session, ...(origin ? { origin } : {}) },
      body: JSON.stringify({ name: `p${origin ? 1 : 2}` }),
    })
  expect((await post('https://evil.example')).status).toBe(401)
  expect((await post(world.url)).status).toBe(200)
  expect(
    (await fetch(`${world.url}/api/v1/session`, { method: 'DELETE', headers: { cookie: session, origin: world.url }, body: '{}' })).status,
  ).toBe(200)
  expect((await fetch(`${world.url}/api/v1/session`, { headers: { cookie: session } })).status).toBe(401)
})

test('guessing keys is slowed down, and the wait is told', async () => {
  const guess = () =>
    fetch(`${world.url}/api/v1/models`, { headers: { authorization: 'Bearer sp_key_00000000000000000000000000_aaaaaaaaaaaaaaaaaaaaaaaa' } })
  const statuses: number[] = []
  for (let i = 0; i < 14; i++) statuses.push((await guess()).status)
  expect(statuses.slice(0, 10)).toEqual(new Array(10).fill(401))
  expect(statuses.at(-1)).toBe(429)
  await world.settle()
  world.clock.advance(16 * 60_000)
  expect((await guess()).status).toBe(401)
})
