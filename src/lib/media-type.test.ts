import { expect, test } from 'vitest'
import { mediaTypeOf } from './media-type.ts'

test.each([
  ['a.txt', 'text/plain'],
  ['b.pkl', 'application/octet-stream'],
  ['deep/c.png', 'image/png'],
  ['d.PDF', 'application/pdf'],
  ['deep/MLmodel', 'text/plain'],
  ['mlproject', 'text/plain'],
  ['constructor', 'application/octet-stream'],
  ['a.__proto__', 'application/octet-stream'],
  ['', 'application/octet-stream'],
])('%s is %s', (name, type) => {
  expect(mediaTypeOf(name)).toBe(type)
})
