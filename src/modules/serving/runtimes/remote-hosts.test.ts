import { expect, test } from 'vitest'
import { checkHost, headersFromEnvironment } from './remote-hosts.ts'

const hosts = ['localhost:8000', '*.models.internal', 'triton', '*.tls.example:443', '[::1]:9000']

test.each([
  'http://localhost:8000/v2',
  'http://a.models.internal:99',
  'https://a.b.models.internal',
  'http://triton',
  'http://TRITON:8000',
  'https://x.tls.example',
  'http://[::1]:9000',
])('%s may be called', (url) => {
  expect(() => checkHost(new URL(url), hosts)).not.toThrow()
})

test.each([
  'http://localhost:8001',
  'http://localhost',
  'http://models.internal',
  'http://evilmodels.internal',
  'http://a.models.internal.evil.com',
  'http://triton.evil.com',
  'http://x.tls.example',
  'http://169.254.169.254',
])('%s may not, and the setting is named', (url) => {
  expect(() => checkHost(new URL(url), hosts)).toThrow(/remoteHosts \(SETPOINT_REMOTE_HOSTS=/)
})

test('a URL carries no credentials', () => {
  expect(() => checkHost(new URL('http://me:secret@triton'), hosts)).toThrow(/headersFrom/)
})

test('headers come from variables that are set, and never from settings of this server', () => {
  const environment: Record<string, string> = { TRITON_AUTH: 'Bearer x', SETPOINT_SQL_URL: 'postgresql://secret' }
  const read = (name: string) => environment[name]
  expect(headersFromEnvironment({ Authorization: 'TRITON_AUTH' }, read)).toEqual({ authorization: 'Bearer x' })
  expect(() => headersFromEnvironment({ authorization: 'NOT_SET' }, read)).toThrow(/no NOT_SET/)
  expect(() => headersFromEnvironment({ authorization: 'SETPOINT_SQL_URL' }, read)).toThrow(/sent nowhere/)
  expect(() => headersFromEnvironment({ Host: 'TRITON_AUTH' }, read)).toThrow(/connection/)
})
