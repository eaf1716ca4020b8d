import { expect, test } from 'vitest'
import { decodeInferResponse, encodeInferRequest } from './oip-message.ts'
import type { Tensor } from './tensor.ts'

const tensors: Tensor[] = [
  { name: 'x', datatype: 'FP32', shape: [1, 3], data: Float32Array.of(1.5, -2, Number.NaN) },
  { name: 'wide', datatype: 'INT64', shape: [2], data: BigInt64Array.of(9_007_199_254_740_993n, -1n) },
  { name: 'text', datatype: 'BYTES', shape: [2], data: [Buffer.from('ç'), Buffer.from('')] },
  { name: 'yes', datatype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) },
]
/** A response has the form of a request, under another name. */
const asResponse = (body: Uint8Array, headerLength: number | undefined) => {
  const length = headerLength ?? body.length
  const header = Buffer.from(Buffer.from(body.subarray(0, length)).toString('utf8').replace('"inputs"', '"outputs"'))
  return { body: Buffer.concat([header, body.subarray(length)]), headerLength: headerLength && header.length }
}
const plain = (all: readonly Tensor[]) =>
  all.map(({ data, ...rest }) => ({
    ...rest,
    data: Array.from(data as never[], (v) => ((v as unknown) instanceof Uint8Array ? Buffer.from(v).toString() : v)),
  }))

test.each([false, true])('tensors come back as they were sent, binary: %s', (binary) => {
  const { body, headerLength } = encodeInferRequest(tensors, [], binary)
  expect(headerLength === undefined).toBe(!binary)
  expect(plain(decodeInferResponse(asResponse(body, headerLength)))).toEqual(plain(tensors))
})

test('wanted outputs are named', () => {
  const { body } = encodeInferRequest(tensors.slice(0, 1), ['y', 'z"'], false)
  expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ outputs: [{ name: 'y' }, { name: 'z"' }] })
})

test.each([
  ['no JSON', 'oops', /no JSON/],
  ['no outputs', '{"model_name":"m"}', /no list of outputs/],
  ['an unknown datatype', '{"outputs":[{"name":"y","datatype":"FP8","shape":[1],"data":[1]}]}', /unknown datatype/],
  ['a negative length', '{"outputs":[{"name":"y","datatype":"FP32","shape":[-1],"data":[1]}]}', /no list of at most/],
  ['too few values', '{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1]}]}', /needs 2 values/],
  [
    'bytes that are not there',
    '{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}',
    /0 are left/,
  ],
])('an answer with %s is refused', (_name, text, message) => {
  expect(() => decodeInferResponse({ body: Buffer.from(text), headerLength: undefined })).toThrow(message)
})
