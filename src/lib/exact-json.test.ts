import { expect, test } from 'vitest'
import { kindOfValue, parseExactly, sortedJson } from './exact-json.ts'

test.each(['{"a":1.0,"b":[12345678901234567890,-0.0,1e3,2.5],"c":"1.0"}', '1.0', 'null', '"x"'])('%s comes out as it went in', (text) => {
  expect(JSON.stringify(parseExactly(text))).toBe(text)
})

test('equal values have equal text, whatever the order of their keys', () => {
  expect(sortedJson(parseExactly('{"b":{"y":1,"x":2.0},"a":[]}'))).toBe('{"a":[],"b":{"x":2.0,"y":1}}')
})

test('says what kind a value is', () => {
  const kinds = parseExactly('[null, true, 1, 1.0, 12345678901234567890, 2.5, "x", [], {}]') as unknown[]
  expect(kinds.map(kindOfValue)).toEqual(['null', 'boolean', 'integer', 'float', 'integer', 'float', 'string', 'array', 'object'])
})
