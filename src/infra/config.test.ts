import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { childEnvironment, printableConfig, readClientSettings, readConfig, readSecret } from './config.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-config-'))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))
const absent = path.join(folder, 'absent.yaml')

function fileOf(text: string): string {
  const file = path.join(fs.mkdtempSync(path.join(folder, 'case-')), 'setpoint.yaml')
  fs.writeFileSync(file, text)
  return file
}
function problemsOf(environment: Record<string, string>, file = absent): readonly string[] {
  try {
    readConfig({ environment, file })
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid' })
    return (error as { details: { problems: string[] } }).details.problems
  }
  return []
}

test('nothing set is a whole configuration', () => {
  expect(readConfig({ environment: {}, file: absent })).toMatchObject({
    data: path.resolve('.setpoint'),
    host: '127.0.0.1',
    port: 7_300,
    node: 'main',
    logLevel: 'info',
    bodyLimitBytes: 8 * 1024 * 1024,
  })
})

test('the file sets, the environment overrides, and an empty file sets nothing', () => {
  const file = fileOf('port: 8000\nnode: a\n')
  expect(readConfig({ environment: { SETPOINT_NODE: 'b' }, file })).toMatchObject({ port: 8_000, node: 'b' })
  expect(readConfig({ environment: {}, file: fileOf('') }).port).toBe(7_300)
})

test.each<[string, string, object]>([
  ['SETPOINT_SQL_URL', 'postgresql://h/d', { sqlUrl: 'postgresql://h/d' }],
  ['SETPOINT_SQL_URL', 'postgres://h/d', { sqlUrl: 'postgres://h/d' }],
  ['SETPOINT_COLUMNS_URL', 'https://h:8443/d', { columnsUrl: 'https://h:8443/d' }],
  ['SETPOINT_BLOBS_URL', 's3://bucket', { blobsUrl: 's3://bucket' }],
  ['SETPOINT_BUS_URL', 'nats://h:4222', { busUrl: 'nats://h:4222' }],
  ['SETPOINT_S3_ACCESS_KEY_ID', 'k', { s3AccessKeyId: 'k' }],
  ['SETPOINT_PORT', '0', { port: 0 }],
  ['SETPOINT_PORT', '65535', { port: 65_535 }],
  ['SETPOINT_SPOOL_LIMIT_BYTES', '1', { spoolLimitBytes: 1 }],
])('%s=%s is taken', (variable, value, expected) => {
  expect(readConfig({ environment: { [variable]: value }, file: absent })).toMatchObject(expected)
})

test.each([
  ['SETPOINT_SQL_URL', 'mysql://h', 'sqlUrl'],
  ['SETPOINT_COLUMNS_URL', 'tcp://h', 'columnsUrl'],
  ['SETPOINT_BLOBS_URL', 'https://bucket', 'blobsUrl'],
  ['SETPOINT_BUS_URL', 'http://h', 'busUrl'],
  ['SETPOINT_PORT', '65536', 'port'],
  ['SETPOINT_PORT', '-1', 'port'],
  ['SETPOINT_PORT', 'many', 'port'],
  ['SETPOINT_NODE', 'No Node', 'node'],
  ['SETPOINT_LOG_LEVEL', 'loud', 'logLevel'],
  ['SETPOINT_BODY_LIMIT_BYTES', '0', 'bodyLimitBytes'],
  ['SETPOINT_COLOUR', 'red', 'SETPOINT_COLOUR'],
])('%s=%s is refused by its name', (variable, value, name) => {
  const problems = problemsOf({ [variable]: value })
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(new RegExp(`^${name}: `))
})

test('every problem is reported at once, those of the file too', () => {
  expect(problemsOf({ SETPOINT_PORT: 'many', SETPOINT_COLOUR: 'red', SETPOINT_SQL_URL: 'x' }, fileOf('colour: red\n'))).toHaveLength(4)
  expect(problemsOf({}, fileOf('- a list\n'))).toEqual([expect.stringContaining('"name: value" lines')])
  expect(problemsOf({}, fileOf('port: [1\n'))).toHaveLength(1)
})

test('what the command line and trainers read is no mistake', () => {
  const environment = { SETPOINT_URL: 'http://h', SETPOINT_TOKEN: 't', SETPOINT_PROJECT: 'p', SETPOINT_PROFILE: 'q' }
  expect(problemsOf(environment)).toEqual([])
  expect(readClientSettings({ ...environment, XDG_CONFIG_HOME: '/c' })).toEqual({
    url: 'http://h',
    token: 't',
    project: 'p',
    profile: 'q',
    profilesFile: path.join('/c', 'setpoint', 'profiles.yaml'),
  })
})

test('nothing that holds a credential is printed', () => {
  const environment = {
    SETPOINT_SQL_URL: 'postgresql://u:hidden@h/d',
    SETPOINT_COLUMNS_URL: 'https://u:hidden@h/d',
    SETPOINT_BUS_URL: 'nats://u:hidden@h',
    SETPOINT_S3_ACCESS_KEY_ID: 'hidden',
    SETPOINT_S3_SECRET_ACCESS_KEY: 'hidden',
  }
  const printed = printableConfig(readConfig({ environment, file: absent }))
  expect(JSON.stringify(printed)).not.toContain('hidden')
  expect(printed).toMatchObject({ sqlUrl: '[secret]', port: 7_300 })
  expect(printableConfig(readConfig({ environment: {}, file: absent })).sqlUrl).toBeUndefined()
})

test('a child process gets what programs need and none of the server’s settings', () => {
  expect(childEnvironment({ PATH: '/bin', TZ: 'UTC', SETPOINT_SQL_URL: 'x', AWS_SECRET: 'y' })).toEqual({ PATH: '/bin', TZ: 'UTC' })
  expect([readSecret('HOOK', { HOOK: 's' }), readSecret('HOOK', {})]).toEqual(['s', undefined])
})

test('the port of gRPC is a number, off, or left to the server', () => {
  const portOf = (text?: string) =>
    readConfig({ environment: text === undefined ? {} : { SETPOINT_GRPC_PORT: text }, file: '/nowhere/setpoint.yaml' }).grpcPort
  expect([portOf(), portOf('off'), portOf('0'), portOf('7400')]).toEqual([undefined, 'off', 0, 7_400])
  expect(() => portOf('on')).toThrow('grpcPort')
})
