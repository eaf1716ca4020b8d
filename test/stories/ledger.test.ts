import { sql as raw } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { deployModel, modelWithCut, openWorld, registerModel, type World } from '../world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
  await deployModel(world)
  await registerModel(world.admin, 'churn', modelWithCut(0.6))
  await world.admin.call(registry.moveAlias, { model: 'churn', alias: 'champion', version: 2, reason: 'a better cut' })
  await world.settle()
})
afterEach(() => world.close())

const verify = (head?: string) => world.admin.call(ledger.verify, { head })
const tamper = (statement: string) => raw.raw(statement).execute(world.infra.sql.db)

test('every change has an actor and a reason, and an untouched ledger is intact [CORE-05]', async () => {
  expect(await verify()).toMatchObject({ intact: true, broken: null })
  const [entry] = await world.admin.call(ledger.listEntries, { subject: 'model_aliases/default/churn/champion' })
  expect(entry).toMatchObject({ operation: 'registry.moveAlias', reason: 'a better cut', state: { version: 2, previous_version: 1 } })
})

test('replaying the ledger gives the state [CORE-05]', async () => {
  const text = await (await world.admin.download(ledger.export, {})).text()
  const replayed = new Map<string, unknown>()
  for (const line of text.trim().split('\n')) {
    const entry = JSON.parse(line) as { subject: string; state: unknown }
    if (entry.state === null) replayed.delete(entry.subject)
    else replayed.set(entry.subject, entry.state)
  }
  const aliases = await raw<Record<string, unknown>>`select * from model_aliases`.execute(world.infra.sql.db)
  for (const row of aliases.rows) expect(replayed.get(`model_aliases/${row.project}/${row.model}/${row.alias}`)).toEqual({ ...row })
})

test.each([
  ['a row changed behind its back', `update model_aliases set version = 1`, /model_aliases\/default\/churn\/champion differs/],
  ['a row added', `insert into projects values ('ghost', 1, 'nobody')`, /projects\/ghost was never recorded/],
  ['a row removed', `delete from model_versions where version = 1`, /model_versions\/default\/churn\/1 is gone/],
  ['an entry rewritten', `update ledger_entries set reason = 'because' where n = 5`, /entry 5 was changed/],
  ['an entry removed', `delete from ledger_entries where n = 4`, /entry 4 is missing/],
  ['the end cut off', `delete from ledger_entries where n > 6`, /is not in the chain/],
])('%s is found and named', async (_name, statement, message) => {
  await tamper(statement)
  const report = await verify()
  expect(report.intact).toBe(false)
  expect(report.broken!.reason).toMatch(message)
})

test('what leaves no row behind is recorded all the same', async () => {
  await world.admin.call(documents.apply, {
    documents: [
      {
        apiVersion: 'setpoint/v1',
        kind: 'Monitor',
        metadata: { name: 'm' },
        spec: { deployment: 'churn', falseAlarmBudget: { everyRows: 1e6 } },
      },
    ],
  })
  await world.admin.call(drift.resetMonitor, { monitor: 'm', reason: 'the feed was mended' })
  expect(await world.admin.call(ledger.listEntries, { subject: 'monitor/default/m' })).toMatchObject([
    { operation: 'drift.resetMonitor', reason: 'the feed was mended' },
  ])
  expect(await verify()).toMatchObject({ intact: true })
})

test('a head noted earlier must be in the chain', async () => {
  const { head } = await verify()
  await registerModel(world.admin, 'churn', modelWithCut(0.7))
  expect((await verify(head!)).intact).toBe(true)
  expect((await verify('f'.repeat(64))).broken!.reason).toContain('the head you noted')
})

test('the champion and its rollback target cannot be deleted', async () => {
  for (const version of [1, 2])
    await expect(world.admin.call(registry.deleteVersion, { model: 'churn', version, reason: 'tidying up' })).rejects.toMatchObject({
      code: 'conflict',
    })
})
