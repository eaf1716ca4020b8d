import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readConfig } from '../../src/infra/config.ts'
import { openWorld, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ SETPOINT_OPEN: 'true' })
})
afterAll(() => world.close())

/** `fetch` cannot choose its host name. */
function statusOf(path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${world.url}${path}`, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
      .on('error', reject)
      .end()
  })
}

test('an open server answers this machine without a key, in the project of the path', async () => {
  expect(await statusOf('/api/v1/models')).toBe(200)
  expect(await statusOf('/p/default/api/v1/models')).toBe(200)
  expect(await statusOf('/p/nowhere/api/v1/models')).toBe(404)
})

test('a page of another origin, a name that only leads here, a proxy and a bad key are refused', async () => {
  expect(await statusOf('/api/v1/models', { origin: 'https://elsewhere.example' })).toBe(401)
  expect(await statusOf('/api/v1/models', { host: 'rebound.example' })).toBe(401)
  expect(await statusOf('/api/v1/models', { 'x-forwarded-for': '203.0.113.9' })).toBe(401)
  expect(await statusOf('/api/v1/models', { authorization: 'Bearer sp_wrong' })).toBe(401)
})

test('a server that listens to the network is never open', () => {
  const environment = { SETPOINT_OPEN: 'true', SETPOINT_HOST: '0.0.0.0' }
  expect(() => readConfig({ environment, file: '/nowhere/setpoint.yaml' })).toThrow('set it to 127.0.0.1')
})
