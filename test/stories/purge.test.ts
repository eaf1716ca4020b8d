import { afterAll, beforeAll, expect, test } from 'vitest'
import { artifacts } from '../../src/contract/artifacts.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { runs } from '../../src/contract/runs.ts'
import { openWorld, type World } from '../world.ts'

const DAY_MS = 86_400_000

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

async function send(path: string, fields: object): Promise<Record<string, Record<string, never>>> {
  const response = await fetch(`${world.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  })
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()) as never
}

async function runWithFile(name: string): Promise<string> {
  const { run } = await send('runs/create', { experiment_id: '0', run_name: name })
  const id = (run as unknown as { info: { run_id: string } }).info.run_id
  await send('runs/log-batch', {
    run_id: id,
    metrics: [{ key: 'loss', value: 1, timestamp: 1, step: 0 }],
    params: [{ key: 'a', value: '1' }],
  })
  const put = await fetch(`${world.url}/api/2.0/mlflow-artifacts/artifacts/0/${id}/artifacts/notes.txt`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: name,
  })
  expect(put.status).toBe(200)
  return id
}

test('what was deleted long ago is forgotten with its files; what lives, is young or is named by a version is kept', async () => {
  token = await world.token('admin')
  const [old, young, alive, named] = [
    await runWithFile('old'),
    await runWithFile('young'),
    await runWithFile('alive'),
    await runWithFile('named'),
  ]
  await send('registered-models/create', { name: 'm' })
  await send('model-versions/create', { name: 'm', source: `runs:/${named}/`, run_id: named })
  for (const run_id of [old, named]) await send('runs/delete', { run_id })
  await world.settle()
  world.clock.advance(40 * DAY_MS)
  token = await world.token('admin')
  const admin = await world.as('admin')
  await send('runs/delete', { run_id: young })

  const expected = { runs: 1, files: 1, keptRuns: 1, kept: [{ run: named, model: 'm', version: 1 }] }
  expect(await admin.call(runs.purge, { dryRun: true })).toMatchObject({ ...expected, dryRun: true })
  expect(await admin.call(runs.purge, { reason: 'the thirty days are over' })).toMatchObject({ ...expected, dryRun: false })
  expect(await admin.call(runs.purge, {})).toMatchObject({ runs: 0, files: 0, keptRuns: 1 })

  await expect(admin.call(runs.get, { run: old })).rejects.toMatchObject({ code: 'not_found' })
  for (const run of [young, alive, named]) expect((await admin.call(runs.get, { run })).id).toBe(run)
  expect(await admin.call(artifacts.listFiles, { folder: `0/${old}/artifacts` })).toEqual([])
  expect(await admin.call(artifacts.listFiles, { folder: `0/${alive}/artifacts` })).toHaveLength(1)
  const entries = await admin.call(ledger.listEntries, { subject: `run/${old}` })
  expect(entries).toMatchObject([{ operation: 'runs.purge', reason: 'the thirty days are over' }])
  expect(await admin.call(ledger.verify, {})).toMatchObject({ intact: true })
})

test('only an admin purges', async () => {
  const operator = await world.as('operator')
  await expect(operator.call(runs.purge, {})).rejects.toMatchObject({ code: 'forbidden' })
})
