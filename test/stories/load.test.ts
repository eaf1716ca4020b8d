import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { artifacts } from '../../src/contract/artifacts.ts'
import { documents } from '../../src/contract/documents.ts'
import { gates } from '../../src/contract/gates.ts'
import { labels } from '../../src/contract/labels.ts'
import { LoadReport } from '../../src/contract/load-report.ts'
import { deployModel, deployment, modelWithCut, openWorld, predict, registerModel, rowsOf, type World } from '../world.ts'

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

const short = ['--duration', '500ms', '--warmup', '50ms', '--connections', '4']
const load = (...words: string[]) => person.run('load', 'churn', ...short, ...words)

test.each([
  ['rows of the model’s features', ['--protocol', 'oip', '--rows', '8']],
  ['one row by its names', ['--protocol', 'v1']],
  ['a row of one’s own', ['--row', 'a=0.25', 'b=NaN']],
])('a deployment is loaded with %s, every request answered', async (_name, words) => {
  const run = await load('--rate', '10', '--json', ...words)
  expect([run.code, run.notes]).toEqual([0, ''])
  const report = LoadReport.parse(JSON.parse(run.out))
  expect(report).toMatchObject({ deployment: 'churn', model: 'churn', version: 1, rate: 10, sent: 5, ok: 5, shed: 0, verdict: 'pass' })
  expect(report.errors).toEqual({ status: 0, timeout: 0, connection: 0 })
})

test('a file of one’s own is sent as it is; what the server refuses makes the load fail', async () => {
  person.write('body.json', JSON.stringify({ inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 2], data: [0.1, 0.2] }] }))
  person.write('wrong.json', JSON.stringify({ inputs: [] }))
  expect((await load('--rate', '10', '--body', 'body.json')).code).toBe(0)
  const run = await load('--rate', '10', '--body', 'wrong.json', '--json')
  expect(run.code).toBe(1)
  expect(JSON.parse(run.out)).toMatchObject({ ok: 0, statuses: { 400: 5 }, errorRate: 1, verdict: 'fail' })
})

test('a closed loop reports for people; a bound that no server could keep fails it', async () => {
  const run = await load('--max-p99-ms', '0.001')
  expect([run.code, run.notes]).toEqual([1, ''])
  expect(run.out).toMatch(/load {10}4 connections, closed loop, 1 row\(s\) each/)
  expect(run.out).toMatch(/verdict {7}fail; the 99th percentile is \d+\.\d ms; at most 0\.001 ms is allowed/)
})

test('what a deployment refuses to carry is shed, apart from errors', async () => {
  await world.admin.call(documents.apply, { documents: [deployment('narrow', 'churn', { limits: { requestsPerSecond: 5 } })] })
  await world.settle()
  const run = await person.run('load', 'narrow', ...short, '--rate', '100', '--json')
  expect(run.code).toBe(1)
  const report = JSON.parse(run.out)
  expect(report.shed).toBeGreaterThan(30)
  expect(report).toMatchObject({ sent: 50, ok: 50 - report.shed, statuses: { 429: report.shed }, errorRate: 0 })
})

test('the highest rate under a bound is found, and every step is told', async () => {
  await world.admin.call(documents.apply, { documents: [deployment('wide', 'churn')] })
  await world.settle()
  const run = await person.run('load', 'wide', '--step', '--max-p99-ms', '0.001', ...short, '--rate', '20', '--json')
  const report = LoadReport.parse(JSON.parse(run.out))
  expect([run.code, report.verdict]).toEqual([1, 'fail'])
  expect(report.steps!.map(({ rate, held }) => [rate, held])).toEqual([20, 10, 5, 2.5, 1.25].map((rate) => [rate, false]))
  expect(run.notes).toContain('20.0 requests a second: the 99th percentile')
})

test.each([
  [['--rate', 'fast'], '--rate: "fast" is not taken'],
  [['--rate', '-1'], '--rate: "-1" is not taken'],
  [['--duration', 'soon'], '--duration: "soon" is no length of time'],
  [['--connections', '0'], '--connections: "0" is no count'],
  [['--connections', '100000'], '--connections: at most 10000'],
  [['--protocol', 'v3'], '--protocol: "v3" is none of v1, oip, oip-binary'],
  [['--protocol', 'v1', '--rows', '2'], '--rows: protocol v1 carries one row'],
  [['--row', 'a=1'], '--row: missing b'],
  [['--row', 'a=1', 'b=2', 'c=3'], '--row: unknown c'],
  [['--row', 'a=1', 'b=two'], '--row: b=two is no number'],
  [['--body', 'none.json'], '--body: there is no file none.json'],
  [['--body', 'x.json', '--row', 'a=1'], '--body and --row'],
  [['--step'], '--step looks for the highest rate under a bound'],
  [['--max-error-rate', '2'], '--max-error-rate: "2" is not taken'],
])('%j is refused before anything is sent', async (words, message) => {
  const run = await load(...words)
  expect([run.code, run.out]).toEqual([2, ''])
  expect(run.notes).toContain(message)
})

test('a gate asks for a load test of the challenger’s own file, wherever that file is served', async () => {
  const challenger = modelWithCut(0.52)
  await registerModel(world.admin, 'churn', challenger)
  await registerModel(world.admin, 'churn-staging', challenger, { alias: 'champion' })
  const gate = (maxP99Ms: number) => ({
    apiVersion: 'setpoint/v1',
    kind: 'Gate',
    metadata: { name: 'loaded' },
    spec: { metric: 'error_rate', require: 'not_worse', margin: 0.2, minRows: 100, load: { maxP99Ms, minRate: 8, withinMs: 60_000 } },
  })
  await world.admin.call(documents.apply, { documents: [deployment('churn-staging'), gate(60_000)] })
  const rows = rowsOf(world.random, 400)
  await predict(world, await world.token('operator'), 'churn', rows, 'gate')
  await world.admin.call(labels.recordLabels, {
    deployment: 'churn',
    labels: rows.map(({ label }, i) => ({ recordId: `gate-${i}`, label })),
  })
  await world.settle()
  world.clock.advance(1_000)
  const ask = () =>
    world.admin.call(gates.evaluateGate, { gate: 'loaded', deployment: 'churn', challenger: 2, fromMs: 0, toMs: world.clock.now() })

  expect(await ask()).toMatchObject({ verdict: 'insufficient_data', reason: expect.stringMatching(/^load: no report is young enough/) })
  const run = await person.run('load', 'churn-staging', ...short, '--rate', '10', '--save', '--json')
  expect([run.code, run.notes]).toEqual([0, expect.stringMatching(/^saved as load\/churn-staging\/.*\.json and as evidence evid_/)])
  const [evidence] = await world.admin.call(gates.listEvidence, { model: 'churn-staging' })
  expect(evidence!.report).toEqual(JSON.parse(run.out))
  const { path } = (await world.admin.call(artifacts.listFiles, { folder: 'load/churn-staging' }))[0]!
  expect(await (await world.admin.download(artifacts.downloadFile, { path })).json()).toEqual(JSON.parse(run.out))
  const passed = await ask()
  expect(passed.verdict).toBe('pass')
  expect(passed.checks.at(-1)).toMatchObject({ name: 'load', metric: 'p99_ms', rows: 5, outcome: 'pass' })

  await world.admin.call(documents.apply, { documents: [gate(0.001)] })
  expect(await ask()).toMatchObject({
    verdict: 'refuse',
    reason: expect.stringMatching(/load: p99 .* on 5 requests; 99 % of replies within 0\.001 ms/),
  })
  await world.admin.call(documents.apply, { documents: [gate(60_000)] })
  await world.settle()
  world.clock.advance(61_000)
  expect((await ask()).checks.at(-1)).toMatchObject({ name: 'load', outcome: 'insufficient_data' })
})

test('evidence is of a version that exists, a file that is stored and a test that ran to its end', async () => {
  const { report, artifact } = (await world.admin.call(gates.listEvidence, {}))[0]!
  const record = (given: object, digest = artifact) =>
    world.admin.call(gates.recordEvidence, { report: { ...report, ...given }, artifact: digest })
  await expect(record({ version: 9 })).rejects.toMatchObject({ code: 'not_found' })
  await expect(record({}, '0'.repeat(64))).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringMatching(/upload the report first/),
  })
  await expect(record({ interrupted: true })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/stopped before its end/),
  })
})
