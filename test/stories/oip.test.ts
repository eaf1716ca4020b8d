import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documents } from '../../src/contract/documents.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { binaryFromData, dataFromBinary } from '../../src/lib/tensors/binary-data.ts'
import { dataFromJson } from '../../src/lib/tensors/json-data.ts'
import { deployIdentities, modelDatatypes } from '../identity-model.ts'
import { deployModel, deployment, modelWithCut, openWorld, registerModel, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  await deployIdentities(world.admin)
  await world.settle()
  token = await world.token('operator')
})
afterAll(() => world.close())

const call = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(`${world.url}/v2${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: body === undefined || body instanceof Uint8Array || typeof body === 'string' ? (body as string) : JSON.stringify(body),
  })
const json = async (path: string, body?: unknown, headers?: Record<string, string>) =>
  (await (await call(path, body, headers)).json()) as never
const errorOf = async (path: string, body?: unknown, headers?: Record<string, string>) => {
  const response = await call(path, body, headers)
  expect(response.headers.get('content-type')).toBe('application/json')
  return [response.status, ((await response.json()) as { error: string }).error] as const
}
const row = (data: unknown = [0.9, 0.1], rest: object = {}) => ({
  inputs: [{ name: 'features', shape: [1, 2], datatype: 'FP32', data }],
  ...rest,
})
/** A request whose tensors are binary, after its JSON. */
const binaryBody = (header: object, ...parts: Uint8Array[]) => {
  const text = Buffer.from(JSON.stringify(header))
  return [Buffer.concat([text, ...parts]), { 'inference-header-content-length': String(text.length) }] as const
}

describe('what the server says of itself', () => {
  test('health, name, extensions and models', async () => {
    expect(await json('')).toMatchObject({
      name: 'setpoint',
      extensions: expect.arrayContaining(['binary_tensor_data', 'model_repository']),
    })
    expect(await json('/health/live')).toEqual({ live: true })
    expect(await json('/health/ready')).toEqual({ live: true, ready: true })
    expect((await json('/models')) as { models: string[] }).toMatchObject({ models: expect.arrayContaining(['churn', 'identity-bytes']) })
  })

  test('metadata, readiness and configuration of a model, with and without its version', async () => {
    expect(await json('/models/identity-int64')).toMatchObject({
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'x', datatype: 'INT64', shape: [-1, -1] }],
    })
    for (const path of ['/models/churn', '/models/churn/versions/1'])
      expect(await json(path)).toMatchObject({
        name: 'churn',
        versions: ['1'],
        inputs: [{ name: 'features', parameters: { names: ['a', 'b'] } }],
      })
    expect(await json('/models/churn/versions/1/ready')).toEqual({ name: 'churn', ready: true })
    expect(await json('/models/churn/config')).toMatchObject({
      name: 'churn',
      max_batch_size: 1_024,
      input: [{ name: 'features', data_type: 'TYPE_FP32', dims: [2] }],
    })
    for (const path of ['/models/churn/versions/9', '/models/churn/versions/9/ready', '/models/churn/versions/1.0'])
      expect((await errorOf(path))[0]).toBe(404)
  })

  test('figures count what was answered and what failed', async () => {
    const figures = async () => ((await json('/models/churn/stats')) as { model_stats: { inference_count: number }[] }).model_stats[0]!
    const before = await figures()
    await call('/models/churn/infer', row())
    await call('/models/churn/infer', { inputs: [{ name: 'features', shape: [3, 2], datatype: 'FP32', data: [1, 2, 3, 4, 5, 6] }] })
    await call('/models/churn/infer', row([1], { inputs: [{ name: 'features', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }] }))
    const after = (await figures()) as unknown as {
      inference_count: number
      inference_stats: Record<string, { count: number; ns: number }>
    }
    expect(after.inference_count - before.inference_count).toBe(4)
    expect(after.inference_stats.fail!.count).toBeGreaterThan(0)
    expect(after.inference_stats.success!.ns).toBeGreaterThan(0)
  })

  test('what Triton has and this server has not is refused in words', async () => {
    for (const path of ['/logging', '/trace/setting', '/systemsharedmemory/status', '/cudasharedmemory/status'])
      expect((await errorOf(path))[0]).toBe(501)
  })
})

describe('every datatype', () => {
  const samples: Record<(typeof modelDatatypes)[number], readonly unknown[]> = {
    BOOL: [true, false, true, true],
    UINT8: [0, 1, 2, 255],
    UINT16: [0, 1, 2, 65_535],
    UINT32: [0, 1, 2, 4_294_967_295],
    UINT64: [0, 1, 2, 18_446_744_073_709_551_615n],
    INT8: [-128, -1, 0, 127],
    INT16: [-32_768, 0, 1, 32_767],
    INT32: [-2_147_483_648, 0, 1, 2_147_483_647],
    INT64: [-9_223_372_036_854_775_808n, 9_007_199_254_740_993n, 0, 9_223_372_036_854_775_807n],
    FP16: [],
    FP32: [0.5, -1.25, 0, 1e10],
    FP64: [0.1, -1e300, 0, 5e-324],
    BYTES: ['one', '', 'drei', 'é'],
  }
  const text = (values: readonly unknown[]) =>
    `[${values.map((value) => (typeof value === 'bigint' ? value : JSON.stringify(value))).join(',')}]`
  const path = (datatype: string) => `/models/identity-${datatype.toLowerCase()}/infer`

  test.each(modelDatatypes.filter((datatype) => datatype !== 'FP16'))('%s comes back as it was sent, as JSON', async (datatype) => {
    const list = text(samples[datatype])
    const response = await call(path(datatype), `{"inputs":[{"name":"x","shape":[2,2],"datatype":"${datatype}","data":${list}}]}`)
    const reply = await response.text()
    expect([response.status, reply]).toEqual([200, expect.stringContaining(`"shape":[2,2],"data":${list}}`)])
  })

  test.each(modelDatatypes)('%s comes back as it was sent, as binary data', async (datatype) => {
    const elements = samples[datatype].length || 4
    const sent =
      datatype === 'FP16'
        ? Buffer.from(Uint16Array.of(0, 0x3c00, 0x7bff, 0xfc00).buffer)
        : Buffer.from(binaryFromData(datatype, dataFromJson({ name: 'x', datatype, elements }, samples[datatype])))
    const input = { name: 'x', shape: [2, 2], datatype, parameters: { binary_data_size: sent.length } }
    const [body, headers] = binaryBody({ id: 'b', inputs: [input], parameters: { binary_data_output: true } }, sent)
    const response = await call(path(datatype), body, headers)
    const all = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get('inference-header-content-length'))
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
    expect(JSON.parse(all.subarray(0, length).toString())).toEqual({
      model_name: `identity-${datatype.toLowerCase()}`,
      model_version: '1',
      id: 'b',
      outputs: [{ name: 'y', datatype, shape: [2, 2], parameters: { binary_data_size: sent.length } }],
    })
    expect(all.subarray(length)).toEqual(sent)
  })

  test('FP16 and BF16 have no JSON of their own: they are refused on the way in, and are numbers on the way out', async () => {
    expect(await errorOf(path('FP16'), { inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP16', data: [1] }] })).toEqual([
      400,
      expect.stringContaining('FP16 has no form in JSON'),
    ])
    const input = { name: 'x', shape: [1, 2], datatype: 'FP16', parameters: { binary_data_size: 4 } }
    const [body, headers] = binaryBody({ inputs: [input] }, Uint8Array.of(0, 0x3c, 0, 0xbe))
    expect(await json(path('FP16'), body, headers)).toMatchObject({ outputs: [{ datatype: 'FP16', data: [1, -1.5] }] })
  })

  test('BYTES that are not UTF-8 cannot reach a model of texts', async () => {
    const input = { name: 'x', shape: [1, 1], datatype: 'BYTES', parameters: { binary_data_size: 5 } }
    const [body, headers] = binaryBody({ inputs: [input] }, Uint8Array.of(1, 0, 0, 0, 0xff))
    expect(await errorOf(path('BYTES'), body, headers)).toEqual([400, expect.stringContaining('not UTF-8')])
  })
})

describe('the binary form', () => {
  const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer)

  test('a tabular model takes it and answers in it, output by output', async () => {
    const input = { name: 'features', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } }
    const outputs = [{ name: 'prediction' }, { name: 'score', parameters: { binary_data: true } }]
    const [body, headers] = binaryBody({ inputs: [input], outputs }, floats(0.9, 0.1))
    const response = await call('/models/churn/infer', body, headers)
    const all = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get('inference-header-content-length'))
    const reply = JSON.parse(all.subarray(0, length).toString()) as { outputs: object[] }
    expect(reply.outputs).toEqual([
      { name: 'prediction', datatype: 'INT32', shape: [1, 1], data: [1] },
      { name: 'score', datatype: 'FP32', shape: [1, 1], parameters: { binary_data_size: 4 } },
    ])
    const score = dataFromBinary({ name: 'score', datatype: 'FP32', elements: 1 }, all.subarray(length)) as Float32Array
    expect(score[0]).toBeCloseTo(1 / (1 + Math.exp(-3)), 5)
  })

  test('JSON and binary tensors mix; a feature may be a tensor of its own', async () => {
    const inputs = [
      { name: 'b', shape: [2], datatype: 'INT8', data: [0, 1] },
      { name: 'a', shape: [2, 1], datatype: 'FP64', parameters: { binary_data_size: 16 } },
    ]
    const [body, headers] = binaryBody({ inputs }, Buffer.from(Float64Array.of(0.9, 0.1).buffer))
    expect(await json('/models/churn/infer', body, headers)).toMatchObject({ outputs: [{}, { name: 'prediction', data: [1, 0] }, {}] })
  })

  test('a body may be nothing but the bytes of the only input', async () => {
    const response = await call('/models/churn/infer', floats(0.9, 0.1, 0.1, 0.1), { 'inference-header-content-length': '0' })
    const all = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get('inference-header-content-length'))
    expect(JSON.parse(all.subarray(0, length).toString())).toMatchObject({ outputs: [{ shape: [2, 1] }, {}, {}] })
    expect(all.length - length).toBe(24)
  })

  test('a body may be packed', async () => {
    const packed = gzipSync(JSON.stringify(row([0.9, 0.1], { id: 'packed' })))
    expect(await json('/models/churn/infer', packed, { 'content-encoding': 'gzip' })).toMatchObject({ id: 'packed' })
    expect((await errorOf('/models/churn/infer', packed.subarray(4), { 'content-encoding': 'gzip' }))[0]).toBe(400)
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    expect((await errorOf('/models/churn/infer', bomb, { 'content-encoding': 'gzip' }))[0]).toBe(413)
  })

  const lying = (size: unknown, rest: object = {}) => ({
    inputs: [{ name: 'features', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: size }, ...rest }],
  })
  test.each<[string, readonly [Buffer, Record<string, string>], string]>([
    ['too few bytes', binaryBody(lying(8), floats(1)), 'binary_data_size is 8; 4 bytes are left'],
    ['bytes too many', binaryBody(lying(8), floats(1, 2, 3)), '4 bytes of binary data belong to no input'],
    ['a size that the shape does not have', binaryBody(lying(4), floats(1)), '2 values of FP32 take 8 bytes; 4 were sent'],
    ['a negative size', binaryBody(lying(-8), floats(1, 2)), 'must be a number of bytes'],
    ['half a byte', binaryBody(lying(7.5), floats(1, 2)), 'must be a number of bytes'],
    ['both forms at once', binaryBody(lying(8, { data: [1, 2] }), floats(1, 2)), 'exclude each other'],
    ['a header beyond the body', [Buffer.from('{}'), { 'inference-header-content-length': '99' }], 'is 99; the body has 2 bytes'],
    ['a header that is no number', [Buffer.from('{}'), { 'inference-header-content-length': '-1' }], 'must be a number of bytes'],
    ['an unknown packing', [Buffer.from('{}'), { 'content-encoding': 'br' }], 'unsupported'],
  ])('%s is refused', async (_name, [body, headers], message) => {
    expect(await errorOf('/models/churn/infer', body, headers)).toEqual([400, expect.stringContaining(message)])
  })
})

test.each<[string, unknown, string]>([
  ['a class list', row(undefined, { outputs: [{ name: 'score', parameters: { classification: 2 } }] }), 'classification is unsupported'],
  ['shared memory', { inputs: [{ ...row().inputs[0], parameters: { shared_memory_region: 'r' } }] }, 'shared_memory_region is unsupported'],
  ['a sequence', row(undefined, { parameters: { sequence_id: 7 } }), 'sequence_id is not supported'],
  ['an output twice', row(undefined, { outputs: [{ name: 'score' }, { name: 'score' }] }), 'asked for twice'],
  ['an unknown output', row(undefined, { outputs: [{ name: 'colour' }] }), 'outputs: colour is unknown'],
  [
    'one id for two rows',
    { inputs: [{ ...row().inputs[0], shape: [2, 2], data: [1, 2, 3, 4] }], parameters: { ids: ['a'] } },
    '1 were sent for 2 rows',
  ],
  ['text that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'not JSON'],
  ['an empty body', '', 'the body is empty'],
  ['an id that is a list', row(undefined, { id: [] }), 'id: a text'],
])('%s is refused', async (_name, body, message) => {
  expect(await errorOf('/models/churn/infer', body)).toEqual([400, expect.stringContaining(message)])
})

test('a tabular model answers its own outputs when they are asked for by name', async () => {
  const reply = await json('/models/churn/infer', row(undefined, { outputs: [{ name: 'probability' }] }))
  expect(reply).toMatchObject({ outputs: [{ name: 'probability', datatype: 'FP32', shape: [1, 1] }] })
})

test('a deadline that passes is answered as such; one that is no number is refused', async () => {
  expect((await call('/models/churn/infer', row(), { 'setpoint-deadline-ms': '60000', 'x-request-timeout': '1.5' })).status).toBe(200)
  for (const headers of [{ 'setpoint-deadline-ms': 'soon' }, { 'x-request-timeout': '0' }] as Record<string, string>[])
    expect((await errorOf('/models/churn/infer', row(), headers))[0]).toBe(400)
})

test('a request sent again under its key is answered as the first time, and recorded once', async () => {
  const send = (a: number, id: string) => call('/models/churn/infer', row([a, 0], { id }), { 'idempotency-key': 'k1' })
  const first = (await (await send(0.9, 'again-1')).json()) as { outputs: unknown }
  const second = (await (await send(0.9, 'again-2')).json()) as { outputs: unknown }
  expect(second.outputs).toEqual(first.outputs)
  expect((await send(0.1, 'again-3')).status).toBe(409)
  await world.settle()
  const { records } = await world.admin.call(telemetry.listRecords, { deployment: 'churn', limit: 1_000 })
  expect(records.filter(({ recordId }) => recordId.startsWith('again')).map(({ recordId }) => recordId)).toEqual(['again-1'])
})

describe('streams', () => {
  const events = async (path: string, body: unknown) => {
    const response = await call(path, body)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    return (await response.text())
      .split('\n\n')
      .filter(Boolean)
      .map((event) => JSON.parse(event.replace(/^data: /, '')) as { id: string; error?: string; outputs: { data: unknown[] }[] })
  }

  test('a batch is answered row by row, in order', async () => {
    const data = Array.from({ length: 100 }, (_, i) => [i % 2, 0.5])
    const found = await events('/models/churn/infer_stream', {
      id: 's',
      inputs: [{ name: 'features', shape: [100, 2], datatype: 'FP32', data }],
    })
    expect(found.map(({ id }) => id)).toEqual(data.map((_, i) => `s#${i}`))
    expect(found.map(({ outputs }) => outputs[1]!.data[0])).toEqual(data.map(([a]) => a))
  })

  test('any model whose rows are free can be streamed; a failure is the last event', async () => {
    const input = { name: 'x', shape: [3, 1], datatype: 'BYTES', data: ['a', 'b', 'c'] }
    const found = await events('/models/identity-bytes/infer_stream', { inputs: [input] })
    expect(found.map(({ outputs }) => outputs[0]!.data)).toEqual([['a'], ['b'], ['c']])
    await world.admin.call(documents.apply, { documents: [deployment('strict', 'churn', { features: { a: { max: 1 } } })] })
    const rows = await events('/models/strict/infer_stream', {
      inputs: [{ name: 'features', shape: [3, 2], datatype: 'FP32', data: [0, 0, 2, 0, 0, 0] }],
    })
    expect(rows.map(({ error }) => error !== undefined)).toEqual([false, true])
    expect((await errorOf('/models/strict/infer_stream', { inputs: [] }))[0]).toBe(400)
  })

  test('generate takes inputs by name, and answers outputs by name', async () => {
    expect(await json('/models/identity-bytes/generate', { id: 'g', x: 'hello' })).toEqual({
      id: 'g',
      model_name: 'identity-bytes',
      model_version: '1',
      y: 'hello',
    })
    expect(await json('/models/identity-bytes/generate', { x: ['a', 'b'], parameters: { temperature: 0 } })).toMatchObject({
      y: ['a', 'b'],
    })
    expect(await json('/models/churn/generate', { a: 0.9, b: null })).toMatchObject({ prediction: 1, version: 1 })
    expect(await json('/models/churn/generate', { features: [0.1, 0.1] })).toMatchObject({ prediction: 0 })
    expect(await events('/models/identity-bytes/generate_stream', { x: 'hello' })).toMatchObject([{ y: 'hello' }])
    expect(await errorOf('/models/churn/generate', { colour: 1 })).toEqual([400, expect.stringContaining('it takes a, b')])
  })
})

describe('the repository', () => {
  test('lists what is declared, takes it out of memory and loads it again', async () => {
    await world.admin.call(documents.apply, { documents: [deployment('hollow', 'nothing-registered')] })
    await world.settle()
    const index = (await json('/repository/index', {})) as { name: string; state: string; reason: string }[]
    expect(index.find(({ name }) => name === 'hollow')).toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringContaining('no champion'),
    })
    expect((await json('/repository/index', { ready: true })) as object[]).toHaveLength(index.length - 1)
    const load = (name: string, body: object = {}) => call(`/repository/models/${name}/load`, body)
    expect((await load('hollow')).status).toBe(503)
    expect((await load('nowhere')).status).toBe(404)
    expect((await load('churn', { parameters: { config: '{}' } })).status).toBe(400)
    expect((await call('/repository/models/identity-int8/unload', { parameters: { unload_dependents: false } })).status).toBe(200)
    expect(await errorOf('/models/identity-int8/ready')).toEqual([503, expect.stringContaining('has unloaded it')])
    expect((await load('identity-int8')).status).toBe(200)
    expect((await call('/models/identity-int8/ready')).status).toBe(200)
  })

  test('may be changed only by those who may write', async () => {
    const viewer = await world.token('viewer')
    expect((await call('/repository/models/churn/unload', {}, { authorization: `Bearer ${viewer}` })).status).toBe(403)
  })
})

test('a version that is named answers, alone, and only while it serves', async () => {
  await registerModel(world.admin, 'duo', modelWithCut(0.5), { alias: 'champion' })
  await registerModel(world.admin, 'duo', modelWithCut(0.2), {})
  const split = { split: { version: 2, percent: 50 } }
  await world.admin.call(documents.apply, { documents: [deployment('duo', 'duo', split)] })
  await world.settle()
  expect(await json('/models/duo')).toMatchObject({ versions: ['1', '2'] })
  for (let i = 0; i < 20; i++)
    for (const [version, prediction] of [
      ['1', 0],
      ['2', 1],
    ])
      expect(await json(`/models/duo/versions/${version}/infer`, row([0.3, 0], { id: `d${i}` }))).toMatchObject({
        model_version: version,
        outputs: [{}, { data: [prediction] }, { data: [Number(version)] }],
      })
  expect((await errorOf('/models/duo/versions/3/infer', row()))[0]).toBe(404)
  await world.admin.call(documents.apply, { documents: [deployment('duo', 'duo')] })
  await world.settle()
  expect((await errorOf('/models/duo/versions/2/infer', row()))[0]).toBe(404)
})
