import net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { runLoad } from './engine.ts'

const request = Buffer.from('POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}')
const reply = (status: number, more = '') => `HTTP/1.1 ${status} Said\r\ncontent-length: 2\r\n${more}\r\n{}`
const servers: net.Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that answers its `n`th request (from 0) by `answer`: with text, or by closing the connection on null. */
async function serve(answer: (n: number, socket: net.Socket) => string | null | undefined): Promise<number> {
  let seen = 0
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      for (let rest = data.length; rest > 0; rest -= request.length) {
        const text = answer(seen++, socket)
        if (text === null) socket.destroy()
        else if (text !== undefined) socket.write(text)
      }
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as net.AddressInfo).port
}

const planFor = (port: number, given: object = {}) => ({
  target: { host: '127.0.0.1', port, secure: false },
  requests: [request],
  connections: 4,
  warmupMs: 50,
  durationMs: 200,
  timeoutMs: 5_000,
  ...given,
})
const nowMs = () => performance.now()
const noErrors = { status: 0, timeout: 0, connection: 0 }

test('an open loop sends what its rate says, warm-up apart', async () => {
  let seen = 0
  const port = await serve(() => {
    seen += 1
    return reply(200)
  })
  const result = await runLoad(planFor(port, { rate: 200 }), { nowMs })
  expect(result).toMatchObject({ sent: 40, ok: 40, shed: 0, errors: noErrors, statuses: {} })
  expect(seen).toBe(50)
  expect(result.latencyMs.p50).toBeGreaterThan(0)
})

test('a closed loop sends as many as are answered', async () => {
  let open = 0
  const port = await serve(() => {
    open += 1
    return reply(200)
  })
  const result = await runLoad(planFor(port), { nowMs })
  expect(result.sent).toBe(result.ok)
  expect(result.ok).toBeGreaterThan(4)
  expect(open).toBeGreaterThanOrEqual(result.sent)
})

test('a server that stalls once is charged for every request that had to wait', async () => {
  let stalledMs = 0
  const port = await serve((n) => {
    if (n === 0) stalledMs = 200
    return reply(200)
  })
  const plan = planFor(port, { rate: 100, connections: 1, warmupMs: 0, durationMs: 300 })
  const result = await runLoad(plan, { nowMs: () => performance.now() + stalledMs })
  expect(result).toMatchObject({ sent: 30, ok: 30 })
  // 20 of the 30 were due during the stall, ever later: a tool that waited for the reply would have seen one slow request.
  expect(result.latencyMs.max).toBeGreaterThanOrEqual(199)
  expect(result.latencyMs.p50).toBeGreaterThan(40)
})

test('replies are counted by what they say: shed, failed, closed and none at all', async () => {
  const port = await serve((n) => {
    if (n < 10) return reply(200)
    if (n < 14) return reply(429)
    if (n < 16) return reply(503)
    if (n < 19) return reply(500)
    if (n < 20) return null
    if (n < 21) return 'SSH-2.0-OpenSSH\r\n\r\n'
    if (n < 22) return undefined
    return reply(200)
  })
  const plan = planFor(port, { rate: 200, warmupMs: 0, timeoutMs: 400 })
  const result = await runLoad(plan, { nowMs })
  expect(result).toMatchObject({
    sent: 40,
    ok: 28,
    shed: 6,
    errors: { status: 3, timeout: 1, connection: 2 },
    statuses: { 429: 4, 503: 2, 500: 3 },
  })
  expect(result.latencyMs.max).toBeGreaterThanOrEqual(400)
})

test('a server that closes after each reply is met again, and the replies count', async () => {
  const port = await serve((_n, socket) => {
    socket.end(reply(200, 'connection: close\r\n'))
    return undefined
  })
  expect(await runLoad(planFor(port, { rate: 100 }), { nowMs })).toMatchObject({ sent: 20, ok: 20, errors: noErrors })
})

test('a body that ends with the connection is a whole reply', async () => {
  const port = await serve((_n, socket) => {
    socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end')
    return undefined
  })
  expect(await runLoad(planFor(port, { rate: 50, connections: 20 }), { nowMs })).toMatchObject({ ok: 10, errors: noErrors })
})

test('where nobody listens, every request that was due is counted as timed out', async () => {
  const port = await serve(() => undefined)
  await new Promise((resolve) => servers.pop()!.close(resolve))
  const result = await runLoad(planFor(port, { rate: 100, timeoutMs: 100 }), { nowMs })
  expect(result).toMatchObject({ sent: 0, ok: 0, achieved: 0, errors: { ...noErrors, timeout: 20 } })
})

test('a person who stops it gets what was measured until then', async () => {
  const stop = new AbortController()
  const port = await serve((n) => {
    if (n === 20) stop.abort()
    return reply(200)
  })
  const result = await runLoad(planFor(port, { rate: 200, warmupMs: 0, durationMs: 600_000 }), { nowMs, stop: stop.signal })
  expect(result.ok).toBeGreaterThanOrEqual(20)
  expect(result.elapsedMs).toBeLessThan(600_000)
})
