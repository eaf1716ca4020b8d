import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { registry } from '../../src/contract/registry.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { encodeModel } from '../../src/lib/onnx/write-model.ts'
import { deployment, modelWithCut, openWorld, registerModel, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await registerModel(world.admin, 'churn', modelWithCut(0.5), { alias: 'champion' })
  await registerModel(world.admin, 'churn', modelWithCut(0.1))
})
afterAll(() => world.close())

const declare = async (name: string, spec: object, model = 'churn') => {
  await world.admin.call(documents.apply, { documents: [deployment(name, model, spec)] })
  await world.settle()
}
const ask = (name: string, features: object, more: object = {}) =>
  world.admin.call(deployments.predict, { deployment: name, features: features as never, ...more })

/** Looks the row’s `a` up in a table of three scores; fails for any other number. */
const fragileModel = encodeModel({
  producer: { name: 'test', version: '1' },
  opsets: [{ domain: '', version: 13 }],
  graphName: 'fragile',
  inputs: [{ name: 'features', shape: ['rows', 2] }],
  outputs: [{ name: 'score', shape: ['rows', 1] }],
  initializers: [
    { name: 'pick', shape: [2, 1], values: Float32Array.of(1, 0) },
    { name: 'table', shape: [3], values: Float32Array.of(0.1, 0.5, 0.9) },
  ],
  nodes: [
    { operator: 'MatMul', inputs: ['features', 'pick'], outputs: ['a'] },
    { operator: 'Cast', inputs: ['a'], outputs: ['index'], attributes: { to: { kind: 'integer', value: 7 } } },
    { operator: 'Gather', inputs: ['table', 'index'], outputs: ['score'] },
  ],
})

test('a rule for a feature refuses what cannot be, counts what is odd, and fills in what may be left out', async () => {
  await declare('ruled', {
    features: { a: { min: 0, max: 1, expected: [0.1, 0.9], missing: false }, b: { required: false, default: 0.5 } },
  })
  expect((await ask('ruled', { a: 0.6 })).prediction).toBe(1)
  await expect(ask('ruled', { a: 1.5 })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/features\.a: from 0 to 1/),
  })
  await expect(ask('ruled', { a: null })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/features\.a: /),
  })
  await expect(ask('ruled', { a: 'high' })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/features\.a: /),
  })
  await ask('ruled', { a: 0.95, b: 0.1 })
  await ask('ruled', { a: 0.05, b: 0.1 })
  const [a] = (await world.admin.call(deployments.getDeployment, { deployment: 'ruled' })).anomalies
  expect(a).toMatchObject({ feature: 'a', count: 2 })
  expect(a!.last).toBeCloseTo(0.05)
})

test('rates hold for each key, each address and all together, and say when to come back', async () => {
  await declare('each', { limits: { requestsPerSecond: 2 } })
  const other = await world.as('operator')
  await ask('each', { a: 1, b: 1 })
  await ask('each', { a: 1, b: 1 })
  await expect(ask('each', { a: 1, b: 1 })).rejects.toMatchObject({ code: 'throttled', details: { retryAfterSeconds: 0.5 } })
  expect(await other.call(deployments.predict, { deployment: 'each', features: { a: 1, b: 1 } })).toMatchObject({ prediction: 1 })
  for (const limits of [{ perAddressPerSecond: 1 }, { totalPerSecond: 1 }]) {
    await declare('shared', { limits })
    await ask('shared', { a: 1, b: 1 })
    await expect(other.call(deployments.predict, { deployment: 'shared', features: { a: 1, b: 1 } })).rejects.toMatchObject({
      code: 'throttled',
    })
    world.clock.advance(1_000)
    await other.call(deployments.predict, { deployment: 'shared', features: { a: 1, b: 1 } })
  }
})

test('a quota ends with its calendar period', async () => {
  await declare('rationed', { limits: { quota: { requests: 2, per: 'hour' } } })
  await ask('rationed', { a: 1, b: 1 })
  await ask('rationed', { a: 1, b: 1 })
  await expect(ask('rationed', { a: 1, b: 1 })).rejects.toMatchObject({
    code: 'throttled',
    message: expect.stringMatching(/used its 2 requests of this hour/),
  })
  await world.settle()
  world.clock.advance(3_600_000)
  expect((await ask('rationed', { a: 1, b: 1 })).prediction).toBe(1)
})

test('Prometheus reads what became of requests, why they were refused, and what models take', async () => {
  const token = await world.token('viewer')
  const scrape = async (project = 'default') => {
    const headers = { authorization: `Bearer ${project === 'default' ? token : await world.token('viewer', project)}` }
    const text = await (await fetch(`${world.url}/metrics`, { headers })).text()
    return new Map(text.split('\n').map((line) => line.split(/ (?=[^ ]+$)/) as [string, string]))
  }
  await declare('counted', {
    features: { a: { min: 0, expected: [0, 1] } },
    limits: { requestsPerSecond: 3, rowsPerRequest: 1, quota: { requests: 3, per: 'hour' } },
  })
  await ask('counted', { a: 0.5, b: 1 })
  await ask('counted', { a: 2, b: 1 })
  await expect(ask('counted', { a: 0.5, b: 1 }, { id: 'third' })).resolves.toMatchObject({ id: 'third' })
  await expect(ask('counted', { a: 0.5, b: 1 })).rejects.toMatchObject({ code: 'throttled' })
  world.clock.advance(1_000)
  await expect(ask('counted', { a: 0.5, b: 1 })).rejects.toMatchObject({
    code: 'throttled',
    message: expect.stringMatching(/of this hour/),
  })
  const wide = { inputs: [{ name: 'features', datatype: 'FP32', shape: [2, 2], data: [0, 0, 0, 0] }] }
  const infer = (body: object) =>
    fetch(`${world.url}/v2/models/counted/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify(body),
    })
  const secret = await world.token('operator')
  expect((await infer(wide)).status).toBe(413)
  expect((await infer({ inputs: [{ ...wide.inputs[0], shape: [1, 2], data: [-5, 0] }] })).status).toBe(400)
  const metrics = await scrape()
  const of = (metric: string, labels: string) => metrics.get(`setpoint_serving_${metric}{deployment="counted",${labels}node="main"}`)
  const outcomes = ['answered', 'fallback', 'failed', 'refused'].map((outcome) => of('requests_total', `outcome="${outcome}",`))
  expect(outcomes).toEqual(['3', '0', '0', '4'])
  const reasons = ['rate', 'address', 'total', 'quota', 'concurrency', 'busy', 'rows', 'invalid']
  expect(reasons.map((reason) => of('refused_total', `reason="${reason}",`))).toEqual(['1', '0', '0', '1', '0', '0', '1', '1'])
  expect(of('anomalies_total', 'feature="a",')).toBe('1')
  expect(of('rows_waiting', '')).toBe('0')
  expect(Number(metrics.get('setpoint_models_resident_bytes{node="main"}'))).toBeGreaterThan(100)
  expect(Number(metrics.get('setpoint_models_loaded{node="main"}'))).toBeGreaterThanOrEqual(1)
  await world.admin.call(access.createProject, { name: 'elsewhere' })
  expect([...(await scrape('elsewhere')).keys()].filter((line) => line.includes('counted'))).toEqual([])
})

test('a deployment declared a moment ago answers all who ask at once', async () => {
  await registerModel(world.admin, 'newborn', modelWithCut(0.3), { alias: 'champion' })
  await world.admin.call(documents.apply, { documents: [deployment('newborn')] })
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask('newborn', { a: 1, b: 1 })))
  expect(answers.map(({ modelVersion }) => modelVersion)).toEqual(Array(50).fill(1))
})

test('a split gives each version its own share, by the id, and only it scores', async () => {
  await declare('tested', { split: { version: 2, percent: 30 } })
  const versions = await Promise.all(
    Array.from({ length: 400 }, async (_, i) => (await ask('tested', { a: 0.3, b: 0 }, { id: `u${i}` })).modelVersion),
  )
  const share = versions.filter((version) => version === 2).length / versions.length
  expect(share).toBeGreaterThan(0.22)
  expect(share).toBeLessThan(0.38)
  const again = await ask('tested', { a: 0.3, b: 0 }, { id: 'u7' })
  expect(again).toMatchObject({ modelVersion: versions[7], prediction: versions[7] === 2 ? 1 : 0 })
  await world.settle()
  const { records } = await world.admin.call(telemetry.listRecords, { deployment: 'tested', limit: 1_000 })
  expect(new Set(records.map(({ role, version, other }) => `${role} ${version} ${other}`))).toEqual(
    new Set(['champion 1 null', 'challenger 2 null']),
  )
})

test('the fallback answers where the champion fails, and the record says which version it was', async () => {
  await registerModel(world.admin, 'fragile', fragileModel, { alias: 'champion' })
  await registerModel(world.admin, 'fragile', modelWithCut(0.5))
  await declare('fragile', {}, 'fragile')
  expect((await ask('fragile', { a: 2, b: 0 })).score).toBeCloseTo(0.9)
  await expect(ask('fragile', { a: 7, b: 0 })).rejects.toMatchObject({ code: 'internal' })
  await declare('steadfast', { fallback: { version: 2 } }, 'fragile')
  expect(await ask('steadfast', { a: 2, b: 0 })).toMatchObject({ modelVersion: 1 })
  expect(await ask('steadfast', { a: 7, b: 0 })).toMatchObject({ modelVersion: 2, prediction: 1 })
  const headers = { authorization: `Bearer ${await world.token('viewer')}` }
  const metrics = await (await fetch(`${world.url}/metrics`, { headers })).text()
  expect(metrics).toContain('setpoint_serving_requests_total{deployment="steadfast",outcome="fallback",node="main"} 1\n')
  expect(metrics).toContain('setpoint_serving_requests_total{deployment="fragile",outcome="failed",node="main"} 1\n')
  await world.settle()
  const { records } = await world.admin.call(telemetry.listRecords, { deployment: 'steadfast', limit: 10 })
  expect(records.map(({ version }) => version).sort()).toEqual([1, 2])
})

test('a version that cannot be loaded never takes traffic: what served goes on', async () => {
  await declare('kept', {})
  expect(await ask('kept', { a: 1, b: 1 })).toMatchObject({ modelVersion: 1 })
  await declare('kept', { fallback: { version: 99 } })
  const now = await world.admin.call(deployments.getDeployment, { deployment: 'kept' })
  expect(now.problem).toMatch(/99/)
  expect(await ask('kept', { a: 1, b: 1 })).toMatchObject({ modelVersion: 1 })
})

test('models of any tensors are registered without features; those of rows need theirs', async () => {
  const sum = encodeModel({
    producer: { name: 'test', version: '1' },
    opsets: [{ domain: '', version: 13 }],
    graphName: 'sum',
    inputs: [
      { name: 'left', shape: ['n', 3] },
      { name: 'right', shape: ['n', 3] },
    ],
    outputs: [{ name: 'total', shape: ['n', 3] }],
    nodes: [{ operator: 'Add', inputs: ['left', 'right'], outputs: ['total'] }],
  })
  const { digest } = await world.admin.call(registry.uploadArtifact, { body: sum as never })
  const version = await world.admin.call(registry.registerVersion, { model: 'sum', artifact: digest, alias: 'champion' })
  expect(version).toMatchObject({ features: [], facts: { inputs: [{ name: 'left' }, { name: 'right' }] } })
  const rows = await world.admin.call(registry.uploadArtifact, { body: modelWithCut(0.5) as never })
  await expect(world.admin.call(registry.registerVersion, { model: 'rows', artifact: rows.digest })).rejects.toMatchObject({
    message: expect.stringMatching(/features: name the columns/),
  })
  await declare('sum', {}, 'sum')
  await expect(ask('sum', { a: 1 })).rejects.toMatchObject({ code: 'invalid' })
})
