import { afterAll, beforeAll, expect, test } from 'vitest'
import { alerts } from '../../src/contract/alerts.ts'
import { documents } from '../../src/contract/documents.ts'
import { incidents } from '../../src/contract/incidents.ts'
import { deployment, openWorld, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const apply = (...given: object[]) => world.admin.call(documents.apply, { documents: given, reason: 'a test' })
const manifest = (kind: string, name: string, spec: object, owner?: string) => ({
  apiVersion: 'setpoint/v1',
  kind,
  metadata: { name, ...(owner ? { owner } : {}) },
  spec,
})

test('each apply that changes something is a new version; one that changes nothing is none', async () => {
  expect(await apply(deployment('a'))).toMatchObject([{ change: 'created', version: 1 }])
  expect(await apply(deployment('a'))).toMatchObject([{ change: 'unchanged', version: 1 }])
  expect(await apply(deployment('a', 'a', { threshold: 0.7 }))).toMatchObject([
    { change: 'updated', version: 2, fields: [{ path: 'spec.threshold', before: 0.5, after: 0.7 }] },
  ])
  expect(await world.admin.call(documents.get, { kind: 'Deployment', name: 'a', version: 1 })).toMatchObject({
    spec: { threshold: 0.5 },
    reason: 'a test',
  })
  await expect(world.admin.call(documents.get, { kind: 'Deployment', name: 'a', version: 9 })).rejects.toMatchObject({
    message: 'Deployment a has no version 9; the latest is 2',
  })
})

test('a dry run says what would change and changes nothing', async () => {
  const plan = await world.admin.call(documents.apply, { documents: [deployment('dry')], dryRun: true })
  expect(plan).toMatchObject([{ change: 'created' }])
  await expect(world.admin.call(documents.get, { kind: 'Deployment', name: 'dry' })).rejects.toMatchObject({ code: 'not_found' })
})

test('all of an apply happens or none of it', async () => {
  await expect(
    apply(deployment('first'), manifest('Loop', 'l', { deployment: 'first', monitor: 'none', enabled: true })),
  ).rejects.toMatchObject({ code: 'invalid' })
  await expect(world.admin.call(documents.get, { kind: 'Deployment', name: 'first' })).rejects.toMatchObject({ code: 'not_found' })
})

test.each([
  ['an unknown kind', manifest('Deploiment', 'x', {}), /kind/],
  ['an unknown field', deployment('x', 'x', { treshold: 0.5 }), /Deployment x: .*treshold/],
  ['a value out of range', deployment('x', 'x', { threshold: 2 }), /spec\.threshold/],
  ['a bad name', { ...deployment('x'), metadata: { name: '../etc' } }, /metadata\.name/],
  ['no object', 'hello', /document 1/],
  [
    'an enabled loop without a gate, a trainer and a canary',
    manifest('Loop', 'x', { deployment: 'a', monitor: 'm', enabled: true }),
    /spec\.trainer, spec\.gate, spec\.rollout/,
  ],
  ['an alert that nobody owns', manifest('Alert', 'x', { on: ['drift.detected'], runbook: 'r.md' }), /metadata\.owner/],
  ['an alert that does not say what to do', manifest('Alert', 'x', { on: ['drift.detected'] }, 'me'), /spec\.runbook/],
  ['an alert on no event we know', manifest('Alert', 'x', { on: ['drift.imagined'], runbook: 'r.md' }, 'me'), /spec\.on/],
])('%s is refused with its path', async (_name, document, message) => {
  await expect(apply(document as object)).rejects.toMatchObject({
    code: expect.stringMatching(/invalid/),
    message: expect.stringMatching(message),
  })
})

test('a deleted document is out of force and stays readable', async () => {
  await apply(deployment('gone'))
  await world.admin.call(documents.delete, { kind: 'Deployment', name: 'gone' })
  await expect(world.admin.call(documents.get, { kind: 'Deployment', name: 'gone' })).rejects.toMatchObject({ code: 'not_found' })
  expect((await world.admin.call(documents.listVersions, { kind: 'Deployment', name: 'gone' })).length).toBe(2)
  expect(await apply(deployment('gone'))).toMatchObject([{ change: 'created', version: 3 }])
})

test('an event that an alert asks for fires it once and calls its webhook', async () => {
  await apply(
    manifest(
      'Alert',
      'incidents',
      { on: ['incidents.opened'], runbook: 'docs/incidents.md', severity: 'page', webhook: { url: 'http://pager.example/hook' } },
      'night-shift',
    ),
  )
  await world.admin.call(incidents.openIncident, { deployment: 'a', title: 'the model is slow', reason: 'seen by hand' })
  await world.settle()
  const firing = await world.admin.call(alerts.listAlerts, { state: 'firing' })
  expect(firing).toMatchObject([{ rule: 'incidents', owner: 'night-shift', severity: 'page', delivery: 'delivered' }])
  expect(world.sent).toMatchObject([{ url: 'http://pager.example/hook' }])
  expect(await world.admin.call(alerts.acknowledgeAlert, { id: firing[0]!.id })).toMatchObject({ state: 'acknowledged' })
})
