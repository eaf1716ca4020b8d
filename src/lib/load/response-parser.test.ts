import { expect, test } from 'vitest'
import { createRandom } from '../random.ts'
import { createResponseParser } from './response-parser.ts'

type Reply = readonly [status: number, closes: boolean]

/** What is read when `text` arrives in pieces of the given lengths, the last of them repeated. */
function read(text: string, sizes: readonly number[] = [text.length], ended = false): Reply[] {
  const replies: Reply[] = []
  const parser = createResponseParser((status, closes) => replies.push([status, closes]))
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = Math.max(1, sizes[Math.min(piece, sizes.length - 1)]!)
    parser.push(new Uint8Array(bytes.subarray(at, at + size)))
    at += size
  }
  if (ended) parser.end()
  return replies
}

const sized = (status: number, body: string, more = '') =>
  `HTTP/1.1 ${status} Some Words\r\nDate: now\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`
const chunked = (...chunks: string[]) =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.map((chunk) => `${chunk.length.toString(16)};a=b\r\n${chunk}\r\n`).join('')}0\r\nTrailer: x\r\n\r\n`

test.each<[string, string, Reply[]]>([
  ['a body by its length', sized(200, '{"a":1}'), [[200, false]]],
  ['an empty body', sized(429, ''), [[429, false]]],
  ['a body that looks like a reply', sized(200, 'HTTP/1.1 500 Oh\r\n\r\n'), [[200, false]]],
  ['chunks', chunked('abc', 'x'.repeat(300), '\r\n\r\n'), [[200, false]]],
  [
    'no body by its status',
    'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n',
    [
      [204, false],
      [304, false],
    ],
  ],
  ['an interim reply before the real one', `HTTP/1.1 100 Continue\r\n\r\n${sized(201, 'x')}`, [[201, false]]],
  [
    'several at once',
    sized(200, 'one') + chunked('two') + sized(503, 'three'),
    [
      [200, false],
      [200, false],
      [503, false],
    ],
  ],
  ['an announced end', sized(200, 'x', 'Connection: Close\r\n'), [[200, true]]],
  ['HTTP/1.0, which ends unless it says otherwise', 'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', [[200, true]]],
  ['a status without words', 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', [[200, false]]],
])('%s', (_name, text, replies) => {
  expect(read(text)).toEqual(replies)
  for (const size of [1, 2, 3, 7]) expect(read(text, [size])).toEqual(replies)
})

test('a body without a length lasts until the connection ends', () => {
  const text = 'HTTP/1.1 200 OK\r\n\r\nanything at all'
  expect(read(text)).toEqual([])
  expect(read(text, [5], true)).toEqual([[200, true]])
  expect(read('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort', [99], true)).toEqual([])
})

test.each([
  ['something else', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ['no status', 'HTTP/1.1 abc\r\n\r\n'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: 1x\r\n\r\n'],
  ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n'],
  ['a chunk size that is none', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
  ['a chunk longer than its size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
])('%s is refused', (_name, text) => {
  expect(() => read(text)).toThrow(SyntaxError)
  expect(() => read(text, [13])).toThrow(SyntaxError)
})

test('however replies are cut into pieces, the same is read', () => {
  const random = createRandom('pieces')
  for (let round = 0; round < 300; round++) {
    const parts = Array.from({ length: 1 + random.int(6) }, (): [string, Reply] => {
      const body = 'ab\r\n'.repeat(random.int(20))
      const status = random.choice([200, 404, 429, 500, 503])
      return random.bernoulli(0.5) ? [sized(status, body), [status, false]] : [chunked(body || 'z'), [200, false]]
    })
    const text = parts.map(([one]) => one).join('')
    const sizes = Array.from({ length: text.length }, () => 1 + random.int(40))
    expect(read(text, sizes)).toEqual(parts.map(([, reply]) => reply))
  }
})

test('whatever arrives is read to its end or refused, and nothing is made up', () => {
  const random = createRandom('garbage')
  const seed = sized(200, 'body') + chunked('chunk')
  let refused = 0
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(seed, 'latin1')
    for (let flips = 1 + random.int(8); flips > 0; flips--) bytes[random.int(bytes.length)] = random.int(256)
    try {
      const replies = read(bytes.toString('latin1'), [1 + random.int(60)], true)
      expect(replies.length).toBeLessThanOrEqual(2)
      for (const [status] of replies) expect(status >= 100 && status < 600).toBe(true)
    } catch (error) {
      expect(error).toBeInstanceOf(SyntaxError)
      refused += 1
    }
  }
  expect(refused).toBeGreaterThan(300)
})
