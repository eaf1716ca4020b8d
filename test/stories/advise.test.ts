import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { advise, type ServingDecision } from '../../src/contract/advise.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { deployModel, deployment, modelWithCut, openWorld, registerModel, type World } from '../world.ts'

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

const decide = (need: object) => world.admin.call(advise.serving, need)
const apply = (name: string, spec: object) => world.admin.call(documents.apply, { documents: [deployment(name, 'churn', spec)] })

test('a person asks which mode fits, and the decision is kept with actor and reason', async () => {
  const words = ['--latency-ms', '300', '--features', 'mixed', '--requests-per-second', '50', '--deployment', 'churn']
  const run = await person.run('advise', 'serving', ...words, '--json')
  expect([run.code, run.notes]).toEqual([0, ''])
  const decision = JSON.parse(run.out) as ServingDecision
  expect(decision).toMatchObject({
    deployment: 'churn',
    model: 'churn',
    version: 1,
    mode: 'hybrid',
    reasons: [{ rule: 'P1-04' }],
    need: { latencyMs: 300, features: 'mixed', requestsPerSecond: 50, llm: false },
    questions: [],
  })
  expect(decision.rejected.map(({ mode }) => mode)).toEqual(['batch', 'online', 'streaming', 'llm'])
  expect(await world.admin.call(advise.getDecision, { id: decision.id })).toEqual(decision)
  expect((await world.admin.call(advise.listDecisions, { deployment: 'churn' }))[0]).toEqual(decision)
  const entries = await world.admin.call(ledger.listEntries, { limit: 5 })
  expect(entries.find(({ operation }) => operation === 'advise.serving')).toMatchObject({
    actor: decision.by,
    reason: 'choice of a serving mode',
  })
})

/** Routes are loaded beside the events that change them: an alias that was moved is served a moment later. */
async function served(version: number): Promise<void> {
  for (let tries = 0; tries < 5_000; tries++) {
    await world.settle()
    const { route } = await world.admin.call(deployments.getDeployment, { deployment: 'churn' })
    if (route.championVersion === version) return
  }
  throw new Error(`churn does not serve version ${version}`)
}

const met = (decision: ServingDecision) => decision.checklist.filter((one) => one.met).map(({ item }) => item)

test('readiness is read from what is recorded, not ticked by hand', async () => {
  const before = await decide({ deployment: 'churn' })
  expect(met(before)).not.toContain('evaluation report')
  expect(before.checklist.find(({ item }) => item === 'rollback target')).toMatchObject({
    rule: 'P1-08',
    met: false,
    evidence: 'churn has had one champion only',
  })
  const evaluation = { dataset: 'held out', rows: 100, metrics: { f1: 0.9 } }
  const record = { evaluation, environment: { python: '3.12' }, owner: 'risk', description: 'who will leave', commit: 'abc123' }
  const { digest } = await world.admin.call(registry.uploadArtifact, { body: modelWithCut(0.55) as never })
  await world.admin.call(registry.registerVersion, { model: 'churn', artifact: digest, features: ['a', 'b'], ...record })
  await world.admin.call(registry.moveAlias, { model: 'churn', alias: 'champion', version: 2, reason: 'better on held out rows' })
  const about = (kind: string, spec: object) => ({ apiVersion: 'setpoint/v1', kind, metadata: { name: 'churn', owner: 'risk' }, spec })
  await world.admin.call(documents.apply, {
    documents: [
      about('Monitor', { deployment: 'churn', falseAlarmBudget: { everyRows: 10_000 } }),
      about('Objective', { deployment: 'churn', metric: 'f1', target: 0.8, windowMinutes: 60 }),
      about('Alert', { on: ['drift.confirmed'], deployment: 'churn', runbook: 'docs/loop.md' }),
    ],
  })
  await served(2)
  const load = await person.run('load', 'churn', '--rate', '10', '--duration', '300ms', '--warmup', '0', '--connections', '2', '--save')
  expect([load.code, load.out]).toEqual([0, expect.stringContaining('churn, version 2')])
  const after = await decide({ deployment: 'churn' })
  expect(after.version).toBe(2)
  expect(met(after)).toEqual([
    'registry entry with owner',
    'evaluation report',
    'model card',
    'frozen training artifacts',
    'pinned environment',
    'rollback target',
    'infrastructure validated',
    'serving environment built and tested',
    'monitoring and alerts on',
    'service objectives documented',
    'timeouts tested under load',
    'logs and dashboards ready',
  ])
  expect(after.checklist.filter((one) => !one.met).map(({ item }) => item)).toEqual([
    'canary or shadow passed',
    'rollout plan approved',
    'rollback automated',
  ])
})

test('a deployment in production needs a decision for its mode, its own and complete', async () => {
  const refused = async (spec: object, message: RegExp) =>
    expect(apply('live', { environment: 'production', ...spec })).rejects.toMatchObject({ code: 'invalid', message })
  await refused({}, /in production it needs a recorded decision for the mode online; run "setpoint advise serving --deployment live"/)
  await refused({ decision: 'dec_none' }, /there is no serving decision dec_none/)
  const batch = await decide({})
  await refused({ decision: batch.id }, /its mode is online, but the decision dec_\w+ is for batch/)
  const others = await decide({ latencyMs: 100, deployment: 'churn' })
  await refused({ decision: others.id }, /is about the deployment churn/)
  const bare = await decide({ eventDriven: true })
  await refused({ mode: 'streaming', decision: bare.id }, /mandatory: consumer group, dead-letter queue, delivery semantics/)
  const whole = await decide({ eventDriven: true, consumerGroup: 'fraud', deadLetters: 'fraud.dead', delivery: 'at-least-once' })
  await apply('live', { environment: 'production', mode: 'streaming', decision: whole.id })
  const online = await decide({ latencyMs: 100, deployment: 'live' })
  expect(await apply('live', { environment: 'production', decision: online.id })).toMatchObject([{ change: 'updated' }])
  expect(await apply('elsewhere', { environment: 'staging' })).toMatchObject([{ change: 'created' }])
})

test('a decision of another project is none', async () => {
  const { id } = await decide({ latencyMs: 100 })
  await person.run('access', 'create-project', '--name', 'other')
  await expect((await world.as('viewer')).call(advise.serving, {})).rejects.toMatchObject({ code: 'forbidden' })
  await expect(world.admin.call(advise.getDecision, { id: `${id}x` })).rejects.toMatchObject({ code: 'not_found' })
})

test('a model without deployment can be asked about; one that is not there is named', async () => {
  await registerModel(world.admin, 'bare', modelWithCut(0.5))
  expect(await decide({ model: 'bare' })).toMatchObject({ model: 'bare', version: null, checklist: [] })
  await expect(decide({ model: 'nothing' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(decide({ model: 'bare', deployment: 'churn' })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/serves the model churn, not bare/),
  })
})
