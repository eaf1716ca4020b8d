import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { registry } from '../../src/contract/registry.ts'
import { numericCsvHeader, numericCsvLine } from '../../src/lib/numeric-csv.ts'
import { deployModel, deployment, modelWithCut, openWorld, registerModel, rowsOf, type World } from '../world.ts'

/** A model server of our own making: it answers what a test sets, and counts what it is asked. */
type Answer = { readonly status?: number; readonly body?: unknown; readonly headers?: Record<string, string> } | 'silence' | 'hang up'
const asked: { path: string; body: string; headers: http.IncomingHttpHeaders }[] = []
let answer: (path: string, body: string) => Answer
const server = http.createServer(async (request, response) => {
  let body = ''
  for await (const piece of request) body += piece
  asked.push({ path: request.url!, body, headers: request.headers })
  const given = answer(request.url!, body)
  if (given === 'silence') return
  if (given === 'hang up') return void request.socket.destroy()
  response.writeHead(given.status ?? 200, given.headers).end(typeof given.body === 'string' ? given.body : JSON.stringify(given.body ?? {}))
})
/** The sum of each row. */
const sums = (_path: string, body: string): Answer => {
  if (body === '') return {}
  const { instances } = JSON.parse(body) as { instances: number[][] }
  return { body: { predictions: instances.map((row) => row.reduce((total, value) => total + (value ?? -9), 0)) } }
}

let world: World
let elsewhere: World
let url: string
beforeAll(async () => {
  elsewhere = await openWorld()
  await deployModel(elsewhere, 'risk')
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  process.env.ELSEWHERE_AUTH = `Bearer ${await elsewhere.token('operator')}`
  world = await openWorld({ SETPOINT_REMOTE_HOSTS: `${new URL(url).host},${new URL(elsewhere.url).host}` })
  await registerModel(world.admin, 'risk', modelWithCut(0.5), { alias: 'champion' })
  await registerModel(world.admin, 'risk', modelWithCut(0.1))
})
afterEach(() => {
  asked.length = 0
})
afterAll(async () => {
  delete process.env.ELSEWHERE_AUTH
  await world.close()
  await elsewhere.close()
  server.closeAllConnections()
  server.close()
})

const declare = async (name: string, runtime: object, spec: object = {}) => {
  await world.admin.call(documents.apply, { documents: [deployment(name, 'risk', { runtime: { kind: 'remote', ...runtime }, ...spec })] })
  await world.settle()
  return await described(name)
}
/** A deployment once it was tried: what its model takes is asked of the other server. */
const described = async (name: string) => {
  const read = () => world.admin.call(deployments.getDeployment, { deployment: name })
  await expect.poll(async () => (await read()).problem).not.toBe('it is still being loaded')
  return await read()
}
const ask = (name: string, a: number, b: number | null = 0.25) =>
  world.admin.call(deployments.predict, { deployment: name, features: { a, b } })

test('another Setpoint runs the model: scores, labels and records are this one’s', async () => {
  const declared = await declare('far', { url: elsewhere.url, headersFrom: { authorization: 'ELSEWHERE_AUTH' } })
  expect(declared).toMatchObject({ ready: true, problem: null, runtime: { breaker: 'closed', workers: null } })
  expect(declared.runtime!.platform).toMatch(/^remote_oip_/)
  const rows = rowsOf(world.random, 50)
  for (const { a, b } of rows) {
    const here = await ask('far', a, b)
    const there = await elsewhere.admin.call(deployments.predict, { deployment: 'risk', features: { a, b } })
    expect(here.score).toBe(there.score)
  }
  const metrics = await (
    await fetch(`${world.url}/metrics`, { headers: { authorization: `Bearer ${await world.token('viewer')}` } })
  ).text()
  expect(metrics).toContain('setpoint_runtime_up{deployment="far"} 1')
  expect(metrics).toContain('setpoint_runtime_breaker{deployment="far"} 0')
})

test('a name with {version} leads each version to its own model, or to none', async () => {
  const runtime = { url: elsewhere.url, headersFrom: { authorization: 'ELSEWHERE_AUTH' }, model: 'risk/versions/{version}' }
  expect((await declare('versioned', runtime)).ready).toBe(true)
  const asked = await declare('versioned-two', runtime, { split: { version: 2, percent: 10 } })
  expect(asked).toMatchObject({ ready: false, problem: expect.stringMatching(/answers 404.*does not serve version 2/) })
})

test.each([
  ['http', { model: undefined }, '/', null],
  ['http', { model: 'score/{version}' }, '/score/1', null],
  ['torchserve', { model: undefined }, '/predictions/risk', '/ping'],
  ['bentoml', { model: 'classify' }, '/classify', '/readyz'],
  ['ray', { model: 'risk' }, '/risk', '/-/healthz'],
] as const)('%s is asked in its own way: %o', async (protocol, more, path, health) => {
  answer = sums
  const name = `${protocol}-${more.model === undefined ? 'plain' : 'routed'}`
  expect(await declare(name, { protocol, url, ...more })).toMatchObject({ ready: true, runtime: { platform: `remote_${protocol}` } })
  const predicted = await ask(name, 0.5, 0.25)
  expect(predicted).toMatchObject({ score: 0.75, prediction: 1 })
  expect((await ask(name, 0.5, null)).score).toBe(-8.5)
  expect(asked.map((one) => one.path)).toEqual([...(health ? [health] : []), path, path, path])
  expect(JSON.parse(asked.at(-1)!.body)).toEqual({ instances: [[0.5, null]] })
})

test('a host that nobody allowed is refused, and the setting is named', async () => {
  const { ready, problem } = await declare('metadata', { protocol: 'http', url: 'http://169.254.169.254/latest' })
  expect({ ready, problem }).toEqual({ ready: false, problem: expect.stringContaining('SETPOINT_REMOTE_HOSTS=169.254.169.254') })
  await expect(ask('metadata', 1)).rejects.toMatchObject({ code: 'unavailable' })
})

test('a server that does not answer takes no traffic; a redirect is not followed; gRPC is refused plainly', async () => {
  answer = () => ({ status: 503, body: 'warming up' })
  expect(await declare('cold', { protocol: 'torchserve', url, connections: 1 })).toMatchObject({
    ready: false,
    problem: expect.stringContaining('warming up'),
  })
  answer = () => ({ status: 302, headers: { location: 'http://169.254.169.254/' } })
  expect((await declare('moved', { protocol: 'ray', url, connections: 1 })).problem).toMatch(/redirects are not followed/)
  expect((await declare('grpc', { protocol: 'oip-grpc', url: 'grpc://127.0.0.1:8001' })).problem).toMatch(/over HTTP only/)
})

test('a connection that breaks before an answer is tried again, an error of the model is not', async () => {
  answer = sums
  await declare('shaky', { protocol: 'http', url, connections: 2 })
  asked.length = 0
  let broken = 0
  answer = (path, body) => (broken++ < 1 ? 'hang up' : sums(path, body))
  const pending = ask('shaky', 0.5)
  while (asked.length < 1) await new Promise((resolve) => setImmediate(resolve))
  await expect
    .poll(() => {
      world.clock.advance(20)
      return asked.length
    })
    .toBe(2)
  expect((await pending).score).toBe(0.75)
  asked.length = 0
  answer = () => ({ status: 500, body: 'it fell over' })
  await expect(ask('shaky', 0.5)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/answers 500: it fell over/),
  })
  answer = () => ({ status: 400, body: 'a is too big' })
  await expect(ask('shaky', 0.5)).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/refuses the inputs: a is too big/),
  })
  expect(asked).toHaveLength(2)
})

test('the same version in this process answers while the other server cannot be reached', async () => {
  answer = sums
  await declare('backed', { protocol: 'http', url, retries: 0, breaker: { failures: 1, openMs: 10_000 } }, { fallback: { version: 1 } })
  expect((await ask('backed', 0.75)).score).toBe(1)
  answer = () => 'hang up'
  expect(await ask('backed', 0.75)).toMatchObject({ modelVersion: 1, score: expect.closeTo(1 / (1 + Math.exp(-3)), 5) })
  expect((await described('backed')).ready).toBe(true)
})

test('a server that fails again and again is left alone for a while, and one call finds it well again', async () => {
  answer = sums
  await declare('breaking', { protocol: 'http', url, breaker: { failures: 3, openMs: 10_000 } })
  answer = () => ({ status: 500 })
  for (let i = 0; i < 3; i++) await expect(ask('breaking', 0.5)).rejects.toMatchObject({ code: 'unavailable' })
  asked.length = 0
  await expect(ask('breaking', 0.5)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/failed 3 times in a row/),
  })
  expect(asked).toEqual([])
  expect(await world.admin.call(deployments.getDeployment, { deployment: 'breaking' })).toMatchObject({
    ready: false,
    runtime: { breaker: 'open' },
    problem: expect.stringContaining('does not answer'),
  })
  answer = sums
  await world.settle()
  world.clock.advance(10_000)
  expect((await ask('breaking', 0.5)).score).toBe(0.75)
  expect(await world.admin.call(deployments.getDeployment, { deployment: 'breaking' })).toMatchObject({ ready: true, problem: null })
})

test('a server that is silent beyond the time of a call is given up', async () => {
  answer = sums
  await declare('silent', { protocol: 'http', url, timeoutMs: 1_000 })
  asked.length = 0
  answer = () => 'silence'
  const pending = ask('silent', 0.5)
  while (asked.length < 1) await new Promise((resolve) => setImmediate(resolve))
  world.clock.advance(1_000)
  await expect(pending).rejects.toMatchObject({ code: 'timeout', message: expect.stringMatching(/did not answer within 1000 ms/) })
})

test('an answer that is no list of scores says so', async () => {
  answer = sums
  await declare('odd', { protocol: 'http', url, connections: 3 })
  for (const body of ['no JSON', { scores: [1] }, { predictions: ['high'] }, { predictions: [[1], [1, 2]] }]) {
    answer = () => ({ body })
    await expect(ask('odd', 0.5)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/gives no list of predictions/),
    })
  }
})

test('a version whose files lie elsewhere is served by its features alone', async () => {
  answer = sums
  const registered = await world.admin.call(registry.registerVersion, {
    model: 'external',
    source: 's3://bucket/model',
    features: ['a', 'b'],
    alias: 'champion',
  })
  expect(registered).toMatchObject({ format: 'external', digest: null, features: ['a', 'b'] })
  await world.admin.call(documents.apply, {
    documents: [deployment('external', 'external', { runtime: { kind: 'remote', protocol: 'http', url } })],
  })
  expect((await ask('external', 0.125)).score).toBe(0.375)
})

test('its reference is scored once a deployment says where, so that drift can be watched', async () => {
  answer = sums
  const text =
    numericCsvHeader(['a', 'b', 'label']) + Array.from({ length: 200 }, (_, i) => numericCsvLine([i / 200, 0.25, i % 2])).join('')
  const reference = (await world.admin.call(registry.uploadArtifact, { body: text as never })).digest
  const version = { model: 'watched', source: 's3://bucket/watched', features: ['a', 'b'], reference, alias: 'champion' } as const
  await world.admin.call(registry.registerVersion, version as never)
  await world.settle()
  const profile = () => world.admin.call(drift.getProfile, { model: 'watched', version: 1 })
  await expect(profile()).rejects.toMatchObject({ code: 'not_found' })
  await world.admin.call(documents.apply, {
    documents: [deployment('watched', 'watched', { runtime: { kind: 'remote', protocol: 'http', url, connections: 5 } })],
  })
  await described('watched')
  await world.settle()
  expect((await profile()).features.at(-1)).toMatchObject({ name: 'score', mean: expect.closeTo(0.4975 + 0.25, 5) })
})
