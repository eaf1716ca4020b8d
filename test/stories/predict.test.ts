import { afterAll, beforeAll, expect, test } from 'vitest'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { labels } from '../../src/contract/labels.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { logisticModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { deployModel, deployment, openWorld, predict, registerModel, rowsOf, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  token = await world.token('operator')
})
afterAll(() => world.close())

const infer = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${world.url}/v2/models/churn/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const tensor = (data: unknown, shape = [1, 2], datatype = 'FP32') => ({ inputs: [{ name: 'features', shape, datatype, data }] })

test('a client of the Open Inference Protocol reads the model and gets a score', async () => {
  const metadata = await (await fetch(`${world.url}/v2/models/churn`, { headers: { authorization: `Bearer ${token}` } })).json()
  expect(metadata).toMatchObject({ name: 'churn', versions: ['1'], inputs: [{ datatype: 'FP32', shape: [-1, 2] }] })
  const response = await infer({ id: 'one', ...tensor([[0.9, 0.1]]) })
  expect(response.headers.get('content-type')).toBe('application/json')
  const reply = (await response.json()) as { outputs: { name: string; data: number[] }[] }
  expect(reply).toMatchObject({ model_name: 'churn', model_version: '1', id: 'one' })
  expect(reply.outputs.find((output) => output.name === 'score')!.data[0]).toBeCloseTo(1 / (1 + Math.exp(-3)), 5)
})

test('a friendly call names its features, and every name must be right', async () => {
  expect(await world.admin.call(deployments.predict, { deployment: 'churn', features: { a: 0.1, b: null } })).toMatchObject({
    prediction: 0,
    modelVersion: 1,
  })
  await expect(world.admin.call(deployments.predict, { deployment: 'churn', features: { a: 1, c: 2 } })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/features.b: required.*features.c: no feature/),
  })
})

test.each([
  ['no JSON', '{"inputs":', 400, 'not JSON'],
  ['a list', '[]', 400, 'must be a JSON object'],
  ['no tensor', { inputs: [] }, 400, 'inputs'],
  ['another width', tensor([1, 2, 3], [1, 3]), 400, 'the model takes 2 features'],
  ['too few values', tensor([1], [1, 2]), 400, 'needs 2 values; 1 were sent'],
  ['a text', tensor(['x', 1]), 400, 'a number or null is needed'],
  ['another type', tensor(['a', 'b'], [1, 2], 'BYTES'), 400, 'datatype BYTES is not taken'],
  ['no rows', tensor([], [0, 2]), 400, 'has no rows'],
  ['a huge shape', tensor([], [9007199254740991, 2]), 400, ''],
  ['too many rows', tensor(new Array(2 * 2_000).fill(0), [2_000, 2]), 413, 'takes 1024'],
])('%s is refused with the protocol’s own error', async (_name, body, status, message) => {
  const response = await infer(body)
  expect(response.status).toBe(status)
  expect(((await response.json()) as { error: string }).error).toContain(message)
})

test('what is answered is recorded, joined with labels that come late, twice and corrected, and measured', async () => {
  const rows = rowsOf(world.random, 400)
  await predict(world, token, 'churn', rows, 'late')
  await world.settle()
  world.clock.advance(60_000)
  const say = (from: number, to: number, flip = false) =>
    rows.slice(from, to).map(({ label }, i) => ({ recordId: `late-${from + i}`, label: flip ? 1 - label : label, source: 'desk' }))
  await world.admin.call(labels.recordLabels, { deployment: 'churn', labels: say(0, 300, true) })
  world.clock.advance(1_000)
  await world.admin.call(labels.recordLabels, { deployment: 'churn', labels: say(0, 300) })
  await world.settle()
  const quality = await world.admin.call(labels.measureQuality, { deployment: 'churn', windowMs: 3_600_000 })
  const errors = rows.slice(0, 300).filter(({ a, label }) => (a > 0.5 ? 1 : 0) !== label).length
  expect(quality.labelled).toBe(300)
  expect(quality.errorRate).toBeCloseTo(errors / 300, 9)
  const traffic = await world.admin.call(telemetry.summarizeTraffic, { deployment: 'churn', windowMs: 3_600_000 })
  expect(traffic.deployments[0]!.requests).toBeGreaterThanOrEqual(400)
})

test('a model that gives no number for a row says so, and never answers with nothing', async () => {
  const file = logisticModel({ name: 'test', version: '1' }, Float32Array.of(1, 1), 0)
  await registerModel(world.admin, 'linear', file, { alias: 'champion' })
  await world.admin.call(documents.apply, { documents: [deployment('linear')] })
  await expect(world.admin.call(deployments.predict, { deployment: 'linear', features: { a: 1, b: null } })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/gives no number for row 0/),
  })
  expect(await world.admin.call(deployments.predict, { deployment: 'linear', features: { a: 1, b: 1 } })).toMatchObject({ prediction: 1 })
})

test('who declares a deployment may use it in the next call', async () => {
  await world.admin.call(documents.apply, { documents: [deployment('fresh', 'churn')] })
  const response = await fetch(`${world.url}/v2/models/fresh/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(tensor([0, 0])),
  })
  expect(response.status).toBe(200)
})

test('a caller over its rate is told when to come back', async () => {
  await world.admin.call(documents.apply, { documents: [deployment('slow', 'churn', { limits: { requestsPerSecond: 1 } })] })
  await world.settle()
  const slow = () =>
    fetch(`${world.url}/v2/models/slow/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(tensor([0, 0])),
    })
  expect((await slow()).status).toBe(200)
  const refused = await slow()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  world.clock.advance(1_000)
  expect((await slow()).status).toBe(200)
})
