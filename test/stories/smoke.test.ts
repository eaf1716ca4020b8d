import fs from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { deployModel, openWorld, type World } from '../world.ts'

let world: World
let person: Person
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  person = createPerson({ url: world.url, token: await world.token('operator') })
})
afterAll(async () => {
  person.close()
  await world.close()
})

const statusOf = (out: string) =>
  Object.fromEntries((JSON.parse(out).checks as { name: string; status: string }[]).map(({ name, status }) => [name, status]))
const names = [
  'server is ready',
  'deployment is ready',
  'metadata',
  'prediction',
  'latency',
  'unknown field is refused',
  'unknown feature is refused',
  'missing key is refused',
  'wrong key is refused',
]

test('a deployment that is well passes every check, on the screen and in a file', async () => {
  const run = await person.run('smoke', 'churn', '--output', 'smoke.json')
  expect([run.code, run.notes]).toEqual([0, ''])
  expect(run.out).toContain('9 of 9 checks passed')
  const report = JSON.parse(fs.readFileSync(path.join(person.folder, 'smoke.json'), 'utf8'))
  expect(report).toMatchObject({ endpoint: world.url, model: 'churn', total: 9, passed: 9, failed: 0 })
  expect(statusOf(JSON.stringify(report))).toEqual(Object.fromEntries(names.map((name) => [name, 'passed'])))
})

test('each round is a prediction of its own', async () => {
  const run = await person.run('smoke', 'churn', '--rounds', '3', '--row', 'a=0.9', 'b=nan', '--json')
  expect(JSON.parse(run.out)).toMatchObject({ total: 13, passed: 13 })
  expect(run.out).toMatch(/prediction, round 3/)
})

test('a bound that no server could keep, a row without a feature, a name that is not there: each fails its own checks', async () => {
  const slow = await person.run('smoke', 'churn', '--max-latency-ms', '0.001', '--json')
  expect(slow.code).toBe(1)
  expect(statusOf(slow.out)).toMatchObject({ prediction: 'passed', latency: 'failed' })
  const partial = await person.run('smoke', 'churn', '--row', 'a=1', '--json')
  expect(statusOf(partial.out)).toMatchObject({ metadata: 'passed', prediction: 'failed' })
  const absent = await person.run('smoke', 'nothing', '--json')
  expect([absent.code, statusOf(absent.out)]).toMatchObject([
    1,
    { 'server is ready': 'passed', 'deployment is ready': 'failed', metadata: 'failed', prediction: 'failed', latency: 'failed' },
  ])
})

test('a key that may not predict is told so', async () => {
  const run = await person.run('smoke', 'churn', '--token', await world.token('viewer'), '--json')
  expect(run.code).toBe(1)
  expect(JSON.parse(run.out).checks.find(({ name }: { name: string }) => name === 'prediction').reason).toMatch(/^answered 403, not 200/)
})

test('an open server is asked for no key, and that check is not counted', async () => {
  const open = await openWorld({ SETPOINT_OPEN: 'true' })
  try {
    await deployModel(open)
    const run = await person.run('smoke', 'churn', '--url', open.url, '--token', '', '--json')
    expect([run.code, JSON.parse(run.out)]).toMatchObject([0, { total: 8, passed: 8 }])
    expect(statusOf(run.out)).toMatchObject({ 'missing key is refused': 'skipped', 'wrong key is refused': 'passed' })
  } finally {
    await open.close()
  }
})

test('a server that takes everything, says nothing or is not there fails', async () => {
  const server = createServer((request, response) => {
    if (request.url!.endsWith('/ready')) response.end(JSON.stringify({ ready: true }))
    else if (request.method === 'GET') response.end('{}')
    else request.resume().on('end', () => response.end('{"score":1}'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const run = await person.run('smoke', 'churn', '--url', url, '--json')
  expect(run.code).toBe(1)
  expect(statusOf(run.out)).toEqual({
    ...Object.fromEntries(names.map((name) => [name, 'failed'])),
    'server is ready': 'passed',
    'deployment is ready': 'passed',
    latency: 'passed',
  })
  expect(run.out).toContain('the reply lacks id, model_version, prediction, timestamp')
  await new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  const gone = await person.run('smoke', 'churn', '--url', url, '--json')
  expect([gone.code, JSON.parse(gone.out)]).toMatchObject([1, { total: 9, failed: 9 }])
})

test.each([
  [['--rounds', '0'], '--rounds: "0" is no count'],
  [['--rounds', '100000'], '--rounds: at most 10000'],
  [['--timeout', 'long'], '--timeout: "long" is no length of time'],
  [['--max-latency-ms', 'none'], '--max-latency-ms: "none" is not taken'],
  [['--row', 'a'], '--row: "a" is not name=number'],
])('%j is refused before anything is sent', async (words, message) => {
  const run = await person.run('smoke', 'churn', ...words)
  expect([run.code, run.out]).toEqual([2, ''])
  expect(run.notes).toContain(message)
})
