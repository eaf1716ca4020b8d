import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { joined, messageField, packedFloats, packedIntegers, textField } from '../../src/lib/protobuf/wire-writer.ts'
import { createRandom, type Random } from '../../src/lib/random.ts'
import { connectGrpc } from '../grpc-client.ts'
import { deployIdentities } from '../identity-model.ts'
import { deployModel, openWorld, type World } from '../world.ts'

// Whatever comes over the wire, the server answers it rightly or refuses it in the protocol's own words, and lives on.

let world: World
let token: string
let agent: http.Agent
beforeAll(async () => {
  world = await openWorld({ SETPOINT_BODY_LIMIT_BYTES: '200000', SETPOINT_REQUEST_TIMEOUT_MS: '1000' })
  await deployModel(world)
  await deployIdentities(world.admin)
  await world.admin.call(access.createProject, { name: 'fraud' })
  await world.settle()
  token = await world.token('operator')
  agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
})
afterAll(async () => {
  agent.destroy()
  await world.close()
})

type Reply = { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly text: string }

/** Sends bytes as they are; `fetch` would not send some of these headers. */
async function post(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Reply> {
  const request = http.request(`${world.url}${path}`, {
    method: 'POST',
    agent,
    headers: { authorization: `Bearer ${token}`, 'content-length': body.length, ...headers },
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return { status: response.statusCode!, headers: response.headers, text: await text(response) }
}

const pick = <T>(random: Random, all: readonly T[]): T => all[random.int(all.length)]!

function mutated(random: Random, bytes: Buffer): Buffer {
  let found = bytes
  for (let i = 0, times = 1 + random.int(4); i < times && found.length > 0; i++) {
    const at = random.int(found.length)
    found = pick(random, [
      () => Buffer.from(found.with(at, random.int(256))),
      () => found.subarray(0, at),
      () => Buffer.concat([found.subarray(0, at), found.subarray(at + 1 + random.int(8))]),
      () => Buffer.concat([found.subarray(0, at), found.subarray(Math.max(0, at - random.int(40)))]),
      () => Buffer.concat([found.subarray(0, at), Buffer.from(pick(random, fragments)), found.subarray(at)]),
    ])()
  }
  return found
}
const fragments = [
  '-1',
  '9007199254740993',
  '1e309',
  '[[[[',
  ']]',
  '{}',
  'null',
  '"',
  '\\',
  ',',
  ':',
  '\ud800',
  '__proto__',
  '{"shape":[-1]}',
  '0',
  '\u0000',
]

/** A right answer, or a refusal that is the caller's fault in the words of the protocol. */
function isSound({ status, headers, text: body }: Reply): boolean {
  if (status === 200) return headers['content-type'] === 'application/json' || headers['content-type'] === 'application/octet-stream'
  return status >= 400 && status < 500 && headers['content-type'] === 'application/json' && typeof JSON.parse(body).error === 'string'
}

const requests = [
  [
    'churn',
    {
      id: 'a',
      parameters: { actor: 'me', ids: ['a'] },
      inputs: [{ name: 'features', shape: [1, 2], datatype: 'FP32', data: [0.5, null] }],
    },
  ],
  [
    'churn',
    {
      inputs: [
        { name: 'b', shape: [2], datatype: 'INT8', data: [1, 2] },
        { name: 'a', shape: [2], datatype: 'UINT64', data: [1, 2] },
      ],
    },
  ],
  [
    'identity-int64',
    {
      inputs: [{ name: 'x', shape: [2, 1], datatype: 'INT64', data: [[1], [-2]] }],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
    },
  ],
  [
    'identity-bytes',
    { inputs: [{ name: 'x', shape: [1, 2], datatype: 'BYTES', data: ['a', 'b'] }], parameters: { binary_data_output: true } },
  ],
] as const

describe('changed at random', () => {
  test('requests in JSON', async () => {
    const random = createRandom('abuse json')
    const statuses = new Set<number>()
    for (let i = 0; i < 3_000; i++) {
      const [model, request] = pick(random, requests)
      const body = mutated(random, Buffer.from(JSON.stringify(request)))
      const reply = await post(`/v2/models/${model}/${random.bernoulli(0.9) ? 'infer' : 'generate'}`, body)
      expect(isSound(reply), `${body.toString('latin1')} → ${reply.status} ${reply.text.slice(0, 300)}`).toBe(true)
      statuses.add(reply.status)
    }
    expect([...statuses].sort()).toEqual(expect.arrayContaining([200, 400]))
  })

  test('requests of binary tensors, and the length of their JSON', async () => {
    const random = createRandom('abuse binary')
    const statuses = new Set<number>()
    const strings = Buffer.from([1, 0, 0, 0, 97, 2, 0, 0, 0, 98, 99])
    for (let i = 0; i < 3_000; i++) {
      const [model, input, content] = pick(random, [
        ['churn', { name: 'features', shape: [2, 2], datatype: 'FP32' }, Buffer.alloc(16, 0)] as const,
        ['identity-bytes', { name: 'x', shape: [1, 2], datatype: 'BYTES' }, strings] as const,
        ['identity-bool', { name: 'x', shape: [1, 3], datatype: 'BOOL' }, Buffer.of(1, 0, 1)] as const,
      ])
      const size = random.bernoulli(0.8) ? content.length : pick(random, [0, -1, 3, 1e9, 2 ** 53, 'x', null, 1.5])
      const json = Buffer.from(
        JSON.stringify({ inputs: [{ ...input, parameters: { binary_data_size: size } }], parameters: { binary_data_output: true } }),
      )
      const whole = Buffer.concat([json, content])
      const body = random.bernoulli(0.5)
        ? mutated(random, whole)
        : Buffer.concat([json, random.bernoulli(0.5) ? mutated(random, Buffer.from(content)) : content])
      const length = random.bernoulli(0.8)
        ? String(json.length)
        : pick(random, ['0', '1', '99999', '-5', 'x', '1e3', String(json.length + 1), String(body.length)])
      const reply = await post(`/v2/models/${model}/infer`, body, { 'inference-header-content-length': length })
      expect(isSound(reply), `${length}: ${body.toString('latin1')} → ${reply.status} ${reply.text.slice(0, 300)}`).toBe(true)
      statuses.add(reply.status)
    }
    expect([...statuses].sort()).toEqual(expect.arrayContaining([200, 400]))
  })

  test('messages of gRPC', async () => {
    const random = createRandom('abuse grpc')
    const client = connectGrpc(await world.app.grpc.listen('127.0.0.1', 0), { authorization: `Bearer ${token}` })
    const whole = Buffer.from(
      joined([
        textField(1, 'churn'),
        textField(3, 'id'),
        messageField(5, [
          textField(1, 'features'),
          textField(2, 'FP32'),
          packedIntegers(3, [1, 2]),
          messageField(5, [packedFloats(6, [1, 2])]),
        ]),
        messageField(6, [textField(1, 'score')]),
      ]),
    )
    const statuses = new Set<number>()
    for (let i = 0; i < 3_000; i++) {
      const message = mutated(random, whole)
      const { status, message: told } = await client.call('/inference.GRPCInferenceService/ModelInfer', [message])
      expect([0, 3, 5, 8], `${message.toString('hex')} → ${status} ${told}`).toContain(status)
      statuses.add(status)
    }
    client.close()
    expect([...statuses]).toEqual(expect.arrayContaining([0, 3, 5]))
  })
})

test.each<[string, string]>([
  ['a list without end', `{"inputs":${'['.repeat(90_000)}`],
  [
    'data nested without end',
    `{"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","data":${'['.repeat(90_000)}9007199254740993${']'.repeat(90_000)}}]}`,
  ],
  [
    'an unknown field nested without end',
    `{"z":${'['.repeat(90_000)}${']'.repeat(90_000)},"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","data":[9007199254740993,2]}]}`,
  ],
  ['a shape whose product overflows', '{"inputs":[{"name":"features","shape":[4294967296,4294967296,2],"datatype":"FP32","data":[1,2]}]}'],
  ['a shape that asks for all memory', '{"inputs":[{"name":"features","shape":[1000000000000,2],"datatype":"FP32","data":[1,2]}]}'],
  ['a shape below zero', '{"inputs":[{"name":"features","shape":[-1,2],"datatype":"FP32","data":[1,2]}]}'],
  [
    'a name given twice',
    '{"inputs":[{"name":"a","shape":[1],"datatype":"FP32","data":[1]},{"name":"a","shape":[1],"datatype":"FP32","data":[1]}]}',
  ],
  [
    'the prototype of all objects',
    '{"__proto__":{"inputs":[]},"inputs":[{"name":"__proto__","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
  ],
])('%s is refused, and costs nothing', async (_name, body) => {
  const reply = await post('/v2/models/churn/infer', Buffer.from(body))
  expect([reply.status, isSound(reply)]).toEqual([400, true])
})

describe('on the socket', () => {
  const port = () => Number(new URL(world.url).port)
  const head = (length: number, extra = '') =>
    `POST /v2/models/churn/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: ${length}\r\n${extra}\r\n`
  const body = JSON.stringify(requests[0][1])

  /** All that comes back until the server closes. */
  async function exchange(write: (socket: net.Socket) => void): Promise<string> {
    const socket = net.connect(port(), '127.0.0.1')
    socket.on('error', () => {})
    write(socket)
    return await text(socket)
  }

  test('requests sent one after the other without waiting are answered in order', async () => {
    const one = (id: string) => {
      const content = JSON.stringify({ ...requests[0][1], id })
      return head(content.length) + content
    }
    const last = JSON.stringify({ ...requests[0][1], id: 'p9' })
    const answers = await exchange((socket) =>
      socket.write(Array.from({ length: 9 }, (_, i) => one(`p${i}`)).join('') + head(last.length, 'connection: close\r\n') + last),
    )
    expect([...answers.matchAll(/"id":"(p\d)"/g)].map((match) => match[1])).toEqual(Array.from({ length: 10 }, (_, i) => `p${i}`))
  })

  test('a client that closes its side, or goes away in the middle of its body, leaves nothing behind', async () => {
    await exchange((socket) => socket.end(head(body.length) + body))
    await exchange((socket) => socket.end(head(body.length) + body.slice(0, 20)))
    const socket = net.connect(port(), '127.0.0.1')
    socket.write(head(1_000) + body, () => socket.destroy())
    await once(socket, 'close')
    expect((await post('/v2/models/churn/infer', Buffer.from(body))).status).toBe(200)
  })

  test('a body beyond the limit is refused before it is read, with or without its length', async () => {
    expect(await exchange((socket) => socket.write(head(300_000)))).toMatch(/^HTTP\/1.1 413 /)
    const chunk = `10000\r\n${'1'.repeat(65_536)}\r\n`
    const chunked = `POST /v2/models/churn/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ntransfer-encoding: chunked\r\n\r\n`
    expect(await exchange((socket) => socket.write(chunked + chunk.repeat(4)))).toMatch(/^HTTP\/1.1 413 /)
  })

  test('a request that comes too slowly is ended', async () => {
    expect(await exchange((socket) => socket.write(head(1_000) + body.slice(0, 10)))).toMatch(/^(HTTP\/1.1 408 |$)/)
    expect(await exchange((socket) => socket.write('POST /v2/models/churn/infer HTTP/1.1\r\nhost: x\r\n'))).toMatch(/^(HTTP\/1.1 408 |$)/)
  })

  test('lengths that contradict each other, the start of a smuggled request, are refused', async () => {
    const both = `POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`
    const twice = `POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd`
    for (const bytes of [both, twice]) expect(await exchange((socket) => socket.write(bytes))).toMatch(/^HTTP\/1.1 400 /)
  })
})

test('no path of a protocol answers without a key, with another project’s or without the right', async () => {
  const other = await world.token('operator', 'fraud')
  const narrow = await world.token('viewer')
  const model = '/v2/models/churn'
  const reading = [
    model,
    `${model}/versions/1`,
    `${model}/ready`,
    `${model}/config`,
    `${model}/stats`,
    '/v1/models/churn',
    '/v1/predict/churn/schema',
  ]
  const lists = ['/v2/models', '/v2/models/stats', '/v1/models']
  const writing = [
    ...['infer', 'infer_stream', 'generate', 'generate_stream', 'versions/1/infer'].map((end) => `${model}/${end}`),
    '/v2/repository/models/churn/load',
    '/v2/repository/models/churn/unload',
    '/v1/models/churn:predict',
    '/v1/predict/churn',
  ]
  const status = async (method: string, path: string, key?: string) =>
    (
      await fetch(`${world.url}${path}`, {
        method,
        headers: key ? { authorization: `Bearer ${key}` } : {},
        ...(method === 'POST' && { body: path.includes('repository') ? '{}' : JSON.stringify(requests[0][1]) }),
      })
    ).status
  for (const path of [...reading, ...lists]) expect([path, await status('GET', path)]).toEqual([path, 401])
  for (const path of [...writing, '/v2/repository/index']) expect([path, await status('POST', path)]).toEqual([path, 401])
  for (const path of reading) expect([path, await status('GET', path, other)]).toEqual([path, 404])
  for (const path of writing) expect([path, await status('POST', path, other)]).toEqual([path, 404])
  for (const path of writing) expect([path, await status('POST', path, narrow)]).toEqual([path, 403])
  for (const path of lists) {
    const reply = await fetch(`${world.url}${path}`, { headers: { authorization: `Bearer ${other}` } })
    expect([path, (await reply.text()).includes('churn')]).toEqual([path, false])
  }
})
