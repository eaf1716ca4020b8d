import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { incidents } from '../../src/contract/incidents.ts'
import { labels } from '../../src/contract/labels.ts'
import { loops } from '../../src/contract/loops.ts'
import { quarantine } from '../../src/contract/quarantine.ts'
import { readConfig } from '../../src/infra/config.ts'
import { createLog } from '../../src/infra/log.ts'
import { openInfra } from '../../src/infra/open.ts'
import { type Tree, treeModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { createRandom } from '../../src/lib/random.ts'
import { createManualClock, type ManualClock } from '../manual-clock.ts'
import { deployModel, deployment, modelWithCut, openWorld, predict, type Row, registerModel, rowsOf, type World } from '../world.ts'

const WINDOW_MS = 60_000
const HOUR_MS = 3_600_000
/** What a test calls: the world, or a house that outlives its application. */
type Place = Pick<World, 'url'> & { readonly client: World['admin']; readonly token: string }

let world: World
let here: Place
let folder: string
let sent = 0
beforeEach(async () => {
  world = await openWorld()
  here = { url: world.url, client: world.admin, token: await world.token('operator') }
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-trainer-'))
  sent = 0
})
afterEach(async () => {
  await world.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const manifest = (kind: string, name: string, spec: object) => ({ apiVersion: 'setpoint/v1', kind, metadata: { name, owner: 'me' }, spec })

/** A trainer that registers `modelWithCut` of what it is given; without one it fails. */
function writeTrainer(cut?: number): string {
  const file = path.join(folder, 'train.ts')
  fs.writeFileSync(
    file,
    cut === undefined
      ? 'process.exit(3)'
      : `import fs from 'node:fs'
import { createClient } from ${JSON.stringify(path.resolve('src/contract/client.ts'))}
import { modelWithCut, registerModel } from ${JSON.stringify(path.resolve('test/world.ts'))}
const lines = fs.readFileSync(process.env.SETPOINT_DATASET, 'utf8').trim().split('\\n').slice(1).map((line) => line.split(',').map(Number))
const rows = lines.filter((line) => line[3] === 1).map(([a, b, label]) => ({ a, b, label }))
const client = createClient({ url: process.env.SETPOINT_URL, token: process.env.SETPOINT_TOKEN, project: process.env.SETPOINT_PROJECT })
await registerModel(client, process.env.SETPOINT_MODEL, modelWithCut(${cut}), { rows, training: process.env.SETPOINT_TRAINING })
`,
  )
  return file
}

/** A monitor that raises no detection, with windows where wanted, and a loop with what the test says; its trainer fails unless one is given. */
async function declare(
  triggers: object | undefined,
  {
    place = here,
    loop = {},
    tolerance = 0.4,
    windows = false,
    trainer = writeTrainer(),
  }: { place?: Place; loop?: object; tolerance?: number; windows?: boolean; trainer?: string } = {},
): Promise<void> {
  const stage = { minRows: 100, maxSeconds: 600, margin: 0.02, alpha: 0.05 }
  const given = [
    manifest('Monitor', 'churn', {
      deployment: 'churn',
      falseAlarmBudget: { everyRows: 1e12 },
      tolerance: { features: 0.4, error: tolerance },
      ...(windows ? { windows: { seconds: 60, leastRows: 100, sustained: { windows: 2, of: 3 }, clearAfter: 2 } } : {}),
    }),
    manifest('Gate', 'churn', { metric: 'error_rate', require: 'better', minRows: 100 }),
    manifest('Trainer', 'churn', {
      command: ['node', trainer],
      timeoutSeconds: 60,
      snapshot: { maxRows: 5_000, minRows: 100, holdOut: 0.3, includeReference: false },
    }),
    manifest('Loop', 'churn', {
      deployment: 'churn',
      monitor: 'churn',
      trainer: 'churn',
      gate: 'churn',
      enabled: true,
      cooldownSeconds: 60,
      maxTrainings: 1,
      corroborate: { withinSeconds: 600, labelledRows: 200 },
      rollout: { shadow: stage, canary: { percent: 20, ...stage } },
      ...(triggers ? { triggers } : {}),
      ...loop,
    }),
  ]
  await place.client.call(documents.apply, { documents: given as never })
}

/** Traffic with its labels; gives nothing back and moves no time. */
async function send(rows: readonly Row[], { place = here, labelled = true, source = 'desk' } = {}): Promise<void> {
  const prefix = `t${sent++}`
  await predict({ ...world, url: place.url }, place.token, 'churn', rows, prefix, (row) => ({ actor: `user-${row % 50}`, source: 'web' }))
  if (labelled)
    await place.client.call(labels.recordLabels, {
      deployment: 'churn',
      labels: rows.map((row, i) => ({ recordId: `${prefix}-${i}`, label: row.label, source })),
    })
}

/** One window of traffic, up to the moment at which it has been judged. */
async function pass(rows: readonly Row[], labelled = false): Promise<void> {
  await send(rows, { labelled })
  await world.settle()
  await world.pass(WINDOW_MS, 30_000)
}

const runsOf = (place: Place) => place.client.call(loops.listRuns, { deployment: 'churn' })
const kinds = async (place = here) => (await runsOf(place)).map(({ cause }) => cause.kind)
/** Rows whose `b` lies in the upper half; the model does not look at it. */
const movedInputs = (count: number) => rowsOf(world.random, count).map((row) => ({ ...row, b: 0.5 + row.b / 2 }))
/** Rows of which most are above the cut: inputs, scores and what is true move together. */
const movedAll = (count: number) =>
  rowsOf(world.random, count).map((row) => (world.random.bernoulli(0.9) ? { ...row, a: 0.5 + row.a / 2, label: 1 as const } : row))

const STEPS = 16
/** A model whose score is the probability of a positive, from steps over `a`. */
function gradedModel(): Uint8Array {
  const trees = Array.from(
    { length: STEPS - 1 },
    (_, step): Tree => ({
      feature: Int32Array.of(0, -1, -1),
      threshold: Float32Array.of((step + 1) / STEPS, 0, 0),
      left: Int32Array.of(1, 0, 0),
      right: Int32Array.of(2, 0, 0),
      value: Float32Array.of(0, 0, 0.5),
    }),
  )
  return treeModel({ producer: { name: 'test', version: '1' }, features: 2 }, trees, -STEPS / 4)
}
function gradedRows(count: number, low = 0, high = 1): Row[] {
  return Array.from({ length: count }, () => {
    const a = low + (high - low) * world.random.next()
    const odds = Math.floor(a * STEPS) / 2 - STEPS / 4
    return { a, b: world.random.next(), label: Number(world.random.bernoulli(1 / (1 + Math.exp(-odds)))) as 0 | 1 }
  })
}

/** The application on a folder that outlives it. */
async function openHouse(data: string, clock: ManualClock) {
  const config = readConfig({ environment: { SETPOINT_DATA: data, SETPOINT_PORT: '0' }, file: path.join(data, 'none.yaml') })
  const log = createLog('error', (line) => process.stderr.write(line))
  const infra = await openInfra(config, { log, clock, random: createRandom('house').next })
  const app = await createApp(infra)
  await app.start()
  const url = await app.http.listen(config.host, 0)
  infra.setServerUrl(url)
  const { secret: token } = await app.access.issueKey('default', `key-${clock.now()}`, 'admin', 86_400_000, 'a test')
  const settle = async () => {
    for (let round = 0; round < 3; round++) {
      await app.telemetry.drain()
      await infra.bus.settle()
      await infra.jobs.settle()
    }
  }
  return {
    url,
    token,
    client: createClient({ url, token }),
    settle,
    async pass(ms: number, stepMs: number) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        clock.advance(stepMs)
        await settle()
      }
    },
    async close() {
      await app.stop(0)
      await infra.close()
    },
  }
}

describe('what begins a loop', { timeout: 60_000 }, () => {
  test('by default neither lasting drift, nor the clock, nor labels begin a run [P8-23]', async () => {
    await deployModel(world)
    await declare(undefined, { windows: true })
    for (let i = 0; i < 3; i++) await pass(movedAll(300), true)
    await world.pass(WINDOW_MS, 30_000)
    expect(await here.client.call(incidents.listIncidents, { state: 'open' })).toMatchObject([
      { title: expect.stringMatching(/Lasting drift/) },
    ])
    await world.pass(120_000, 60_000)
    expect(await runsOf(here)).toEqual([])
    const loop = await here.client.call(documents.get, { kind: 'Loop', name: 'churn' })
    expect(loop.spec).toMatchObject({ triggers: { detections: true, droppedEstimates: false } })
  })

  test('an enabled loop that nothing begins, or whose turns fall into its cool-down, is refused', async () => {
    await deployModel(world)
    await expect(declare({ detections: false })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/nothing begins a run; name one of detections/),
    })
    await expect(declare({ everyHours: 24 }, { loop: { cooldownSeconds: 86_400 } })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/turns 24 h apart fall into the cool-down of 24 h/),
    })
    await declare({ detections: false }, { loop: { enabled: false } })
  })

  test('of causes that come at once one begins a run', async () => {
    await deployModel(world)
    await declare({ detections: true })
    const starts = ['one', 'two', 'three'].map((reason) => here.client.call(loops.startRun, { loop: 'churn', reason }))
    const ended = await Promise.allSettled(starts)
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const one of ended) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' })
    expect(await runsOf(here)).toHaveLength(1)
  })

  test('lasting drift of the inputs alone begins a run only from the named severity on, and one [P8-22]', async () => {
    await deployModel(world)
    await declare({ detections: false, lastingDrift: { aloneFrom: 'moderate' } }, { windows: true })
    // One that waits for a second signal, and would be asked first.
    const strict = await loopWith({ triggers: { detections: false, lastingDrift: {} } })
    await here.client.call(documents.apply, { documents: [manifest('Loop', 'a-strict-one', strict)] as never })
    for (let i = 0; i < 4; i++) await pass(movedInputs(300))
    const [run, ...others] = await runsOf(here)
    expect(others).toEqual([])
    expect(run!.cause).toMatchObject({
      kind: 'lasting_drift',
      detection: null,
      facts: { severity: 'severe', columns: ['b'], agreeing: [] },
    })
    expect(run!.cause.at).toBeLessThan(run!.startedAt)
    expect(run!.steps[1]).toMatchObject({ name: 'corroborate', summary: expect.stringMatching(/each of new rows only/) })
    expect(run!.incident).not.toBeNull()
  })

  test('where a second signal agrees lasting drift begins a run; what cost nothing is looked at again while it lasts', async () => {
    await deployModel(world)
    const corroborate = { withinSeconds: 200, labelledRows: 200 }
    await declare({ detections: false, lastingDrift: {} }, { windows: true, loop: { corroborate } })
    for (let i = 0; i < 4; i++) await pass(movedAll(300), true)
    const [run, ...others] = await runsOf(here)
    expect(others).toEqual([])
    expect(run).toMatchObject({
      outcome: 'dismissed',
      cause: { kind: 'lasting_drift', facts: { agreeing: expect.arrayContaining(['score drift']) } },
    })
    for (let i = 0; i < 3; i++) await pass(movedAll(300), true)
    const [again, first, ...more] = await runsOf(here)
    expect([first!.id, more]).toEqual([run!.id, []])
    expect(again!.cause.facts).toMatchObject({ key: run!.cause.facts.key, after: run!.id })
  })

  test('a dropped estimate begins one run, which a later window as low confirms [P8-23]', async () => {
    await registerModel(here.client, 'churn', gradedModel(), { rows: gradedRows(2_000), alias: 'champion' })
    await here.client.call(documents.apply, { documents: [deployment()] })
    await world.settle()
    await declare({ detections: false, droppedEstimates: true }, { windows: true, tolerance: 0.02 })
    await pass(gradedRows(400))
    for (let i = 0; i < 4; i++) await pass(gradedRows(400, 0.3, 0.7))
    const [run, ...others] = await runsOf(here)
    expect(others).toEqual([])
    expect(run!.cause).toMatchObject({ kind: 'dropped_estimates', facts: { modelVersion: 1, estimated: expect.any(Number) } })
    expect(run!.steps.find(({ name }) => name === 'corroborate')).toMatchObject({
      state: 'done',
      summary: 'confirmed by a later window, estimated as low',
    })
  })

  test('each turn of the clock begins one run, which keeps every gate; within the cool-down it is refused [P8-23]', async () => {
    await deployModel(world)
    await declare({ detections: false, everyHours: 1 }, { trainer: writeTrainer(0.5), loop: { cooldownSeconds: 3_300 } })
    for (let i = 0; i < 3; i++) {
      await send(rowsOf(world.random, 300))
      await world.pass(600_000, 600_000)
    }
    await world.pass(HOUR_MS / 2 - 10_000, 600_000)
    expect(await runsOf(here)).toEqual([])
    for (let i = 0; i < 30 && (await runsOf(here))[0]?.state !== 'ended'; i++) await world.pass(10_000, 2_000)
    const [run, ...others] = await runsOf(here)
    expect(others).toEqual([])
    expect(run).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/version 2 refused/),
      challenger: 2,
      incident: null,
      cause: { kind: 'schedule', facts: { everyHours: 1 } },
    })
    expect(run!.steps.map(({ name }) => name)).toEqual(['detect', 'corroborate', 'triage', 'retrain', 'gate'])
    expect(run!.cause.facts.turn).toBe(run!.cause.at + HOUR_MS)
    await here.client.call(documents.apply, { documents: [manifest('Loop', 'churn', await loopWith({ cooldownSeconds: 3_599 }))] as never })
    const next = Number(run!.cause.facts.turn) + HOUR_MS
    await world.pass(next + 500 - world.clock.now(), 600_000)
    expect((await runsOf(here))[0]).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/cool-down after run/),
      training: null,
    })
    expect(await runsOf(here)).toHaveLength(2)
  })

  test('so many new labels begin one run, which ends in a promotion; those of a quarantined source do not count [P8-23]', async () => {
    await deployModel(world)
    await declare({ detections: false, newLabels: 1_000 }, { trainer: writeTrainer(0.3), loop: { cooldownSeconds: 7_200 } })
    const scope = { fromMs: world.clock.now(), toMs: null, labelSources: ['crowd'] }
    await here.client.call(quarantine.addWindow, { deployment: 'churn', scope, cause: 'attack', reason: 'they lie' })
    await send(rowsOf(world.random, 900, 0.3))
    await send(rowsOf(world.random, 900, 0.3), { source: 'crowd' })
    await world.pass(180_000, 60_000)
    expect(await runsOf(here)).toEqual([])
    for (let i = 0; i < 20 && (await runsOf(here))[0]?.state !== 'ended'; i++) {
      await send(rowsOf(world.random, 400, 0.3))
      await world.pass(60_000, 2_000)
    }
    const [run, ...others] = await runsOf(here)
    expect(others).toEqual([])
    expect(run).toMatchObject({ outcome: 'promoted', challenger: 2, cause: { kind: 'new_labels', facts: { records: 1_000 } } })
    // Enough labels come again, but the loop rests, and what rests is not noted as refused each minute.
    await send(rowsOf(world.random, 1_100, 0.3))
    await world.pass(300_000, 60_000)
    expect(await runsOf(here)).toHaveLength(1)
  })

  test('a restart in between begins no second run, and no turn is lost', async () => {
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-restart-'))
    const clock = createManualClock()
    try {
      const first = await openHouse(data, clock)
      await registerModel(first.client, 'churn', modelWithCut(0.5), { rows: rowsOf(world.random, 2_000), alias: 'champion' })
      await first.client.call(documents.apply, { documents: [deployment()] })
      await declare({ detections: false, everyHours: 2, newLabels: 500 }, { place: first })
      await first.settle()
      await send(rowsOf(world.random, 600), { place: first })
      await first.pass(120_000, 10_000)
      expect(await runsOf(first)).toMatchObject([{ outcome: 'failed', cause: { kind: 'new_labels' } }])
      await first.close()

      clock.advance(HOUR_MS)
      const second = await openHouse(data, clock)
      await second.pass(180_000, 30_000)
      expect(await kinds(second)).toEqual(['new_labels'])
      await second.close()

      clock.advance(2 * HOUR_MS)
      const third = await openHouse(data, clock)
      await third.pass(180_000, 10_000)
      expect(await kinds(third)).toEqual(['schedule', 'new_labels'])
      await third.close()
    } finally {
      fs.rmSync(data, { recursive: true, force: true })
    }
  })
})

/** The loop’s spec as it stands, with changes. */
async function loopWith(change: object): Promise<object> {
  return { ...(await here.client.call(documents.get, { kind: 'Loop', name: 'churn' })).spec, ...change }
}
