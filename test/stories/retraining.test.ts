import { afterEach, beforeEach, expect, test } from 'vitest'
import { documents } from '../../src/contract/documents.ts'
import { labels } from '../../src/contract/labels.ts'
import { registry } from '../../src/contract/registry.ts'
import { retraining } from '../../src/contract/retraining.ts'
import { deployModel, openWorld, predict, rowsOf, type World } from '../world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
  await deployModel(world)
  const rows = rowsOf(world.random, 300)
  const token = await world.token('operator')
  for (let part = 0; part < 6; part++) {
    await predict(world, token, 'churn', rows.slice(part * 50, part * 50 + 50), `r${part}`)
    world.clock.advance(10)
  }
  await world.admin.call(labels.recordLabels, {
    deployment: 'churn',
    labels: rows.map(({ label }, i) => ({ recordId: `r${Math.floor(i / 50)}-${i % 50}`, label, source: 'desk' })),
  })
  world.clock.advance(1_000)
  await world.settle()
})
afterEach(() => world.close())

async function train(script: string, spec: object = {}) {
  await world.admin.call(documents.apply, {
    documents: [
      {
        apiVersion: 'setpoint/v1',
        kind: 'Trainer',
        metadata: { name: 't' },
        spec: {
          command: ['node', '-e', script],
          timeoutSeconds: 30,
          snapshot: { maxRows: 1_000, minRows: 50, holdOut: 0.2, includeReference: true },
          ...spec,
        },
      },
    ],
  })
  return await world.admin.call(retraining.startTraining, { trainer: 't', deployment: 'churn', reason: 'a test' })
}
const outcome = async (id: string) => {
  await world.settle()
  return await world.admin.call(retraining.getTraining, { id })
}

test('a trainer gets its snapshot, a key that is over afterwards, and nothing of the server’s own', async () => {
  const training = await train(`
    const fs = require('fs')
    const text = fs.readFileSync(process.env.SETPOINT_DATASET, 'utf8').trim().split('\\n')
    console.log(text[0], text.length - 1, process.env.SETPOINT_FEATURES, process.env.SETPOINT_DATA ?? 'no data folder')
    console.log('token=' + process.env.SETPOINT_TOKEN)
    fetch(process.env.SETPOINT_URL + '/api/v1/models', { headers: { authorization: 'Bearer ' + process.env.SETPOINT_TOKEN } }).then((r) => console.log('status', r.status))`)
  const ended = await outcome(training.id)
  expect(ended).toMatchObject({ state: 'failed', exitCode: 0, problem: expect.stringMatching(/registered no version/) })
  expect(ended.snapshot).toMatchObject({ referenceRows: 2_000, quarantinedRows: 0 })
  expect(ended.snapshot!.rows).toBeGreaterThan(150)
  const { text } = await world.admin.call(retraining.readLog, { id: training.id })
  expect(text).toContain(`a,b,label,current ${2_000 + ended.snapshot!.rows} a,b no data folder`)
  expect(text).toContain('status 200')
  const token = /token=(\S+)/.exec(text)![1]
  expect((await fetch(`${world.url}/api/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
})

test.each([
  ['a program that is not there', { command: ['no-such-program'] }, /cannot be started/],
  ['one that is killed', { command: ['node', '-e', 'process.kill(process.pid, "SIGKILL")'] }, /exit code null/],
  [
    'one that runs too long',
    { command: ['node', '-e', 'setInterval(() => {}, 1000)'], timeoutSeconds: 0.3 },
    /longer than its limit of 0.3 s/,
  ],
  [
    'too few rows to learn from',
    { snapshot: { maxRows: 1_000, minRows: 900, holdOut: 0, includeReference: false } },
    /only 300 labelled rows/,
  ],
])('%s ends the training with the reason', async (_name, spec, problem) => {
  const training = await train('process.exit(0)', spec)
  expect(await outcome(training.id)).toMatchObject({ state: 'failed', problem: expect.stringMatching(problem), version: null })
  expect((await world.admin.call(registry.listVersions, { model: 'churn' })).length).toBe(1)
})

test('a training that is cancelled stops, with everything it started', async () => {
  const training = await train('require("child_process").spawn("sleep", ["600"]); setInterval(() => {}, 1000)')
  const running = world.settle()
  while ((await world.admin.call(retraining.getTraining, { id: training.id })).state !== 'running')
    await new Promise((resolve) => setImmediate(resolve))
  expect(await world.admin.call(retraining.cancelTraining, { id: training.id, reason: 'changed my mind' })).toMatchObject({
    state: 'cancelled',
  })
  await running
  expect((await outcome(training.id)).problem).toContain('changed my mind')
})
