import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch } from '../../src/contract/batch.ts'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { modelWithCut, openWorld, registerModel, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await registerModel(world.admin, 'churn', modelWithCut(0.5), { alias: 'champion' })
})
afterAll(() => world.close())

const HOUR_MS = 3_600_000

test('the clock starts runs in its time zone, and a partition that is late is said to be late once a day', async () => {
  const folder = path.join(world.config.data, 'batch/default/in')
  fs.mkdirSync(folder, { recursive: true })
  const today = new Date(world.clock.now()).toISOString().slice(0, 10)
  fs.writeFileSync(path.join(folder, `${today}.csv`), 'id,a,b\n1,0.9,0\n2,0.1,0\n')
  const spec = {
    model: 'churn',
    source: { kind: 'csv', path: 'in/{ds}.csv', keyColumn: 'id' },
    destination: { kind: 'csv', path: 'out/{ds}.csv' },
    schedule: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
    sla: { freshBy: '06:00' },
    retries: 0,
  }
  await world.admin.call(documents.apply, {
    documents: [{ apiVersion: 'setpoint/v1', kind: 'BatchScoring', metadata: { name: 'nightly' }, spec }],
  })
  await world.settle()
  // Half past two in Berlin is half past midnight in UTC, in summer.
  const turnMs = Date.parse(`${today}T00:30:00Z`) + 24 * HOUR_MS
  await world.pass(turnMs - 1 - world.clock.now(), HOUR_MS)
  const reader = await world.as('admin')
  expect(await reader.call(batch.listRuns, { batch: 'nightly' })).toEqual([])
  await world.pass(2)
  const [first] = await reader.call(batch.listRuns, { batch: 'nightly' })
  expect(first).toMatchObject({ ds: today, trigger: 'schedule', state: 'succeeded', startedBy: 'setpoint', rowsOut: 2 })

  await world.pass(30 * HOUR_MS, HOUR_MS)
  const later = await world.as('admin')
  expect((await later.call(batch.listRuns, { batch: 'nightly' })).map(({ state }) => state)).toEqual(['failed', 'succeeded'])
  const late = (await later.call(ledger.listEntries, { limit: 1_000 })).filter(({ operation }) => operation === 'batch.watch')
  expect(late.map(({ reason }) => reason)).toEqual([expect.stringMatching(/freshBy: the partition .* is not there at 06:00/)])

  await later.call(documents.delete, { kind: 'BatchScoring', name: 'nightly' })
  await world.settle()
  await world.pass(26 * HOUR_MS, HOUR_MS)
  const last = await world.as('admin')
  expect(await last.call(batch.listRuns, { batch: 'nightly' })).toHaveLength(2)
})

test('a run that takes longer than allowed is said to be late, once', async () => {
  const spec = {
    model: 'churn',
    source: { kind: 'csv', path: 'in/never-{ds}.csv', keyColumn: 'id' },
    destination: { kind: 'csv', path: 'out/never-{ds}.csv' },
    sla: { maxRunMs: 60_000 },
    retries: 9,
  }
  const admin = await world.as('admin')
  await admin.call(documents.apply, {
    documents: [{ apiVersion: 'setpoint/v1', kind: 'BatchScoring', metadata: { name: 'slow' }, spec }],
  })
  const { run } = await admin.call(batch.startRun, { batch: 'slow', ds: '2026-11-01' })
  await world.settle()
  await world.pass(59_000, 10_000)
  expect((await admin.call(batch.getRun, { batch: 'slow', id: run!.id })).slaMissed).toEqual([])
  await world.pass(90_000, 10_000)
  expect((await admin.call(batch.getRun, { batch: 'slow', id: run!.id })).slaMissed).toEqual(['maxRunMs: not done after 60000 ms'])
})
