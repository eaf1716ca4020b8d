import fs from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { errorCodes } from '../src/contract/errors.ts'
import { kinds } from '../src/contract/kinds.ts'
import { operations } from '../src/contract/operations.ts'
import { openWorld, type World } from './world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('admin')
})
afterAll(() => world.close())

const endpoints = Object.entries(operations).flatMap(([module, contract]) =>
  Object.entries(contract).map(([name, endpoint]) => ({ name: `${module}.${name}`, endpoint })),
)

test('every endpoint is bound: none answers that there is no such path', async () => {
  for (const { name, endpoint } of endpoints) {
    const controller = new AbortController()
    const response = await fetch(`${world.url}${endpoint.path.replace(/:\w+/g, 'x1')}`, {
      method: endpoint.method,
      headers: { authorization: `Bearer ${token}` },
      signal: controller.signal,
      ...(endpoint.method === 'GET' ? {} : { body: '{}' }),
    })
    const text = endpoint.returns === 'events' ? '' : await response.text()
    controller.abort()
    expect([name, text.includes('there is no') && text.includes('see /openapi.json')]).toEqual([name, false])
    expect([name, response.status < 500]).toEqual([name, true])
  }
})

test('every error has the one envelope, its own status and the request’s id', async () => {
  const cases: [string, RequestInit, keyof typeof errorCodes][] = [
    ['/api/v1/nothing', {}, 'not_found'],
    ['/api/v1/models/none', {}, 'not_found'],
    ['/api/v1/models?limit=0', {}, 'invalid'],
    ['/api/v1/models?colour=red', {}, 'invalid'],
    ['/api/v1/documents', { method: 'POST', body: '{' }, 'invalid'],
    ['/api/v1/documents', { method: 'POST', body: '[]' }, 'invalid'],
    ['/api/v1/documents', { method: 'POST', body: `{"documents":["${'x'.repeat(9 << 20)}"]}` }, 'too_large'],
  ]
  for (const [path, init, code] of cases) {
    const response = await fetch(`${world.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, 'x-request-id': 'mine' } })
    expect([path, response.status]).toEqual([path, errorCodes[code].status])
    expect(await response.json()).toMatchObject({
      error: { code, message: expect.any(String), details: expect.any(Object), requestId: 'mine' },
    })
  }
})

test('OpenAPI describes every operation, and every schema becomes JSON Schema', async () => {
  const document = (await (await fetch(`${world.url}/openapi.json`)).json()) as {
    openapi: string
    paths: Record<string, Record<string, { operationId: string }>>
  }
  expect(document.openapi).toBe('3.1.0')
  const described = Object.values(document.paths).flatMap((methods) => Object.values(methods).map((operation) => operation.operationId))
  expect(described.sort()).toEqual(endpoints.map(({ name }) => name).sort())
  for (const { spec } of Object.values(kinds)) expect(z.toJSONSchema(spec, { io: 'input' })).toBeTypeOf('object')
})

test('the reference page names every operation', async () => {
  const page = await (await fetch(`${world.url}/reference`)).text()
  for (const { name } of endpoints) expect(page).toContain(`id="${name}"`)
})

test('a server says whether it is alive, ready, and what it measures', async () => {
  expect((await fetch(`${world.url}/healthz`)).status).toBe(200)
  expect(await (await fetch(`${world.url}/readyz`)).json()).toMatchObject({ status: 'ok', metadata: 'ok', telemetry: 'ok' })
  expect((await fetch(`${world.url}/metrics`)).status).toBe(401)
  const metrics = await (await fetch(`${world.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  for (const line of metrics.trim().split('\n'))
    expect(line).toMatch(/^(# (HELP|TYPE) setpoint_|# (HELP|TYPE) process_|(setpoint|process)_[a-z0-9_]+(\{[^}]*\})? -?\d)/)
})

test('every migration is there once and readable', () => {
  for (const folder of ['migrations/sql', 'migrations/columns'])
    for (const file of fs.readdirSync(folder))
      expect(fs.readFileSync(`${folder}/${file}`, 'utf8')).toMatch(/(CREATE|ALTER) (UNIQUE )?(TABLE|INDEX)/)
})
