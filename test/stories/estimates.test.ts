import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { access } from '../../src/contract/access.ts'
import { activity } from '../../src/contract/activity.ts'
import { createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { estimates } from '../../src/contract/estimates.ts'
import { labels } from '../../src/contract/labels.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { triage } from '../../src/contract/triage.ts'
import { readConfig } from '../../src/infra/config.ts'
import { createLog } from '../../src/infra/log.ts'
import { openInfra } from '../../src/infra/open.ts'
import { type Tree, treeModel } from '../../src/lib/onnx/tree-ensemble.ts'
import { createRandom } from '../../src/lib/random.ts'
import { createManualClock, type ManualClock } from '../manual-clock.ts'
import { deployModel, deployment, modelWithCut, openWorld, predict, type Row, registerModel, type World } from '../world.ts'

const WINDOW_MS = 60_000
const STEPS = 16

let world: World
let token: string
let sent = 0
beforeEach(async () => {
  world = await openWorld()
  token = await world.token('operator')
  sent = 0
})
afterEach(async () => await world.close())

/** The log odds of a positive: eight for the whole width of `a`, in steps; the model says just this. */
const oddsOf = (a: number, middle = 0.5) => Math.floor((a + 0.5 - middle) * STEPS) / 2 - STEPS / 4
const chanceOf = (a: number, middle = 0.5) => 1 / (1 + Math.exp(-oddsOf(a, middle)))

/** A model whose score is the probability of a positive. */
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

/** Rows with `a` drawn from a range; what is true follows the model’s own probability unless its middle has moved. */
function drawRows(count: number, { low = 0, high = 1, middle = 0.5 } = {}): Row[] {
  return Array.from({ length: count }, () => {
    const a = low + (high - low) * world.random.next()
    return { a, b: world.random.next(), label: Number(world.random.bernoulli(chanceOf(a, middle))) as 0 | 1 }
  })
}

const monitor = (spec: object = {}) => ({
  apiVersion: 'setpoint/v1',
  kind: 'Monitor',
  metadata: { name: 'churn' },
  spec: {
    deployment: 'churn',
    falseAlarmBudget: { everyRows: 1e5 },
    windows: { seconds: 60, leastRows: 100 },
    tolerance: { features: 0.02, error: 0.02 },
    ...spec,
  },
})

async function serveGraded(): Promise<void> {
  await registerModel(world.admin, 'churn', gradedModel(), { rows: drawRows(2_000), alias: 'champion' })
  await world.admin.call(documents.apply, { documents: [deployment(), monitor()] })
  await world.settle()
}

/** One window of traffic, up to the moment at which it has been estimated; gives the prefix of its ids. */
async function pass(rows: readonly Row[]): Promise<string> {
  const prefix = `w${sent++}`
  await predict(world, token, 'churn', rows, prefix)
  await world.settle()
  await world.pass(WINDOW_MS, 30_000)
  return prefix
}

async function label(prefix: string, rows: readonly Row[]): Promise<void> {
  await world.admin.call(labels.recordLabels, {
    deployment: 'churn',
    labels: rows.map((row, i) => ({ recordId: `${prefix}-${i}`, label: row.label, source: 'desk' })),
  })
  await world.settle()
  await world.pass(30_000, 30_000)
}

const listed = async () =>
  (await world.admin.call(estimates.listEstimates, { monitor: 'churn', limit: 100 })).filter(({ rows }) => rows > 0).reverse()
const told = async (name: string) => (await world.admin.call(activity.listEvents, { limit: 500 })).filter((event) => event.name === name)
const errorOf = (rows: readonly Row[]) => rows.filter((row) => (chanceOf(row.a) >= 0.5 ? 1 : 0) !== row.label).length / rows.length

type House = Awaited<ReturnType<typeof openHouse>>

/** The application on a folder that outlives it. */
async function openHouse(data: string, clock: ManualClock) {
  const environment = { SETPOINT_DATA: data, SETPOINT_PORT: '0' }
  const config = readConfig({ environment, file: path.join(data, 'none.yaml') })
  const log = createLog('error', (line) => process.stderr.write(line))
  const infra = await openInfra(config, { log, clock, random: createRandom('house').next })
  const app = await createApp(infra)
  await app.start()
  const url = await app.http.listen(config.host, 0)
  infra.setServerUrl(url)
  const { secret } = await app.access.issueKey('default', `key-${clock.now()}`, 'admin', 86_400_000, 'a test')
  const settle = async () => {
    for (let round = 0; round < 3; round++) {
      await app.telemetry.drain()
      await infra.bus.settle()
      await infra.jobs.settle()
    }
  }
  return {
    url,
    token: secret,
    client: createClient({ url, token: secret }),
    settle,
    async pass(ms: number) {
      clock.advance(ms)
      await settle()
    },
    async close() {
      await app.stop(0)
      await infra.close()
    },
  }
}

describe('quality without labels', () => {
  test('when other inputs come, the estimate follows the realised error before any label, and labels then agree', async () => {
    await serveGraded()
    const windows = [drawRows(500), drawRows(500, { low: 0.3, high: 0.7 }), drawRows(500, { low: 0.3, high: 0.7 })]
    const prefixes: string[] = []
    for (const rows of windows) prefixes.push(await pass(rows))
    await world.pass(WINDOW_MS, 30_000)

    const before = await listed()
    expect(before).toHaveLength(3)
    for (const [i, { metrics, realised, abstained }] of before.entries()) {
      expect([abstained, realised]).toEqual([null, null])
      const { value, interval } = metrics.error_rate!
      const truth = errorOf(windows[i]!)
      expect(truth).toBeGreaterThanOrEqual(interval.low)
      expect(truth).toBeLessThanOrEqual(interval.high)
      expect(value).toBeCloseTo(truth, 1)
    }
    expect(before.map(({ dropped }) => dropped)).toEqual([false, true, true])
    expect(before[1]!.metrics.error_rate!.value).toBeGreaterThan(before[0]!.metrics.error_rate!.value + 0.1)
    expect(await told('estimates.dropped')).toHaveLength(1)
    const [detection] = await world.admin.call(drift.listDetections, { monitor: 'churn' })
    expect(await world.admin.call(triage.diagnoseDetection, { id: detection!.id })).toMatchObject({
      cause: 'covariate',
      performance: null,
      response: { suggested: 'retrain', why: expect.stringMatching(/estimated without labels rose/) },
    })

    for (const [i, prefix] of prefixes.entries()) await label(prefix, windows[i]!)
    const after = await listed()
    expect(after.map(({ realised }) => realised!.rows)).toEqual([500, 500, 500])
    for (const [i, { realised }] of after.entries()) expect(realised!.metrics.error_rate).toBeCloseTo(errorOf(windows[i]!), 6)
    expect(after.map(({ realised, suspicion }) => [realised!.covered, suspicion])).toEqual([
      [true, null],
      [true, null],
      [true, null],
    ])
    expect(await told('estimates.contradicted')).toEqual([])
    expect(await world.admin.call(estimates.calibration, { monitor: 'churn' })).toMatchObject({
      modelVersion: 1,
      faults: [],
      current: { rows: 1_500 },
      intervals: { windows: 3, held: 3, verdict: 'holding' },
    })
  })

  test('when what is true changes, the estimate cannot see it, and labels say so once, until they agree again', async () => {
    await serveGraded()
    const turned = () => drawRows(500, { middle: 0.8 })
    const rows = turned()
    const prefix = await pass(rows)
    await world.pass(15_000, 15_000)
    expect((await listed())[0]).toMatchObject({ dropped: false, suspicion: null, realised: null })
    await label(prefix, rows)
    const [window] = await listed()
    expect(window).toMatchObject({
      realised: { covered: false },
      suspicion: expect.stringMatching(/contradict the estimates: an error of \d/),
    })
    expect(await told('estimates.contradicted')).toHaveLength(1)

    for (const again of [turned(), drawRows(500), drawRows(500), drawRows(500)]) await label(await pass(again), again)
    expect(await told('estimates.contradicted')).toHaveLength(1)
    const seen = await listed()
    expect(seen.map(({ suspicion }) => suspicion !== null)).toEqual([true, true, true, true, false])
  })

  test('it abstains, and says why: no model, no reference rows, another version, too few rows, rows it never saw', async () => {
    await world.admin.call(documents.apply, { documents: [deployment(), monitor()] })
    const now = () => world.admin.call(estimates.estimateWindow, { monitor: 'churn' })
    expect(await now()).toMatchObject({ modelVersion: null, abstained: 'deployment churn serves nothing yet', metrics: {} })
    await registerModel(world.admin, 'churn', gradedModel(), { alias: 'champion' })
    await world.settle()
    expect(await now()).toMatchObject({ modelVersion: 1, abstained: expect.stringMatching(/without reference rows/) })
    await expect(world.admin.call(estimates.calibration, { monitor: 'churn' })).rejects.toMatchObject({ code: 'conflict' })

    await registerModel(world.admin, 'small', gradedModel(), { rows: drawRows(60), alias: 'champion' })
    await world.admin.call(documents.apply, { documents: [deployment('churn', 'small')] })
    await world.settle()
    expect(await now()).toMatchObject({ abstained: expect.stringMatching(/60 labelled rows; 200 are needed/) })

    await deployModel(world, 'other')
    await world.admin.call(documents.apply, { documents: [deployment('churn', 'other')] })
    await world.settle()
    await pass(drawRows(10))
    await pass(drawRows(300).map((row) => ({ ...row, a: row.a * 10 })))
    await world.pass(WINDOW_MS, 30_000)
    const reasons = (await listed()).map(({ abstained }) => abstained)
    expect(reasons).toEqual([
      expect.stringMatching(/10 rows with a score; 30 are needed/),
      expect.stringMatching(/far beyond the reference's range/),
    ])
    expect(await told('estimates.dropped')).toEqual([])
    await expect(world.admin.call(estimates.estimateWindow, { monitor: 'churn', fromMs: 9, toMs: 3 })).rejects.toMatchObject({
      code: 'invalid',
    })
    await expect(world.admin.call(estimates.estimateWindow, { monitor: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('what it rests on is sealed; after a restart the windows are as they were, and those missed are made up for, each once', async () => {
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-restart-'))
    const clock = createManualClock()
    const listedIn = (house: House) => house.client.call(estimates.listEstimates, { monitor: 'churn', limit: 100 })
    try {
      const first = await openHouse(data, clock)
      await registerModel(first.client, 'churn', gradedModel(), { rows: drawRows(2_000), alias: 'champion' })
      await first.client.call(documents.apply, { documents: [deployment(), monitor()] })
      await first.settle()
      await predict({ ...world, url: first.url }, first.token, 'churn', drawRows(400, { low: 0.3, high: 0.7 }), 'a')
      await first.settle()
      for (let i = 0; i < 5; i++) await first.pass(30_000)
      const before = await listedIn(first)
      expect(before.filter(({ dropped }) => dropped)).toHaveLength(1)
      await first.close()

      clock.advance(5 * WINDOW_MS)
      const second = await openHouse(data, clock)
      await second.pass(15_000)
      const after = await listedIn(second)
      expect(after.slice(-before.length)).toEqual(before)
      const starts = after.map(({ fromMs }) => fromMs)
      expect(starts).toEqual(starts.map((_, i) => starts[0]! - i * WINDOW_MS))
      expect(after.length).toBeGreaterThanOrEqual(before.length + 4)
      const events = await second.client.call(activity.listEvents, { limit: 500 })
      expect(events.filter(({ name }) => name === 'estimates.dropped')).toHaveLength(1)
      const entries = await second.client.call(ledger.listEntries, { limit: 50 })
      expect(entries.filter(({ operation }) => operation === 'estimates.freezeReference')).toHaveLength(1)
      expect(await second.client.call(ledger.verify, {})).toMatchObject({ intact: true })
      await second.close()
    } finally {
      fs.rmSync(data, { recursive: true, force: true })
    }
  })

  test('a project sees nothing of another’s estimates', async () => {
    await serveGraded()
    await pass(drawRows(300))
    await world.pass(WINDOW_MS, 30_000)
    expect(await listed()).toHaveLength(1)
    await world.admin.call(access.createProject, { name: 'fraud' })
    const other = await world.as('admin', 'fraud')
    for (const endpoint of [estimates.listEstimates, estimates.estimateWindow, estimates.calibration])
      await expect(other.call(endpoint, { monitor: 'churn' } as never)).rejects.toMatchObject({ code: 'not_found' })
    await registerModel(other, 'churn', modelWithCut(0.5), { rows: drawRows(300), alias: 'champion' })
    await other.call(documents.apply, { documents: [deployment(), monitor()] })
    await world.settle()
    expect(await other.call(estimates.listEstimates, { monitor: 'churn' })).toEqual([])
    expect(await other.call(estimates.estimateWindow, { monitor: 'churn' })).toMatchObject({ rows: 0, modelVersion: 1 })
  })
})
