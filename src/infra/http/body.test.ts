import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fieldsFromQuery, parseJson, readBody } from './body.ts'

const LIMIT = 100
const seen: Promise<Buffer>[] = []
const server = http.createServer((request: IncomingMessage, response) => {
  const read = readBody(request, LIMIT)
  seen.push(read)
  read.then(
    (body) => response.end(String(body.length)),
    (error: { code: string }) => response.writeHead(400).end(error.code),
  )
})
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => server.close())

/** Sends a body in pieces; with its length declared only where that is asked for. */
async function send(pieces: readonly string[], headers: Record<string, string | number> = {}): Promise<string> {
  const { port } = server.address() as AddressInfo
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', headers, agent: false })
  for (const piece of pieces) request.write(piece)
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

test.each<[string, readonly string[], string]>([
  ['nothing', [], '0'],
  ['one piece', ['x'.repeat(40)], '40'],
  ['many pieces', ['x'.repeat(40), 'y'.repeat(40)], '80'],
  ['exactly the limit', ['x'.repeat(LIMIT)], '100'],
  ['one byte more', ['x'.repeat(LIMIT), 'y'], 'too_large'],
])('a body of %s', async (_name, pieces, answer) => {
  expect(await send(pieces)).toBe(answer)
})

test('a declared length above the limit is refused before the body comes', async () => {
  expect(await send(['x'.repeat(LIMIT + 1)], { 'content-length': LIMIT + 1 })).toBe('too_large')
})

test('a client that goes away half-way cancels the read', async () => {
  const { port } = server.address() as AddressInfo
  const arrived = once(server, 'request')
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': 50 }, agent: false })
  request.on('error', () => {})
  request.write('half')
  await arrived
  const reading = seen.at(-1)!
  request.destroy()
  await expect(reading).rejects.toMatchObject({ code: 'cancelled' })
})

test.each<[string, unknown]>([
  ['', {}],
  ['{"a":[1,null]}', { a: [1, null] }],
  ['"text"', 'text'],
])('JSON %j', (text, value) => {
  expect(parseJson(Buffer.from(text))).toEqual(value)
})

test.each(['{', '{"a":1}}', 'NaN', '{a:1}'])('%j is not JSON', (text) => {
  expect(() => parseJson(Buffer.from(text))).toThrow(/the body is not JSON/)
})

test.each<[string, object]>([
  ['', {}],
  ['?a=1&b=two', { a: '1', b: 'two' }],
  ['?a=1&a=2&a=3', { a: ['1', '2', '3'] }],
  ['?a=&b', { a: '', b: '' }],
  ['?a=%C3%BC+x', { a: 'ü x' }],
])('query %s', (search, fields) => {
  expect({ ...fieldsFromQuery(search) }).toEqual(fields)
})

test('a field may be called as something every object has', () => {
  expect(Object.entries(fieldsFromQuery('?__proto__=1&constructor=2'))).toEqual([
    ['__proto__', '1'],
    ['constructor', '2'],
  ])
})
