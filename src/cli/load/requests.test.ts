import { expect, test } from 'vitest'
import { bodyFromWords, generatedBodies, requestsFor, targetOf } from './requests.ts'

const features = ['a', 'b']
const connection = { url: 'http://models.example:8080/p/risk/', token: 'sp_key', project: 'risk' }

test('a binary body is the protocol’s: JSON that says how many bytes follow, then the values, little-endian', () => {
  const { bytes, headers } = bodyFromWords('oip-binary', features, ['a=1.5', 'b=nan'], 3)
  const length = Number(headers['inference-header-content-length'])
  const { inputs } = JSON.parse(bytes.subarray(0, length).toString('utf8'))
  expect(inputs).toEqual([{ name: 'features', datatype: 'FP32', shape: [3, 2], parameters: { binary_data_size: 24 } }])
  const data = bytes.subarray(length)
  expect(data.length).toBe(24)
  const values = Array.from({ length: 6 }, (_, i) => new DataView(data.buffer, data.byteOffset).getFloat32(i * 4, true))
  expect(values).toEqual([1.5, Number.NaN, 1.5, Number.NaN, 1.5, Number.NaN])
})

test('in JSON a value that is not known is null', () => {
  expect(JSON.parse(bodyFromWords('oip', features, ['a=1.5', 'b='], 1).bytes.toString('utf8')).inputs[0].data).toEqual([1.5, null])
})

test('a request is whole, addressed and keyed, and its length is that of its body', () => {
  const [first, second] = requestsFor(connection, 'churn', 'oip', generatedBodies('oip', features, 2))
  const [head, body] = first!.toString('utf8').split('\r\n\r\n') as [string, string]
  expect(head.split('\r\n').sort()).toEqual(
    [
      'POST /p/risk/v2/models/churn/infer HTTP/1.1',
      'authorization: Bearer sp_key',
      `content-length: ${body.length}`,
      'content-type: application/json',
      'host: models.example:8080',
      'user-agent: setpoint-load',
      'x-setpoint-project: risk',
    ].sort(),
  )
  expect(JSON.parse(body).inputs[0]).toMatchObject({ shape: [2, 2], datatype: 'FP32' })
  expect(second!.equals(first!)).toBe(false)
})

test('a key cannot bring a header of its own', () => {
  const bodies = generatedBodies('oip', features, 1)
  expect(() => requestsFor({ ...connection, token: 'x\r\nhost: evil' }, 'churn', 'oip', bodies)).toThrow(/authorization/)
})

test.each([
  ['http://127.0.0.1:7300', { host: '127.0.0.1', port: 7_300, secure: false, path: '' }],
  ['https://models.example', { host: 'models.example', port: 443, secure: true, path: '' }],
  ['http://[::1]:80/base/', { host: '::1', port: 80, secure: false, path: '/base' }],
])('%s is understood', (url, target) => {
  expect(targetOf(url)).toMatchObject(target)
})
