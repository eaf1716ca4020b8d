import { expect, test } from 'vitest'
import { fp16FromNumber } from './half.ts'
import { dataFromJson, jsonFromData } from './json-data.ts'
import type { Datatype } from './tensor.ts'

const read = (datatype: Datatype, data: readonly unknown[], elements = data.length) => dataFromJson({ name: 'x', datatype, elements }, data)

test.each<[Datatype, readonly unknown[], ArrayLike<unknown>]>([
  ['BOOL', [true, false, 1, 0], [1, 0, 1, 0]],
  ['INT8', [-128, 127], [-128, 127]],
  ['UINT8', [0, 255], [0, 255]],
  ['INT16', [-32_768, 32_767], [-32_768, 32_767]],
  ['UINT16', [65_535], [65_535]],
  ['INT32', [-2_147_483_648, 2_147_483_647], [-2_147_483_648, 2_147_483_647]],
  ['UINT32', [4_294_967_295], [4_294_967_295]],
  ['INT64', [-(2n ** 63n), 2n ** 63n - 1n, 5], [-(2n ** 63n), 2n ** 63n - 1n, 5n]],
  ['UINT64', [2n ** 64n - 1n, 0], [2n ** 64n - 1n, 0n]],
  ['FP32', [0.5, null, 1e300], [0.5, Number.NaN, Number.POSITIVE_INFINITY]],
  ['FP64', [0.1, 2n ** 60n], [0.1, 2 ** 60]],
])('%s is read in its whole range', (datatype, data, expected) => {
  expect(Array.from(read(datatype, data) as ArrayLike<unknown>)).toEqual(Array.from(expected))
})

test.each<[Datatype, readonly unknown[], string]>([
  ['INT8', [128], 'value 0 is 128; a whole number from -128 to 127'],
  ['UINT8', [0, -1], 'value 1 is -1'],
  ['INT16', [1.5], 'value 0 is 1.5'],
  ['INT32', [null], 'value 0 is null'],
  ['UINT32', [2 ** 32], 'value 0 is 4294967296'],
  ['INT64', [2n ** 63n], 'value 0 is 9223372036854775808'],
  ['INT64', [2 ** 60], 'value 0 is 1152921504606847000'],
  ['UINT64', [-1], 'a whole number from 0 to 18446744073709551615'],
  ['BOOL', [2], 'true or false is needed'],
  ['FP32', ['1'], 'value 0 is "1"; a number or null is needed'],
  ['FP64', [{}], 'value 0 is an object'],
  ['BYTES', [1], 'a text is needed'],
  ['FP16', [1], 'has no form in JSON'],
  ['BF16', [1], 'has no form in JSON'],
])('%s refuses what it cannot hold', (datatype, data, message) => {
  expect(() => read(datatype, data)).toThrow(message)
})

test('lists may be nested in any way, but not without end, and must have as many values as the shape', () => {
  expect(Array.from(read('INT8', [[1, 2], [[3]], [], 4], 4) as Int8Array)).toEqual([1, 2, 3, 4])
  expect(() => read('INT8', [1, 2], 3)).toThrow('needs 3 values; 2 were sent')
  expect(() => read('INT8', [1, 2], 2 ** 50)).toThrow('2 were sent')
  const deep = JSON.parse(`${'['.repeat(100_000)}1${']'.repeat(100_000)}`) as unknown[]
  expect(() => read('INT8', deep, 1)).toThrow('nested deeper')
})

test('elements are written as JSON that says the same', () => {
  const bytes = [Buffer.from('a"b'), Buffer.from('é')]
  expect(jsonFromData('BYTES', bytes)).toBe('["a\\"b","é"]')
  expect(jsonFromData('INT64', BigInt64Array.of(2n ** 62n, -1n))).toBe('[4611686018427387904,-1]')
  expect(jsonFromData('BOOL', Uint8Array.of(1, 0))).toBe('[true,false]')
  expect(jsonFromData('FP32', Float32Array.of(0.5, Number.NaN, Number.POSITIVE_INFINITY))).toBe('[0.5,null,null]')
  expect(jsonFromData('FP16', Uint16Array.of(fp16FromNumber(1.5)))).toBe('[1.5]')
  expect(jsonFromData('BF16', Uint16Array.of(0x3fc0))).toBe('[1.5]')
  expect(() => jsonFromData('BYTES', [Uint8Array.of(0xff)])).toThrow('element 0 is not UTF-8')
})
