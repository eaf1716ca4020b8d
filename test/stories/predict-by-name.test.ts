import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { documents } from '../../src/contract/documents.ts'
import { createRandom } from '../../src/lib/random.ts'
import { deployIdentities } from '../identity-model.ts'
import { deployModel, deployment, openWorld, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  await deployIdentities(world.admin)
  const features = { a: { min: 0, max: 1, missing: false, description: 'how odd it is' }, b: { required: false, default: 0.5 } }
  await world.admin.call(documents.apply, { documents: [deployment('strict', 'churn', { features })] })
  await world.settle()
  token = await world.token('operator')
})
afterAll(() => world.close())

const send = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(`${world.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
const reply = async (path: string, body?: unknown) => {
  const response = await send(path, body)
  return { status: response.status, ...((await response.json()) as object) } as { status: number; [field: string]: unknown }
}
type Refusal = { status: number; error: { code: string; details: { problems: { field: string; rule: string; received?: unknown }[] } } }

test('features by name are answered with a class, a score, the version and the time', async () => {
  const answer = await reply('/v1/predict/churn', { id: 'one', features: { a: 0.9, b: null }, actor: 'me' })
  expect(answer).toEqual({
    status: 200,
    id: 'one',
    prediction: 1,
    score: expect.closeTo(1 / (1 + Math.exp(-3)), 5),
    model_version: '1',
    timestamp: new Date(world.clock.now()).toISOString(),
    recorded: true,
  })
})

test('several rows are answered one by one', async () => {
  const instances = [{ a: 0.9, b: 0 }, { a: 0.1 }]
  const { predictions } = await reply('/v1/predict/strict', { id: 'two', instances })
  expect(predictions).toMatchObject([
    { id: 'two#0', prediction: 1, model_version: '1' },
    { id: 'two#1', prediction: 0 },
  ])
})

test('everything that is wrong is told at once: field, rule, and what was sent', async () => {
  const answer = (await reply('/v1/predict/strict', {
    features: { a: 7, c: 'x', d: null },
    colour: 'red',
    timeout_ms: 0,
    explain: 'yes',
  })) as unknown as Refusal
  expect(answer.status).toBe(400)
  const { problems } = answer.error.details
  expect(problems.map(({ field }) => field).sort()).toEqual(['colour', 'explain', 'features.a', 'features.c', 'features.d', 'timeout_ms'])
  expect(problems).toContainEqual({ field: 'features.a', rule: 'from 0 to 1', received: 7 })
  expect(problems).toContainEqual({ field: 'features.c', rule: 'no feature of the model', received: 'x' })
  const many = (await reply('/v1/predict/strict', { instances: [{ a: null }, { a: '1' }, 3, {}] })) as unknown as Refusal
  expect(many.error.details.problems).toEqual([
    { field: 'instances.0.a', rule: 'a number; null is not taken', received: null },
    { field: 'instances.1.a', rule: 'a number or null', received: '1' },
    { field: 'instances.2', rule: 'an object of values by feature name', received: 3 },
    { field: 'instances.3.a', rule: 'required; null where it is not known' },
  ])
  for (const body of [{}, { features: {}, instances: [] }, [], { instances: [{ a: 0.1 }], explain: true }])
    expect((await reply('/v1/predict/strict', body)).status).toBe(400)
})

test('an explanation says what each feature did, against the median of the reference rows', async () => {
  const { explanation } = (await reply('/v1/predict/churn', { features: { a: 0.9, b: 0.1 }, explain: true })) as unknown as {
    explanation: { method: string; contributions: { feature: string; value: number; baseline: number; contribution: number }[] }
  }
  const [a, b] = explanation.contributions
  expect(explanation.method).toBe('occlusion')
  expect(a!.baseline).toBeGreaterThan(0.4)
  expect(a!.baseline).toBeLessThan(0.6)
  // The model knows only whether a is above one half.
  const low = a!.baseline > 0.5 ? 0 : 1 / (1 + Math.exp(-3)) - 1 / (1 + Math.exp(3))
  expect(a!.contribution).toBeCloseTo(low, 5)
  expect(b).toMatchObject({ feature: 'b', contribution: 0 })
})

test('a model of tensors is not asked by feature names', async () => {
  expect(await reply('/v1/predict/identity-bytes', { features: {} })).toMatchObject({
    status: 400,
    error: { message: expect.stringContaining('/v2/models') },
  })
})

// What applications rely on. A change here is a change of the interface: it needs another path, not another schema.
test('the schema of a request stays what it is', async () => {
  const schema = await reply('/v1/predict/strict/schema')
  expect(schema).toEqual({
    status: 200,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'prediction request of strict',
    type: 'object',
    additionalProperties: false,
    oneOf: [{ required: ['features'] }, { required: ['instances'] }],
    properties: {
      features: { $ref: '#/$defs/features' },
      instances: { type: 'array', minItems: 1, maxItems: 1_024, items: { $ref: '#/$defs/features' } },
      id: { type: 'string', minLength: 1, maxLength: 128 },
      actor: { type: 'string', maxLength: 128 },
      source: { type: 'string', maxLength: 128 },
      explain: { type: 'boolean' },
      timeout_ms: { type: 'integer', minimum: 1, maximum: 600_000 },
    },
    $defs: {
      features: {
        type: 'object',
        additionalProperties: false,
        required: ['a'],
        properties: {
          a: { type: 'number', minimum: 0, maximum: 1, description: 'how odd it is' },
          b: { type: ['number', 'null'], default: 0.5 },
        },
      },
    },
  })
})

test('the server takes exactly what the schema allows', async () => {
  const schema = (await reply('/v1/predict/strict/schema')) as unknown as { $defs: { features: never } }
  const row = z.fromJSONSchema(schema.$defs.features)
  const random = createRandom('schema')
  const values = [0, 0.5, 1, 1.01, -1, null, 'x', true, undefined]
  let taken = 0
  for (let i = 0; i < 150; i++) {
    const pick = () => values[random.int(values.length)]
    const features = { a: pick(), b: pick(), ...(random.bernoulli(0.1) ? { c: 1 } : {}) }
    const sent = JSON.parse(JSON.stringify(features)) as object
    const allowed = row.safeParse(sent).success
    taken += Number(allowed)
    expect([sent, (await send('/v1/predict/strict', { features })).status]).toEqual([sent, allowed ? 200 : 400])
  }
  expect(taken).toBeGreaterThan(10)
})

test('version 1 of KServe’s protocol: models, readiness, instances as lists and as objects', async () => {
  expect(await reply('/v1/models')).toMatchObject({ models: expect.arrayContaining(['churn']) })
  expect(await reply('/v1/models/churn')).toEqual({ status: 200, name: 'churn', ready: true })
  const lists = await reply('/v1/models/churn:predict', {
    instances: [
      [0.9, 0],
      [0.1, null],
    ],
  })
  expect(lists).toMatchObject({ status: 200, predictions: [1, 0] })
  expect(
    await reply('/v1/models/churn:predict', {
      instances: [
        { a: 0.9, b: 0 },
        { b: 1, a: 0.1 },
      ],
    }),
  ).toEqual(lists)
  expect(
    await reply('/v1/models/identity-bytes:predict', {
      instances: [
        ['a', 'b'],
        ['c', 'd'],
      ],
    }),
  ).toMatchObject({
    predictions: [
      ['a', 'b'],
      ['c', 'd'],
    ],
  })
  for (const instances of [undefined, [], [[1]], [[1, 2], { a: 1 }], [{ a: 1 }], ['x']])
    expect(await reply('/v1/models/churn:predict', { instances })).toMatchObject({ status: 400, error: expect.any(String) })
  expect((await reply('/v1/models/churn:explain', { instances: [[1, 2]] })).status).toBe(404)
  expect((await reply('/v1/models/nowhere:predict', { instances: [[1, 2]] })).status).toBe(404)
})
