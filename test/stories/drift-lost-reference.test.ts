import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { estimates } from '../../src/contract/estimates.ts'
import { deployModel, openWorld, predict, rowsOf, type World } from '../world.ts'

const WINDOW_MS = 60_000
let world: World
let token: string
let sent = 0
beforeEach(async () => {
  world = await openWorld()
  token = await world.token('operator')
  sent = 0
  await deployModel(world)
  const monitor = {
    apiVersion: 'setpoint/v1',
    kind: 'Monitor',
    metadata: { name: 'churn' },
    spec: {
      deployment: 'churn',
      falseAlarmBudget: { everyRows: 100_000 },
      windows: { seconds: 60, leastRows: 100, joint: false },
      segments: [{ name: 'low', where: [{ feature: 'a', below: 0.3 }] }],
    },
  }
  await world.admin.call(documents.apply, { documents: [monitor as never] })
})
afterEach(() => world.close())

/** The files in which what was kept of the reference lies, found by how each begins. */
function filesBeginning(with_: string): string[] {
  const folder = path.join(world.config.data, 'blobs')
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map((entry) => path.join(entry.parentPath, entry.name)).filter((file) => fs.readFileSync(file, 'utf8').startsWith(with_))
}
const tableFile = () => filesBeginning('{"format":"setpoint.profile')[0]!
const estimatorFile = () => filesBeginning('{"format":"setpoint.estimator')[0]!

async function pass(moved = false): Promise<void> {
  const rows = rowsOf(world.random, 300).map((row) => (moved ? { ...row, b: 0.5 + row.b / 2 } : row))
  await predict(world, token, 'churn', rows, `w${sent++}`)
  await world.settle()
  await world.pass(WINDOW_MS, 15_000)
}

const stateOf = () => world.admin.call(drift.getMonitor, { monitor: 'churn' })
const newestWindow = async () => (await world.admin.call(drift.listWindows, { monitor: 'churn', limit: 1 }))[0]!

test('without the rows of its reference a monitor judges no window and says why; its detectors go on, and all is well once they are back', async () => {
  const file = tableFile()
  const content = fs.readFileSync(file)
  fs.rmSync(file)
  await pass()
  const lost = /the reference rows of the version cannot be read \(there is no blob [0-9a-f]{64}\); restore that blob/
  expect(await newestWindow()).toMatchObject({
    verdict: 'insufficient_data',
    standing: 'calm',
    columns: [],
    reason: expect.stringMatching(lost),
  })
  expect(await stateOf()).toMatchObject({ ready: true, problem: expect.stringMatching(lost), signals: [{ rows: 300 }, {}] })
  for (const asked of [
    () => world.admin.call(drift.compareWindow, { monitor: 'churn' }),
    () => world.admin.call(drift.simulate, { monitor: 'churn', streams: 10, rows: 1_000, blockRows: 1 }),
  ])
    await expect(asked()).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(lost) })

  // All rows together are watched by the bins alone.
  for (let i = 0; i < 4; i++) await pass(true)
  const [detection] = await world.admin.call(drift.listDetections, { limit: 10 })
  expect(detection).toMatchObject({ signal: 'features', top: expect.arrayContaining([expect.objectContaining({ stream: 'b' })]) })

  fs.writeFileSync(file, content)
  for (let i = 0; i < 3; i++) await pass(true)
  expect(await newestWindow()).toMatchObject({ verdict: 'drift', columns: ['b'] })
  const state = await stateOf()
  expect(state.problem).toBeNull()
  expect(state.signals[0]!.streams.map(({ stream }) => stream)).toContain('low/b')
})

test('corrupt rows are as good as none', async () => {
  fs.writeFileSync(tableFile(), '{"format":"something else"}')
  await pass()
  expect(await newestWindow()).toMatchObject({
    verdict: 'insufficient_data',
    reason: expect.stringMatching(/the blob [0-9a-f]{64} is corrupt/),
  })
})

test('estimates abstain while what they rest on is lost', async () => {
  fs.rmSync(estimatorFile())
  await pass()
  const [newest] = await world.admin.call(estimates.listEstimates, { monitor: 'churn', limit: 1 })
  expect(newest).toMatchObject({
    method: null,
    abstained: expect.stringMatching(/what estimates of the version rest on cannot be read \(there is no blob/),
  })
})
