import http2 from 'node:http2'
import net from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { documents } from '../../src/contract/documents.ts'
import { framed } from '../../src/infra/grpc/frames.ts'
import { createWire, integerOf, readFields, readMessage, readVarints, textOf } from '../../src/lib/protobuf/wire-reader.ts'
import {
  bytesField,
  joined,
  type Message,
  messageField,
  packedDoubles,
  packedFloats,
  packedIntegers,
  textField,
  varintField,
} from '../../src/lib/protobuf/wire-writer.ts'
import { binaryFromData } from '../../src/lib/tensors/binary-data.ts'
import { type Datatype, emptyData, type TensorData } from '../../src/lib/tensors/tensor.ts'
import { connectGrpc } from '../grpc-client.ts'
import { deployIdentities, modelDatatypes } from '../identity-model.ts'
import { deployModel, deployment, openWorld, type World } from '../world.ts'

const SERVICE = '/inference.GRPCInferenceService'

let world: World
let port: number
let token: string
let client: ReturnType<typeof connectGrpc>
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  await deployIdentities(world.admin)
  await world.admin.call(access.createProject, { name: 'fraud' })
  await world.settle()
  token = await world.token('operator')
  port = await world.app.grpc.listen('127.0.0.1', 0)
  client = connectGrpc(port, { authorization: `Bearer ${token}` })
})
afterAll(async () => {
  client.close()
  await world.close()
})

const call = (method: string, message: readonly Message[], headers: Record<string, string> = {}) =>
  client.call(`${SERVICE}/${method}`, [joined(message)], headers)

type Input = { name?: string; datatype?: string; shape?: readonly number[]; contents?: Message }
const inputField = ({ name = 'features', datatype = 'FP32', shape = [1, 2], contents }: Input = {}) =>
  messageField(5, [
    textField(1, name),
    textField(2, datatype),
    packedIntegers(3, shape),
    ...(contents ? [messageField(5, [contents])] : []),
  ])
const floats = (...values: number[]) => bytesField(7, new Uint8Array(Float32Array.from(values).buffer))
const rowOf = (a: number, b: number, id = '') => [textField(1, 'churn'), ...(id ? [textField(3, id)] : []), inputField(), floats(a, b)]

/** A `ModelInferResponse`, with its outputs’ raw bytes or typed numbers. */
function inferReply(bytes: Uint8Array, from = 0, to = bytes.length) {
  const wire = createWire(bytes, 100_000)
  const found = {
    model: '',
    version: '',
    id: '',
    outputs: [] as { name: string; datatype: string; shape: number[]; contents: Buffer }[],
    raw: [] as Buffer[],
  }
  readFields(wire, from, to, (field) => {
    if (field.number === 1) found.model = textOf(wire, field)
    else if (field.number === 2) found.version = textOf(wire, field)
    else if (field.number === 3) found.id = textOf(wire, field)
    else if (field.number === 6) found.raw.push(Buffer.from(bytes.subarray(field.start, field.end)))
    else if (field.number === 5) {
      const output = { name: '', datatype: '', shape: [] as number[], contents: Buffer.alloc(0) }
      readMessage(wire, field, (part) => {
        if (part.number === 1) output.name = textOf(wire, part)
        else if (part.number === 2) output.datatype = textOf(wire, part)
        else if (part.number === 3) readVarints(wire, part, (one) => output.shape.push(integerOf(one)))
        else if (part.number === 5) output.contents = Buffer.from(bytes.subarray(part.start, part.end))
      })
      found.outputs.push(output)
    }
  })
  return found
}

describe('the service', () => {
  test('live, ready, metadata and health need no key', async () => {
    const stranger = connectGrpc(port)
    for (const [path, first] of [
      [`${SERVICE}/ServerLive`, [8, 1]],
      [`${SERVICE}/ServerReady`, [8, 1]],
      ['/grpc.health.v1.Health/Check', [8, 1]],
    ] as const)
      expect(await stranger.call(path, [new Uint8Array(0)])).toMatchObject({ status: 0, messages: [Buffer.from(first)] })
    const metadata = await stranger.call(`${SERVICE}/ServerMetadata`, [new Uint8Array(0)])
    expect(metadata.messages[0]!.toString()).toContain('setpoint')
    expect((await stranger.call('/grpc.health.v1.Health/Check', [joined([textField(1, 'nothing')])])).status).toBe(5)
    stranger.close()
  })

  test('a row of floats is scored', async () => {
    const { status, messages } = await call('ModelInfer', rowOf(0.9, 0.1, 'one'))
    expect(status).toBe(0)
    const reply = inferReply(messages[0]!)
    expect(reply).toMatchObject({ model: 'churn', version: '1', id: 'one' })
    expect(reply.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
      ['score', 'FP32', [1, 1]],
      ['prediction', 'INT32', [1, 1]],
      ['version', 'INT32', [1, 1]],
    ])
    expect(reply.raw.map((one) => one.length)).toEqual([4, 4, 4])
    expect(reply.raw[0]!.readFloatLE()).toBeCloseTo(1 / (1 + Math.exp(-3)), 5)
    expect([reply.raw[1]!.readInt32LE(), reply.raw[2]!.readInt32LE()]).toEqual([1, 1])
  })

  test('what came as typed contents is answered so', async () => {
    const { messages } = await call('ModelInfer', [textField(1, 'churn'), inputField({ contents: packedFloats(6, [0.9, 0.1]) })])
    const reply = inferReply(messages[0]!)
    expect(reply.raw).toEqual([])
    expect(reply.outputs[1]!.contents).toEqual(Buffer.from(joined([packedIntegers(2, [1])])))
  })

  const typed: Record<Exclude<(typeof modelDatatypes)[number], 'FP16'>, Message> = {
    BOOL: packedIntegers(1, [1, 0]),
    INT8: packedIntegers(2, [-128, 127]),
    INT16: packedIntegers(2, [-32_768, 1]),
    INT32: packedIntegers(2, [-2_147_483_648, 1]),
    INT64: packedIntegers(3, [-(2n ** 63n), 2n ** 62n + 1n]),
    UINT8: packedIntegers(4, [255, 0]),
    UINT16: packedIntegers(4, [65_535, 0]),
    UINT32: packedIntegers(4, [4_294_967_295, 0]),
    UINT64: packedIntegers(5, [2n ** 64n - 1n, 0]),
    FP32: packedFloats(6, [0.5, -2]),
    FP64: packedDoubles(7, [0.1, -1e300]),
    BYTES: [...bytesField(8, Buffer.from('é')), ...bytesField(8, new Uint8Array(0))],
  }
  test.each(Object.entries(typed))('%s comes back as it was sent, typed', async (datatype, contents) => {
    const model = `identity-${datatype.toLowerCase()}`
    const { status, message, messages } = await call('ModelInfer', [
      textField(1, model),
      inputField({ name: 'x', datatype, shape: [2, 1], contents }),
    ])
    expect([status, message]).toEqual([0, ''])
    expect(inferReply(messages[0]!).outputs).toEqual([{ name: 'y', datatype, shape: [2, 1], contents: Buffer.from(joined([contents])) }])
  })

  test.each(modelDatatypes)('%s comes back as it was sent, raw', async (datatype) => {
    const data: TensorData =
      datatype === 'BYTES' ? [Buffer.from('é'), Buffer.from('b')] : emptyData(datatype as Exclude<Datatype, 'BYTES'>, 2)
    const sent = Buffer.from(binaryFromData(datatype, data))
    if (datatype !== 'BYTES') sent[0] = 1
    const { status, messages } = await call('ModelInfer', [
      textField(1, `identity-${datatype.toLowerCase()}`),
      inputField({ name: 'x', datatype, shape: [1, 2] }),
      bytesField(7, sent),
    ])
    expect([status, inferReply(messages[0]!).raw]).toEqual([0, [sent]])
  })

  test('metadata, configuration, figures and readiness of a model', async () => {
    const named = [textField(1, 'churn')]
    for (const method of ['ModelMetadata', 'ModelConfig', 'ModelStatistics']) {
      const { status, messages } = await call(method, named)
      expect([method, status, messages[0]!.includes('churn')]).toEqual([method, 0, true])
    }
    expect((await call('ModelReady', named)).messages).toEqual([Buffer.from([8, 1])])
    expect((await call('ModelReady', [...named, textField(2, '9')])).status).toBe(5)
    expect((await call('ModelReady', [textField(1, 'nowhere')])).status).toBe(5)
  })

  test('the repository is asked in the words of Triton and of KServe', async () => {
    const index = await call('RepositoryIndex', [])
    expect(index.messages[0]!.includes('identity-int8')).toBe(true)
    const [triton, kserve] = [[textField(1, ''), textField(2, 'identity-int8')], [textField(1, 'identity-int8')]]
    for (const words of [triton, kserve]) {
      expect((await call('RepositoryModelUnload', words)).status).toBe(0)
      expect((await call('ModelReady', [textField(1, 'identity-int8')])).messages).toEqual(
        [new Uint8Array(0)].map(() => Buffer.from([8, 0])),
      )
      expect((await call('RepositoryModelLoad', words)).status).toBe(0)
      expect((await call('ModelReady', [textField(1, 'identity-int8')])).messages).toEqual([Buffer.from([8, 1])])
    }
    expect((await call('RepositoryModelLoad', [...triton, messageField(3, [textField(1, 'config')])])).status).toBe(3)
  })

  test('a stream answers message by message, errors too, and goes on', async () => {
    const bad = [textField(1, 'churn'), inputField({ shape: [1, 3] }), floats(1, 2, 3)]
    const { status, messages } = await client.call(
      `${SERVICE}/ModelStreamInfer`,
      [rowOf(0.9, 0, 's1'), bad, rowOf(0.1, 0, 's2')].map((one) => joined(one)),
    )
    expect([status, messages.length]).toEqual([0, 3])
    const fields = messages.map((message) => {
      const wire = createWire(message, 1_000)
      let found: unknown
      readFields(wire, 0, message.length, (field) => {
        found = field.number === 1 ? textOf(wire, field) : inferReply(message, field.start, field.end).id
      })
      return found
    })
    expect(fields).toEqual(['s1', expect.stringContaining('the model takes 2 features'), 's2'])
  })

  test('a request may be packed', async () => {
    const packed = gzipSync(joined(rowOf(0.9, 0.1)))
    const frame = framed([packed])
    frame[0] = 1
    const send = (bytes: Uint8Array, headers: Record<string, string>) => client.call(`${SERVICE}/ModelInfer`, [bytes], headers, true)
    expect((await send(frame, { 'grpc-encoding': 'gzip' })).status).toBe(0)
    expect(await send(frame, {})).toMatchObject({ status: 3, message: expect.stringContaining('names no grpc-encoding') })
    expect(await send(frame, { 'grpc-encoding': 'snappy' })).toMatchObject({
      status: 12,
      trailers: { 'grpc-accept-encoding': 'identity,gzip,deflate' },
    })
    const bomb = framed([gzipSync(Buffer.alloc(64 * 1024 * 1024))])
    bomb[0] = 1
    expect((await send(bomb, { 'grpc-encoding': 'gzip' })).status).toBe(8)
  })
})

describe('refusals', () => {
  test.each<[string, Message[], number, string]>([
    ['no input', [textField(1, 'churn')], 3, 'at least one tensor'],
    ['an unknown model', [textField(1, 'nowhere'), inputField(), floats(1, 2)], 5, 'no deployment nowhere'],
    [
      'a version that does not serve',
      [textField(1, 'churn'), textField(2, '7'), inputField(), floats(1, 2)],
      5,
      'does not serve version 7',
    ],
    [
      'raw and typed at once',
      [textField(1, 'churn'), inputField({ contents: packedFloats(6, [1, 2]) }), floats(1, 2)],
      3,
      'exclude each other',
    ],
    ['raw for another number of inputs', [textField(1, 'churn'), inputField(), floats(1, 2), floats(1, 2)], 3, '2 were sent for 1'],
    ['too few bytes', [textField(1, 'churn'), inputField(), floats(1)], 3, 'take 8 bytes; 4 were sent'],
    ['a negative shape', [textField(1, 'churn'), inputField({ shape: [-1, -2] }), floats(1, 2)], 3, 'shape must be'],
    ['a shape beyond counting', [textField(1, 'churn'), inputField({ shape: [2 ** 40, 2 ** 40] }), floats(1, 2)], 3, 'counted'],
    ['an unknown datatype', [textField(1, 'churn'), inputField({ datatype: 'FP8' }), floats(1, 2)], 3, 'FP8 is unknown'],
    ['values in the wrong field', [textField(1, 'churn'), inputField({ contents: packedDoubles(7, [1, 2]) })], 3, 'travel in field 6'],
    ['numbers cut off', [textField(1, 'churn'), inputField({ contents: bytesField(6, new Uint8Array(7)) })], 3, 'cut off'],
    ['a typed FP16', [textField(1, 'churn'), inputField({ datatype: 'FP16', contents: packedFloats(6, [1, 2]) })], 3, 'raw_input_contents'],
    [
      'a class list',
      [
        textField(1, 'churn'),
        inputField(),
        floats(1, 2),
        messageField(6, [textField(1, 'score'), messageField(2, [textField(1, 'classification'), messageField(2, [varintField(2, 3)])])]),
      ],
      3,
      'classification',
    ],
    ['no protocol buffer', [[Uint8Array.of(0xff, 0xff, 0xff)]], 3, 'malformed'],
  ])('%s is refused with its status', async (_name, message, status, text) => {
    expect(await call('ModelInfer', message)).toMatchObject({ status, message: expect.stringContaining(text) })
  })

  test('no key, a wrong key, another project’s key and a key without the right are refused on every method', async () => {
    const methods = [
      'ModelReady',
      'ModelMetadata',
      'ModelConfig',
      'ModelStatistics',
      'ModelInfer',
      'ModelStreamInfer',
      'RepositoryIndex',
      'RepositoryModelLoad',
      'RepositoryModelUnload',
    ]
    const other = await world.token('operator', 'fraud')
    const viewer = await world.token('viewer')
    const send = (method: string, headers: Record<string, string>) => {
      const stranger = connectGrpc(port, headers)
      return stranger.call(`${SERVICE}/${method}`, [joined(rowOf(1, 2))]).finally(stranger.close)
    }
    for (const method of methods) {
      expect([method, (await send(method, {})).status]).toEqual([method, 16])
      expect([method, (await send(method, { authorization: `Bearer ${other}`, 'x-setpoint-project': 'default' })).status]).toEqual([
        method,
        7,
      ])
    }
    for (const method of ['ModelInfer', 'ModelStreamInfer', 'RepositoryModelLoad', 'RepositoryModelUnload'])
      expect([method, (await send(method, { 'x-api-key': viewer })).status]).toEqual([method, 7])
    expect((await send('ModelInfer', { 'x-api-key': other })).status).toBe(5)
    expect((await send('ModelInfer', { 'x-api-key': token })).status).toBe(0)
  })

  test('a caller over its rate is told when to come back', async () => {
    await world.admin.call(documents.apply, { documents: [deployment('slow', 'churn', { limits: { requestsPerSecond: 1 } })] })
    const message = [textField(1, 'slow'), inputField(), floats(1, 2)]
    expect((await call('ModelInfer', message)).status).toBe(0)
    const refused = await call('ModelInfer', message)
    expect(refused.status).toBe(8)
    expect(Number(refused.trailers['grpc-retry-pushback-ms'])).toBeGreaterThan(0)
  })
})

describe('abuse', () => {
  const raw = (bytes: readonly Uint8Array[], headers: Record<string, string> = {}) =>
    client.call(`${SERVICE}/ModelInfer`, bytes, headers, true)

  test('frames that are none, lie or end too early are refused', async () => {
    expect(await raw([Uint8Array.of(7, 0, 0, 0, 0)])).toMatchObject({ status: 3, message: expect.stringContaining('flag 7') })
    expect(await raw([Uint8Array.of(0, 255, 255, 255, 255)])).toMatchObject({
      status: 8,
      message: expect.stringContaining('4294967295 bytes'),
    })
    expect(await raw([Uint8Array.of(0, 0, 0, 0, 9, 1)])).toMatchObject({
      status: 3,
      message: expect.stringContaining('middle of a message'),
    })
    expect(await raw([Uint8Array.of(0, 0)])).toMatchObject({ status: 3 })
    expect(await raw([])).toMatchObject({ status: 3, message: expect.stringContaining('without a message') })
    const frame = framed([joined(rowOf(1, 2))])
    expect(await raw([frame, frame])).toMatchObject({ status: 3, message: expect.stringContaining('takes one message') })
    expect((await raw([...frame].map((byte) => Uint8Array.of(byte)))).status).toBe(0)
  })

  test('what is no gRPC, and no method, is refused', async () => {
    expect(await client.call(`${SERVICE}/ModelTrain`, [new Uint8Array(0)])).toMatchObject({
      status: 12,
      message: expect.stringContaining('no method'),
    })
    expect((await client.call(`${SERVICE}/ModelInfer`, [], { 'content-type': 'application/json' })).trailers[':status']).toBe(415)
  })

  test('a call that stops half-way is given up when its time is over, and the connection goes on', async () => {
    const stream = client.session.request({
      ':method': 'POST',
      ':path': `${SERVICE}/ModelInfer`,
      'content-type': 'application/grpc',
      authorization: `Bearer ${token}`,
    })
    const answered = new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve))
    stream.on('error', () => {})
    stream.write(Uint8Array.of(0, 0, 0))
    // The server has the bytes once it has answered a later call on the same connection.
    await call('ModelInfer', rowOf(1, 2))
    await world.settle()
    world.clock.advance(30_000)
    expect((await answered)['grpc-status']).toBe('4')
    expect((await call('ModelInfer', rowOf(1, 2))).status).toBe(0)
  })

  test('a flood of resets ends its own connection and nobody else’s', async () => {
    const flood = http2.connect(`http://127.0.0.1:${port}`)
    const ended = new Promise<void>((resolve) => flood.once('close', resolve))
    flood.on('error', () => {})
    for (let i = 0; i < 5_000 && !flood.destroyed && !flood.closed; i++) {
      const stream = flood.request({ ':method': 'POST', ':path': `${SERVICE}/ModelInfer`, 'content-type': 'application/grpc' })
      stream.on('error', () => {})
      stream.close(http2.constants.NGHTTP2_CANCEL)
    }
    await ended
    expect((await call('ModelInfer', rowOf(1, 2))).status).toBe(0)
  })

  test('bytes that are no HTTP/2 end their connection', async () => {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff']) {
      const socket = net.connect(port, '127.0.0.1')
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.on('error', () => {})
      socket.resume()
      socket.end(Buffer.from(bytes, 'latin1'))
      await closed
    }
    expect((await call('ModelInfer', rowOf(1, 2))).status).toBe(0)
  })
})
