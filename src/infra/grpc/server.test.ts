import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { connectGrpc } from '../../../test/grpc-client.ts'
import { createManualClock } from '../../../test/manual-clock.ts'
import { AppError } from '../../contract/errors.ts'
import { createIds } from '../ids.ts'
import { createLog } from '../log.ts'
import type { GrpcMethod } from './method.ts'
import { createGrpc } from './server.ts'
import { deadlineFromTimeout, trailersFrom } from './status.ts'

const clock = createManualClock()
const log = createLog('error', (line) => process.stderr.write(line))
const opened: ReturnType<typeof createGrpc>[] = []
afterEach(async () => {
  for (const grpc of opened.splice(0)) await grpc.close(0)
})

function serverOf(...methods: GrpcMethod[]) {
  const caller = { id: 'test', project: 'default', scopes: new Set([]), requestId: 'r' }
  const grpc = createGrpc({
    methods,
    authenticate: () => caller,
    ids: createIds(clock),
    log,
    clock,
    messageLimitBytes: 1_000,
    requestTimeoutMs: 1_000,
  })
  opened.push(grpc)
  return grpc
}

test('a server that stops tells its clients, ends what is under way, and takes nothing new', async () => {
  let answer = (_parts: Uint8Array[]) => {}
  const answered = new Promise<Uint8Array[]>((resolve) => {
    answer = resolve
  })
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const grpc = serverOf({
    path: '/test.Test/Slow',
    scope: 'public',
    unary: () => {
      begin()
      return answered
    },
  })
  const client = connectGrpc(await grpc.listen('127.0.0.1', 0))
  const reply = client.call('/test.Test/Slow', [new Uint8Array(1)])
  await begun
  const told = once(client.session, 'goaway')
  const closed = grpc.close(10_000)
  await told
  answer([Buffer.from('late')])
  expect(await reply).toMatchObject({ status: 0, messages: [Buffer.from('late')] })
  client.close()
  await closed
})

test('what is still under way when the grace is over is cut off', async () => {
  const grpc = serverOf({ path: '/test.Test/Never', scope: 'public', unary: () => new Promise(() => {}) })
  const client = connectGrpc(await grpc.listen('127.0.0.1', 0))
  const failed = client.call('/test.Test/Never', [new Uint8Array(1)]).then(
    ({ status }) => status,
    () => 'cut off',
  )
  await once(client.session, 'remoteSettings')
  const told = once(client.session, 'goaway')
  const closed = grpc.close(10_000)
  await told
  clock.advance(10_000)
  await closed
  expect([-1, 'cut off']).toContain(await failed)
})

test('a stream ends with its caller’s patience', async () => {
  const grpc = serverOf({
    path: '/test.Test/Echo',
    scope: 'public',
    async *stream(messages) {
      for await (const message of messages) yield [message]
    },
  })
  const client = connectGrpc(await grpc.listen('127.0.0.1', 0))
  const stream = client.session.request({
    ':method': 'POST',
    ':path': '/test.Test/Echo',
    'content-type': 'application/grpc',
    'grpc-timeout': '500m',
  })
  stream.on('error', () => {})
  stream.write(Uint8Array.of(0, 0, 0, 0, 1, 7))
  await once(stream, 'data')
  const trailers = once(stream, 'trailers')
  clock.advance(500)
  expect((await trailers)[0]).toMatchObject({ 'grpc-status': '4' })
  client.close()
})

test('a port that is taken is told, with the setting that changes it', async () => {
  const port = await serverOf().listen('127.0.0.1', 0)
  await expect(serverOf().listen('127.0.0.1', port)).rejects.toThrow('SETPOINT_GRPC_PORT')
})

test('what fails inside is told without its reasons', async () => {
  const quiet = createLog('error', () => {})
  const grpc = createGrpc({
    methods: [
      {
        path: '/test.Test/Broken',
        scope: 'public',
        unary: () => {
          throw new TypeError('a secret')
        },
      },
    ],
    authenticate: () => ({ id: 'test', project: 'default', scopes: new Set([]), requestId: 'r' }),
    ids: createIds(clock),
    log: quiet,
    clock,
    messageLimitBytes: 1_000,
    requestTimeoutMs: 1_000,
  })
  opened.push(grpc)
  const client = connectGrpc(await grpc.listen('127.0.0.1', 0))
  const { status, message } = await client.call('/test.Test/Broken', [new Uint8Array(1)])
  expect([status, message.includes('secret')]).toEqual([13, false])
  client.close()
})

test('timeouts are read in every unit, and messages written as the specification asks', () => {
  expect(['1H', '5S', '250m', '1500u', '10n', '0S'].map((text) => deadlineFromTimeout(text))).toEqual([600_000, 5_000, 250, 2, 1, 1])
  for (const text of [undefined, '', '5', 'S', '5s', '123456789S', '-1S']) expect(deadlineFromTimeout(text)).toBeUndefined()
  const trailers = trailersFrom(new AppError('throttled', 'é 100%\n', { retryAfterSeconds: 1.25 }), 'r1')
  expect(trailers).toEqual({
    'grpc-status': '8',
    'grpc-message': '%C3%A9 100%25%0A',
    'x-request-id': 'r1',
    'retry-after': '2',
    'grpc-retry-pushback-ms': '1250',
  })
})
