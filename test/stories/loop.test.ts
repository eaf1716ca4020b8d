import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { incidents } from '../../src/contract/incidents.ts'
import { labels } from '../../src/contract/labels.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { type LoopRun, loops } from '../../src/contract/loops.ts'
import { quarantine } from '../../src/contract/quarantine.ts'
import { registry } from '../../src/contract/registry.ts'
import { retraining } from '../../src/contract/retraining.ts'
import { deployModel, openWorld, predict, type Row, rowsOf, type World } from '../world.ts'

let world: World
let token: string
let folder: string
let sent = 0
beforeEach(async () => {
  world = await openWorld()
  token = await world.token('operator')
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-trainer-'))
  sent = 0
  await deployModel(world)
})
afterEach(async () => {
  await world.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const manifest = (kind: string, name: string, spec: object) => ({ apiVersion: 'setpoint/v1', kind, metadata: { name, owner: 'me' }, spec })

/** A trainer that learns the best cut of `a` from its snapshot, or does what `instead` says. */
function writeTrainer(instead = ''): string {
  const file = path.join(folder, 'train.ts')
  const world = path.resolve('test/world.ts')
  const client = path.resolve('src/contract/client.ts')
  fs.writeFileSync(
    file,
    `import fs from 'node:fs'
import { createClient } from ${JSON.stringify(client)}
import { modelWithCut, registerModel } from ${JSON.stringify(world)}
${instead}
const [header, ...lines] = fs.readFileSync(process.env.SETPOINT_DATASET, 'utf8').trim().split('\\n')
const names = header.split(',')
const all = lines.map((line) => Object.fromEntries(line.split(',').map((value, i) => [names[i], Number(value)])))
const rows = all.filter((row) => row.current === 1)
let best = { cut: 0.5, wrong: Infinity }
for (let cut = 0.05; cut < 1; cut += 0.05) {
  const wrong = rows.filter((row) => (row.a > cut ? 1 : 0) !== row.label).length
  if (wrong < best.wrong) best = { cut, wrong }
}
const client = createClient({ url: process.env.SETPOINT_URL, token: process.env.SETPOINT_TOKEN, project: process.env.SETPOINT_PROJECT })
await registerModel(client, process.env.SETPOINT_MODEL, modelWithCut(best.cut), { rows, training: process.env.SETPOINT_TRAINING })
`,
  )
  return file
}

async function declare(loop: object = {}, trainer = writeTrainer()): Promise<void> {
  const stage = { minRows: 100, maxSeconds: 600, margin: 0.02, alpha: 0.05 }
  await world.admin.call(documents.apply, {
    documents: [
      manifest('Monitor', 'churn', {
        deployment: 'churn',
        falseAlarmBudget: { everyRows: 1_000_000 },
        tolerance: { features: 0.02, error: 0.02 },
      }),
      manifest('Gate', 'churn', { metric: 'error_rate', require: 'better', minRows: 100 }),
      manifest('Trainer', 'churn', {
        command: ['node', trainer],
        timeoutSeconds: 60,
        snapshot: { maxRows: 5_000, minRows: 200, holdOut: 0.3, includeReference: false },
      }),
      manifest('Loop', 'churn', {
        deployment: 'churn',
        monitor: 'churn',
        trainer: 'churn',
        gate: 'churn',
        enabled: true,
        cooldownSeconds: 60,
        maxTrainings: 1,
        corroborate: { withinSeconds: 600, labelledRows: 800 },
        rollout: { shadow: stage, canary: { percent: 20, ...stage } },
        ...loop,
      }),
    ],
  })
}

type Who = (row: number) => { actor: string; source: string }
const many: Who = (row) => ({ actor: `user-${row % 97}`, source: 'web' })

/** One stretch of traffic with its labels, and everything that follows from it. */
async function traffic(
  rows: readonly Row[],
  options: { who?: Who; labelSource?: (row: number) => string; label?: (row: Row, i: number) => number } = {},
): Promise<void> {
  const prefix = `t${sent++}`
  await predict(world, token, 'churn', rows, prefix, options.who ?? many)
  await world.admin.call(labels.recordLabels, {
    deployment: 'churn',
    labels: rows.map((row, i) => ({
      recordId: `${prefix}-${i}`,
      label: options.label?.(row, i) ?? row.label,
      source: options.labelSource?.(i) ?? 'desk',
    })),
  })
  await world.pass(2_000)
}

/** Traffic until the newest run has ended or is in `step`. */
async function until(step: string | 'ended', next: () => Promise<void>): Promise<LoopRun> {
  for (let i = 0; i < 40; i++) {
    const [run] = await world.admin.call(loops.listRuns, { deployment: 'churn' })
    if (run && (run.state === step || run.step === step || (step === 'ended' && run.state === 'ended'))) return run
    await next()
  }
  const runs = await world.admin.call(loops.listRuns, { deployment: 'churn' })
  throw new Error(
    `the loop did not come to ${step}: ${JSON.stringify(runs.map((run) => [run.step, run.state, run.outcome, run.reason, run.steps.at(-1)?.summary]))}`,
  )
}

/** The world has moved: what used to be right above 0.5 is now right above 0.3. */
const moved = () => traffic(rowsOf(world.random, 400, 0.3))

test('a real change is detected, confirmed, retrained, proven, canaried and promoted with no person in between [CORE-02, CORE-12, P8-14, P8-24, RET-14]', async () => {
  await declare()
  await traffic(rowsOf(world.random, 400))
  expect(await world.admin.call(loops.listRuns, {})).toEqual([])
  const run = await until('ended', moved)
  expect(run.outcome).toBe('promoted')
  expect(run.steps.map((step) => step.name)).toEqual([
    'detect',
    'corroborate',
    'triage',
    'retrain',
    'gate',
    'approve',
    'shadow',
    'canary',
    'close',
  ])
  expect(run.steps[2]!.evidence.cause).toBe('real_change')
  const model = await world.admin.call(registry.getModel, { model: 'churn' })
  expect(model.aliases).toMatchObject([{ alias: 'champion', version: 2, previousVersion: 1 }])
  expect(await world.admin.call(deployments.getDeployment, { deployment: 'churn' })).toMatchObject({
    route: { mode: 'steady', championVersion: 2 },
  })
  expect(await world.admin.call(incidents.listIncidents, { state: 'open' })).toEqual([])
  await world.pass(20_000)
  const incident = await world.admin.call(incidents.getIncident, { id: run.incident! })
  const explained = incident.timeline.filter(({ text }) => text.startsWith('Diagnosis: '))
  expect(explained.map(({ text }) => text)).toEqual([expect.stringMatching(/^Diagnosis: concept .*\n(.*\n)*Suggested: retrain: /)])
  expect(await world.admin.call(ledger.verify, {})).toMatchObject({ intact: true })

  const back = await world.admin.call(loops.rollBackRun, { id: run.id, reason: 'support complains' })
  expect(back.outcome).toBe('rolled_back')
  await world.settle()
  expect(await world.admin.call(deployments.getDeployment, { deployment: 'churn' })).toMatchObject({ route: { championVersion: 1 } })
})

test('what was right once and is right again comes back as the former champion', async () => {
  const always = `const c = createClient({ url: process.env.SETPOINT_URL, token: process.env.SETPOINT_TOKEN })
const snapshot = fs.readFileSync(process.env.SETPOINT_DATASET, 'utf8').trim().split('\\n').slice(1).map((line) => line.split(',').map(Number))
await registerModel(c, 'churn', modelWithCut(0.3), { rows: snapshot.filter((row) => row[3] === 1).map(([a, b, label]) => ({ a, b, label })), training: process.env.SETPOINT_TRAINING })
process.exit(0)`
  await declare({ cooldownSeconds: 1 }, writeTrainer(always))
  await traffic(rowsOf(world.random, 400))
  expect(await until('ended', moved)).toMatchObject({ outcome: 'promoted', challenger: 2 })
  const back = () => traffic(rowsOf(world.random, 400, 0.5))
  await back()
  const runs = async () => (await world.admin.call(loops.listRuns, {})).filter((run) => run.training !== null)
  for (let i = 0; i < 40 && ((await runs()).length < 2 || (await runs())[0]!.state !== 'ended'); i++) await back()
  const [run] = await runs()
  expect(run).toMatchObject({ outcome: 'promoted', challenger: 1 })
  expect(run!.steps.find((step) => step.name === 'gate')!.summary).toMatch(/version 1, a former champion, is the best again/)
})

test('poisoned labels are quarantined by their source and teach nothing [P8-17, RET-04]', async () => {
  await declare()
  await traffic(rowsOf(world.random, 400))
  const source = (i: number) => ['desk', 'audit', 'crowd'][i % 3]!
  const poisoned = () =>
    traffic(rowsOf(world.random, 400), { labelSource: source, label: (row, i) => (source(i) === 'crowd' ? 1 - row.label : row.label) })
  const run = await until('ended', poisoned)
  expect(run).toMatchObject({ outcome: 'quarantined', training: null })
  expect(await world.admin.call(quarantine.listWindows, { deployment: 'churn' })).toMatchObject([
    { cause: 'attack', scope: { labelSources: ['crowd'] } },
  ])
  for (let i = 0; i < 4; i++) await poisoned()
  expect((await world.admin.call(loops.listRuns, {})).filter((other) => other.outcome !== 'refused')).toHaveLength(1)
})

test('broken data is quarantined at once, without waiting for labels [P8-16, RET-04]', async () => {
  await declare()
  await traffic(rowsOf(world.random, 400))
  const run = await until('ended', async () => {
    await predict(
      world,
      token,
      'churn',
      rowsOf(world.random, 400).map((row) => ({ ...row, a: null as unknown as number })),
      `broken${sent++}`,
      many,
    )
    await world.pass(2_000)
  })
  expect(run.outcome).toBe('quarantined')
  expect(run.steps.find((step) => step.name === 'triage')!.summary).toMatch(/a is missing in \d+/)
  expect(await world.admin.call(retraining.listTrainings, {})).toEqual([])
})

test('a shift that costs nothing is dismissed [P8-15]', async () => {
  await declare()
  await traffic(rowsOf(world.random, 400))
  const shifted = () => traffic(rowsOf(world.random, 400).map((row) => ({ ...row, b: row.b / 3 })))
  expect(await until('ended', shifted)).toMatchObject({ outcome: 'dismissed', training: null })
})

test('an attack by a few actors is told apart from a change of all', async () => {
  await declare({ triage: { maxActorShare: 0.05, concentration: 0.5, maxMissingShare: 0.2, labelConflict: 0.2 } })
  await traffic(rowsOf(world.random, 400))
  const attacked = () => {
    const honest = rowsOf(world.random, 280)
    const attack: Row[] = Array.from({ length: 120 }, () => ({ a: 0.3 + 0.15 * world.random.next(), b: world.random.next(), label: 1 }))
    return traffic([...honest, ...attack], { who: (i) => (i < 280 ? many(i) : { actor: `relay-${i % 2}`, source: 'as666' }) })
  }
  const run = await until('retrain', attacked)
  expect(run.steps.find((step) => step.name === 'triage')!.evidence).toMatchObject({
    cause: 'evasion',
    actors: expect.arrayContaining(['relay-0', 'relay-1']),
  })
})

test('a challenger that does not win is refused at the gate, and the loop rests [RET-07, RET-11, RET-19]', async () => {
  const bad = `const c = createClient({ url: process.env.SETPOINT_URL, token: process.env.SETPOINT_TOKEN })
await registerModel(c, 'churn', modelWithCut(0.8), { rows: [{ a: 0.9, b: 0.1, label: 1 }, { a: 0.1, b: 0.1, label: 0 }], training: process.env.SETPOINT_TRAINING })
process.exit(0)`
  await declare({}, writeTrainer(bad))
  await traffic(rowsOf(world.random, 400))
  const run = await until('ended', moved)
  expect(run).toMatchObject({ outcome: 'refused', challenger: 2, rollout: null })
  expect(run.reason).toMatch(/newest window/)
  await moved()
  await moved()
  const [next] = await world.admin.call(loops.listRuns, {})
  expect(next).toMatchObject({ outcome: 'refused', reason: expect.stringMatching(/cool-down/) })
  const alarmed = async () => (await world.admin.call(drift.getMonitor, { monitor: 'churn' })).signals.some((signal) => signal.alarmed)
  expect(await alarmed()).toBe(true)
  await world.settle()
  await world.pass(62_000, 31_000)
  expect(await alarmed()).toBe(false)
})

test('a trainer that fails, or registers nothing, ends the run and says why', async () => {
  await declare({}, writeTrainer(`console.error('no luck today')\nprocess.exit(3)`))
  await traffic(rowsOf(world.random, 400))
  const run = await until('ended', moved)
  expect(run.outcome).toBe('failed')
  expect(run.reason).toMatch(/exit code 3/)
  const log = await world.admin.call(retraining.readLog, { id: run.training! })
  expect(log.text).toContain('no luck today')
})

test('a person is asked where the loop says so, may hold it, and may end it [RET-08]', async () => {
  await declare({ approval: 'before_rollout' })
  await traffic(rowsOf(world.random, 400))
  const waiting = await until('waiting_for_approval', moved)
  expect(waiting.step).toBe('approve')
  const approver = await world.as('approver')
  await expect(approver.call(loops.abortRun, { id: waiting.id, reason: 'not mine to end' })).rejects.toMatchObject({ code: 'forbidden' })
  await approver.call(loops.approveRun, { id: waiting.id, reason: 'looks right' })
  await world.pass(2_000)
  expect((await world.admin.call(loops.getRun, { id: waiting.id })).step).toBe('shadow')
  await world.admin.call(loops.holdRun, { id: waiting.id, reason: 'lunch' })
  await moved()
  expect((await world.admin.call(loops.getRun, { id: waiting.id })).state).toBe('held')
  const ended = await world.admin.call(loops.abortRun, { id: waiting.id, reason: 'never mind' })
  expect(ended.outcome).toBe('aborted')
  await world.settle()
  expect(await world.admin.call(deployments.getDeployment, { deployment: 'churn' })).toMatchObject({
    route: { mode: 'steady', championVersion: 1 },
  })
})

test('traffic as it was raises nothing, however long it lasts [P8-20]', async () => {
  await declare()
  for (let i = 0; i < 12; i++) await traffic(rowsOf(world.random, 800))
  expect(await world.admin.call(drift.listDetections, {})).toEqual([])
})
