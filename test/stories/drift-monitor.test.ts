import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { activity } from '../../src/contract/activity.ts'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { labels } from '../../src/contract/labels.ts'
import { deployModel, deployment, modelWithCut, openWorld, predict, type Row, registerModel, rowsOf, type World } from '../world.ts'

let world: World
let token: string
let sent = 0
beforeEach(async () => {
  world = await openWorld()
  token = await world.token('operator')
  sent = 0
  await deployModel(world)
})
afterEach(async () => await world.close())

const HOUR_MS = 3_600_000

async function declare(spec: object): Promise<void> {
  const document = { apiVersion: 'setpoint/v1', kind: 'Monitor', metadata: { name: 'churn' }, spec: { deployment: 'churn', ...spec } }
  const admin = await world.as('admin')
  await admin.call(documents.apply, { documents: [document as never] })
}

async function send(rows: readonly Row[]): Promise<void> {
  await predict(world, token, 'churn', rows, `s${sent++}`)
  await world.settle()
}

const detectionsIn = async () => await (await world.as('operator')).call(drift.listDetections, { limit: 50 })
const movedRows = (count: number) => rowsOf(world.random, count).map((row) => ({ ...row, b: 0.5 + row.b / 2 }))

describe('a budget in days', () => {
  test('is kept by the clock, not by the rows, and still sees a change at once', async () => {
    await declare({ falseAlarmBudget: { everyDays: 30 } })
    for (let i = 0; i < 5; i++) {
      await send(rowsOf(world.random, 400))
      await world.pass(10_000, 5_000)
    }
    const calm = await world.admin.call(drift.getMonitor, { monitor: 'churn' })
    expect(calm.budget).toEqual({ unit: 'seconds', every: 30 * 86_400 })
    expect(calm.signals.every(({ alarmed }) => !alarmed)).toBe(true)
    for (let i = 0; i < 5; i++) {
      await send(movedRows(400))
      await world.pass(1_000)
    }
    const detections = await detectionsIn()
    expect(detections).toHaveLength(1)
    expect(detections[0]!.top[0]).toMatchObject({ stream: 'b' })
  })
})

describe('segments', () => {
  test('a small one that moves is seen among rows that do not, by its own name', async () => {
    await declare({
      falseAlarmBudget: { everyRows: 1_000_000 },
      segments: [
        { name: 'low', where: [{ feature: 'a', below: 0.1 }] },
        { name: 'rest', where: [{ feature: 'a', from: 0.1 }] },
      ],
    })
    const lowMoved = (count: number) => rowsOf(world.random, count).map((row) => (row.a < 0.1 ? { ...row, b: row.b / 4 } : row))
    await send(rowsOf(world.random, 2_000))
    expect(await detectionsIn()).toEqual([])
    await send(lowMoved(3_000))
    const [detection] = await detectionsIn()
    expect(detection!.top[0]).toMatchObject({ stream: 'low/b' })
  })
})

describe('further detectors', () => {
  test('see what the labels and the scores do, and tell of it without a detection of their own', async () => {
    await declare({
      falseAlarmBudget: { everyRows: 1e12 },
      tolerance: { features: 0.5, error: 0.5 },
      detectors: [
        { name: 'adwin', kind: 'adwin' },
        { name: 'rates', kind: 'lfr' },
        { name: 'scores', kind: 'page-hinkley', on: 'score', options: { threshold: 20 } },
      ],
    })
    const labelled = async (rows: readonly Row[], wrong: (i: number) => boolean) => {
      const prefix = `s${sent}`
      await send(rows)
      const told = rows.map(({ label }, i) => ({ recordId: `${prefix}-${i}`, label: wrong(i) ? 1 - label : label, source: 'desk' }))
      await world.admin.call(labels.recordLabels, { deployment: 'churn', labels: told })
      await world.settle()
    }
    await labelled(rowsOf(world.random, 1_000), () => false)
    const calm = await world.admin.call(drift.getMonitor, { monitor: 'churn' })
    expect(calm.detectors).toMatchObject([
      { name: 'adwin', on: 'error', rows: 1_000, drifts: 0 },
      { name: 'rates', drifts: 0 },
      { name: 'scores', on: 'score', rows: 1_000, drifts: 0 },
    ])
    await labelled(
      rowsOf(world.random, 1_000).map((row) => ({ ...row, a: 0.5 + row.a / 2, label: 1 })),
      (i) => i % 2 === 0,
    )
    const { detectors } = await world.admin.call(drift.getMonitor, { monitor: 'churn' })
    for (const { drifts, lastDriftMs } of detectors) {
      expect(drifts).toBeGreaterThanOrEqual(1)
      expect(lastDriftMs).toBeGreaterThan(0)
    }
    const told = await world.admin.call(activity.listEvents, { limit: 200 })
    expect(new Set(told.filter(({ name }) => name === 'drift.noticed').map(({ data }) => (data as { detector: string }).detector))).toEqual(
      new Set(['adwin', 'rates', 'scores']),
    )
    expect(await detectionsIn()).toEqual([])
  })

  test('that cannot be are refused when they are declared', async () => {
    const declared = (detectors: object[]) => declare({ falseAlarmBudget: { everyRows: 10_000 }, detectors })
    await expect(declared([{ name: 'x', kind: 'adwin', options: { delta: 'small' } }])).rejects.toMatchObject({
      message: expect.stringMatching(/delta of adwin is a number/),
    })
    await expect(declared([{ name: 'x', kind: 'ddm', on: 'score' }])).rejects.toMatchObject({
      message: expect.stringMatching(/watches errors/),
    })
    await expect(declared([{ name: 'x', kind: 'e-bernoulli' }])).rejects.toMatchObject({ message: expect.stringMatching(/needs baseline/) })
    await expect(declared([{ name: 'x', kind: 'none' }])).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('a season', () => {
  const noon = (atMs: number) => Math.floor(atMs / HOUR_MS) % 24 >= 12
  /** By day `b` lies in its upper half, by night everywhere. */
  const rowsAt = (atMs: number, count: number) => (noon(atMs) ? movedRows(count) : rowsOf(world.random, count))

  test('what every day does is no drift once it is frozen, and the wrong hour is', async () => {
    world.clock.advance(HOUR_MS - (world.clock.now() % HOUR_MS))
    const fromMs = world.clock.now()
    for (let hour = 0; hour < 24; hour++) {
      token = await world.token('operator')
      await send(rowsAt(world.clock.now(), 250))
      await world.pass(HOUR_MS, HOUR_MS)
    }
    await declare({ falseAlarmBudget: { everyRows: 100_000 }, season: 'hour_of_day' })
    const admin = await world.as('admin')
    const toMs = fromMs + 24 * HOUR_MS
    const few = { monitor: 'churn', fromMs, toMs: fromMs + 3 * HOUR_MS, reason: 'too short' }
    await expect(admin.call(drift.freezeSeason, few)).rejects.toMatchObject({ code: 'invalid' })
    const frozen = await admin.call(drift.freezeSeason, { monitor: 'churn', fromMs, toMs, reason: 'a day that was right' })
    expect(frozen).toMatchObject({ season: 'hour_of_day', buckets: 24, rows: 24 * 250, leastRows: 250 })
    for (let hour = 0; hour < 24; hour++) {
      token = await world.token('operator')
      await send(rowsAt(world.clock.now(), 250))
      await world.pass(HOUR_MS, HOUR_MS)
    }
    expect(await detectionsIn()).toEqual([])
    token = await world.token('operator')
    while (noon(world.clock.now())) await world.pass(HOUR_MS, HOUR_MS)
    token = await world.token('operator')
    await send(movedRows(1_000))
    expect(await detectionsIn()).toMatchObject([{ signal: 'features' }])
  })

  test('cannot be frozen where none is declared, nor from hours without traffic', async () => {
    await declare({ falseAlarmBudget: { everyRows: 100_000 } })
    const stretch = { monitor: 'churn', fromMs: 0, toMs: 24 * HOUR_MS, reason: 'for a test' }
    await expect(world.admin.call(drift.freezeSeason, stretch)).rejects.toMatchObject({ message: expect.stringMatching(/has no season/) })
    await declare({ falseAlarmBudget: { everyRows: 100_000 }, season: 'hour_of_day' })
    await expect(world.admin.call(drift.freezeSeason, stretch)).rejects.toMatchObject({ message: expect.stringMatching(/has 0 rows/) })
  })
})

describe('a simulation', () => {
  async function serve(name: string, rows: readonly Row[]): Promise<void> {
    await registerModel(world.admin, name, modelWithCut(0.5), { rows, alias: 'champion' })
    await world.admin.call(documents.apply, { documents: [deployment(name)] })
    await world.settle()
  }

  test('shows on the reference itself that the budget holds, and how soon a change is seen', async () => {
    await declare({ falseAlarmBudget: { everyRows: 5_000 } })
    const found = await world.admin.call(drift.simulate, { monitor: 'churn', streams: 20, rows: 5_000, blockRows: 1 })
    expect(found).toMatchObject({ modelVersion: 1, streams: 20, rows: 100_000, holds: true, notes: [] })
    const [features, error] = found.signals
    expect(features).toMatchObject({ signal: 'features', draws: 'rows', referenceRows: 2_000, rows: 100_000, holds: true })
    expect(features!.power.map(({ change }) => change)).toEqual(
      expect.arrayContaining(['a by 1 deviation', 'a by 0.5 deviations', 'b missing in 5 % of rows']),
    )
    const large = features!.power.find(({ change }) => change === 'b by 1 deviation')!
    expect(large.detected).toBe(large.streams)
    expect(large.medianDelayRows).toBeLessThan(400)
    expect(error).toMatchObject({ signal: 'error', draws: 'rows', referenceRows: 2_000, rows: 100_000, holds: true })
    // Each signal has half of the budget of one alarm in 5,000 rows; both together have all of it.
    for (const { falseAlarms, shareOfBudget, shareOfBudgetHigh } of found.signals) {
      expect(shareOfBudget).toBeCloseTo(falseAlarms / 10, 9)
      expect(shareOfBudgetHigh).toBeGreaterThan(shareOfBudget)
    }
    expect(found.falseAlarms).toBe(features!.falseAlarms + error!.falseAlarms)
    expect(found.shareOfBudget).toBeCloseTo(found.falseAlarms / 20, 9)
  })

  test('of the labelled error draws the version’s own errors, and says what rises it would see', async () => {
    await declare({ falseAlarmBudget: { everyRows: 5_000 }, tolerance: { features: 0.02, error: 0 } })
    const profile = await world.admin.call(drift.getProfile, { model: 'churn', version: 1 })
    const ask = { monitor: 'churn', streams: 10, rows: 5_000 }
    const found = await world.admin.call(drift.simulate, { ...ask, blockRows: 1 })
    const { power } = found.signals[1]!
    const rate = profile.errorRate!
    expect(power.map(({ change }) => change)).toEqual(
      [rate * 1.25, rate * 1.5, rate * 2, rate + 0.05].map(
        (to) => `labelled error from ${Number(rate.toPrecision(3))} to ${Number(to.toPrecision(3))}`,
      ),
    )
    const [, , doubled, raised] = power
    expect(raised!.detected).toBe(raised!.streams)
    // Five points on one in a hundred: a test of the two rates at this budget needs some tens of wrong rows, so a few hundred rows.
    expect(raised!.medianDelayRows).toBeLessThan(400)
    // Judged in blocks of eight, as a monitor does, from the 500 calm rows before the change on.
    expect((500 + raised!.medianDelayRows!) % 8).toBe(0)
    expect(doubled!.medianDelayRows ?? 5_000).toBeGreaterThan(raised!.medianDelayRows!)
    const blocks = await world.admin.call(drift.simulate, { ...ask, blockRows: 50 })
    expect(blocks).toMatchObject({ notes: [], signals: [{ draws: 'rows' }, { draws: 'rows' }] })
    await expect(world.admin.call(drift.simulate, { ...ask, blockRows: 2_001 })).rejects.toMatchObject({ code: 'invalid' })
  })

  test('of a reference larger than what is kept of it draws errors by their rate, and says so', async () => {
    await serve('other', rowsOf(world.random, 6_000))
    await declare({ deployment: 'other', falseAlarmBudget: { everyRows: 5_000 } })
    const ask = { monitor: 'churn', streams: 10, rows: 1_000 }
    const found = await world.admin.call(drift.simulate, { ...ask, blockRows: 20 })
    expect(found.signals).toMatchObject([
      { signal: 'features', draws: 'rows', referenceRows: 5_000 },
      { signal: 'error', draws: 'error_rate', referenceRows: 6_000 },
    ])
    expect(found.notes).toEqual([
      expect.stringMatching(/keeps 5000 of its 6000 rows, chosen by chance/),
      expect.stringMatching(/errors are drawn one by one at the error rate/),
    ])
    expect((await world.admin.call(drift.simulate, { ...ask, blockRows: 1 })).notes).toEqual([])
  })

  test('leaves out a labelled error that cannot be watched, with the reason', async () => {
    const wrong = rowsOf(world.random, 300).map((row) => ({ ...row, label: (row.a > 0.5 ? 0 : 1) as 0 | 1 }))
    await serve('other', wrong)
    await declare({ deployment: 'other', falseAlarmBudget: { everyRows: 5_000 } })
    const found = await world.admin.call(drift.simulate, { monitor: 'churn', streams: 10, rows: 1_000, blockRows: 1 })
    expect(found.signals.map(({ signal }) => signal)).toEqual(['features'])
    expect(found.notes).toEqual([expect.stringMatching(/300 errors in 300 leaves no rise to detect/)])
  })

  test('says what it cannot do', async () => {
    await declare({ falseAlarmBudget: { everyDays: 30 } })
    const ask = { monitor: 'churn', streams: 10, rows: 1_000, blockRows: 1 }
    await expect(world.admin.call(drift.simulate, ask)).rejects.toMatchObject({ message: expect.stringMatching(/had no traffic/) })
    const huge = { ...ask, streams: 2_000, rows: 1_000_000, falseAlarmBudget: { everyRows: 1_000 } }
    await expect(world.admin.call(drift.simulate, huge)).rejects.toMatchObject({ code: 'too_large' })
  })
})
