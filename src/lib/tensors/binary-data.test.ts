import { expect, test } from 'vitest'
import { binaryFromData, dataFromBinary } from './binary-data.ts'
import { type Datatype, datatypeBytes } from './tensor.ts'

const read = (datatype: Datatype, bytes: Uint8Array, elements: number) => dataFromBinary({ name: 'x', datatype, elements }, bytes)

test('every datatype of a fixed size goes to bytes and back, from any place in memory', () => {
  for (const [datatype, size] of Object.entries(datatypeBytes) as [Datatype, number][]) {
    if (size === 0) continue
    for (const offset of [0, 1, 3]) {
      const bytes = new Uint8Array(offset + size * 3)
      for (let i = offset; i < bytes.length; i++) bytes[i] = datatype === 'BOOL' ? i % 2 : (i * 37) % 251
      const sent = bytes.subarray(offset)
      expect(Buffer.from(binaryFromData(datatype, read(datatype, sent, 3)))).toEqual(Buffer.from(sent))
    }
  }
})

test('BYTES go to bytes and back, empty ones too', () => {
  const elements = [Buffer.from('one'), new Uint8Array(0), Uint8Array.of(0xff, 0)]
  const bytes = binaryFromData('BYTES', elements)
  expect(bytes.length).toBe(4 * 3 + 5)
  expect((read('BYTES', bytes, 3) as Uint8Array[]).map((one) => [...one])).toEqual(elements.map((one) => [...one]))
})

test.each<[string, Datatype, number[], number, string]>([
  ['a byte too few', 'FP32', [0, 0, 0], 1, '1 values of FP32 take 4 bytes; 3 were sent'],
  ['a byte too many', 'INT16', [0, 0, 0], 1, 'take 2 bytes; 3 were sent'],
  ['a truth value of 2', 'BOOL', [2], 1, 'a byte of 0 or 1'],
  ['a length that is cut off', 'BYTES', [0, 0, 0, 0, 1, 0], 1, 'the length of value 1 is cut off'],
  ['a length beyond the end', 'BYTES', [9, 0, 0, 0, 1], 1, 'should have 9 bytes; 1 are left'],
  ['a length of 4 GiB', 'BYTES', [255, 255, 255, 255], 1, 'should have 4294967295 bytes'],
  ['an element too many', 'BYTES', [0, 0, 0, 0, 0, 0, 0, 0], 1, 'the shape needs 1 values; 2 were sent'],
  ['a claim beyond what was sent', 'BYTES', [0, 0, 0, 0], 2 ** 40, 'take at least'],
])('%s is refused', (_name, datatype, bytes, elements, message) => {
  expect(() => read(datatype, Uint8Array.from(bytes), elements)).toThrow(message)
})
