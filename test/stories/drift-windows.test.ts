import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { documents } from '../../src/contract/documents.ts'
import { drift } from '../../src/contract/drift.ts'
import { incidents } from '../../src/contract/incidents.ts'
import { labels } from '../../src/contract/labels.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { deployModel, openWorld, predict, type Row, rowsOf, type World } from '../world.ts'

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

const WINDOW_MS = 60_000

function monitor(spec: object = {}, windows: object = {}) {
  return {
    apiVersion: 'setpoint/v1',
    kind: 'Monitor',
    metadata: { name: 'churn' },
    spec: {
      deployment: 'churn',
      falseAlarmBudget: { everyRows: 1e12 },
      windows: { seconds: 60, leastRows: 100, sustained: { windows: 2, of: 3 }, clearAfter: 2, ...windows },
      ...spec,
    },
  }
}

const declare = async (document: object) => void (await world.admin.call(documents.apply, { documents: [document as never] }))

/** One window of traffic, up to the moment at which it has been judged. */
async function pass(rows: readonly Row[], label?: (row: Row) => number): Promise<void> {
  const prefix = `w${sent++}`
  await predict(world, token, 'churn', rows, prefix, (row) => ({ actor: `user-${row % 50}`, source: row % 10 === 0 ? 'app' : 'web' }))
  if (label)
    await world.admin.call(labels.recordLabels, {
      deployment: 'churn',
      labels: rows.map((row, i) => ({ recordId: `${prefix}-${i}`, label: label(row), source: 'desk' })),
    })
  await world.settle()
  await world.pass(WINDOW_MS, 15_000)
}

/** Rows whose `b` lies in the upper half; the model does not look at it. */
const movedRows = (count: number) => rowsOf(world.random, count).map((row) => ({ ...row, b: 0.5 + row.b / 2 }))
const windowsSeen = async () => (await world.admin.call(drift.listWindows, { monitor: 'churn', limit: 50 })).reverse()

describe('windows of a monitor', () => {
  test('drift of the inputs alone is watched, then a ticket; when it is over the ticket says so', async () => {
    await declare(monitor())
    for (const rows of [rowsOf(world.random, 300), rowsOf(world.random, 20)]) await pass(rows)
    for (let i = 0; i < 3; i++) await pass(movedRows(300))
    for (let i = 0; i < 3; i++) await pass(rowsOf(world.random, 300))
    await world.pass(WINDOW_MS, 15_000)

    const judged = (await windowsSeen()).filter(({ rows }) => rows > 0)
    expect(judged.map(({ verdict }) => verdict)).toEqual([
      'stable',
      'insufficient_data',
      'drift',
      'drift',
      'drift',
      'stable',
      'stable',
      'stable',
    ])
    expect(judged.map(({ standing }) => standing)).toEqual([
      'calm',
      'calm',
      'watching',
      'sustained',
      'sustained',
      'sustained',
      'calm',
      'calm',
    ])
    expect(judged[3]).toMatchObject({ columns: ['b'], severity: 'severe', driftedShare: 0.5, modelVersion: 1 })
    const [incident, ...others] = await world.admin.call(incidents.listIncidents, { limit: 10 })
    expect(others).toEqual([])
    expect(incident).toMatchObject({ severity: 'ticket', title: 'Lasting drift: b', state: 'open' })
    expect(incident!.timeline.at(-1)!.text).toContain('look like the reference again')
  })

  test('a second signal that agrees makes it a page', async () => {
    await declare(monitor())
    // Four fifths instead of half are above the cut: the score and what is true move with the input.
    const high = (count: number) =>
      rowsOf(world.random, count).map((row) => (world.random.bernoulli(0.6) ? { ...row, a: 0.5 + row.a / 2, label: 1 as const } : row))
    for (let i = 0; i < 3; i++) await pass(high(300), ({ label }) => label)
    await world.pass(WINDOW_MS, 15_000)
    const [incident] = await world.admin.call(incidents.listIncidents, { limit: 10 })
    expect(incident).toMatchObject({ severity: 'page', title: expect.stringMatching(/Lasting drift: .*a/) })
    expect(incident!.timeline[0]!.text).toMatch(/Suggested: /)
  })

  test('a report of any stretch can be asked for, with its segments', async () => {
    await declare(
      monitor({
        segments: [
          { name: 'low', where: [{ feature: 'a', below: 0.3 }] },
          { name: 'high', where: [{ feature: 'a', from: 0.3 }] },
          { name: 'gone', where: [{ feature: 'tenure', below: 3 }] },
          { name: 'app', where: [{ source: ['app'] }] },
        ],
      }),
    )
    const fromMs = world.clock.now()
    await pass(rowsOf(world.random, 2_000).map((row) => (row.a < 0.3 ? { ...row, b: 0.8 + row.b / 5 } : row)))
    const report = await world.admin.call(drift.compareWindow, { monitor: 'churn', fromMs, toMs: world.clock.now() })
    expect(report).toMatchObject({ format: 'setpoint.drift-report/1', current: { rows: 2_000 }, reference: { rows: 2_000 } })
    expect(report.columns.map(({ name, role }) => [name, role])).toEqual([
      ['a', 'feature'],
      ['b', 'feature'],
      ['(score)', 'score'],
      ['(prediction)', 'prediction'],
      ['(label)', 'label'],
    ])
    expect(report.columns.find(({ name }) => name === 'b')).toMatchObject({ verdict: 'drift' })
    expect(report.columns.find(({ name }) => name === 'a')).toMatchObject({ verdict: 'stable' })
    expect(report.columns.find(({ name }) => name === '(label)')).toMatchObject({ verdict: 'insufficient_data' })
    const [low, high, app, gone] = report.segments
    expect(low).toMatchObject({ verdict: 'drift', reason: 'b' })
    expect(high).toMatchObject({ verdict: 'stable' })
    expect(app).toMatchObject({ verdict: 'insufficient_data', reason: 'the reference has no row of this segment' })
    expect(gone).toMatchObject({ verdict: 'insufficient_data', reason: 'it names feature tenure, which version 1 does not have' })
    await expect(world.admin.call(drift.compareWindow, { monitor: 'churn', fromMs: 10, toMs: 5 })).rejects.toMatchObject({
      code: 'invalid',
    })
    await expect(world.admin.call(drift.compareWindow, { monitor: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('features that are one vector are judged as one, and all features together as well', async () => {
    await declare(monitor({ embeddings: [{ name: 'vector', features: ['a', 'b'] }] }))
    const fromMs = world.clock.now()
    await pass(rowsOf(world.random, 1_500).map((row) => ({ ...row, b: row.a / 2 + row.b / 2 })))
    const stretch = { monitor: 'churn', fromMs, toMs: world.clock.now() }
    const report = await world.admin.call(drift.compareWindow, stretch)
    expect(report.columns.map(({ name, kind }) => [name, kind])).toContainEqual(['vector', 'embedding'])
    expect(report.columns.map(({ name }) => name)).not.toContain('a')
    await declare(monitor())
    const apart = await world.admin.call(drift.compareWindow, stretch)
    expect(apart.joint).toMatchObject({ verdict: 'drift', columns: expect.arrayContaining([expect.objectContaining({ name: 'b' })]) })
  })

  test('against earlier cycles, what returns every day is no drift', async () => {
    await declare(
      monitor({}, { seconds: 43_200, reference: { kind: 'cycles', cycle: 'day', cycles: 2 }, sustained: { windows: 1, of: 1 } }),
    )
    const night = () => movedRows(400)
    const stretches: { fromMs: number; toMs: number }[] = []
    for (let day = 0; day < 3; day++) {
      const fromMs = world.clock.now()
      await predict(world, token, 'churn', night(), `day${day}`)
      await world.settle()
      stretches.push({ fromMs, toMs: fromMs + 3_600_000 })
      token = await world.token('operator')
      if (day < 2) await world.pass(86_400_000, 21_600_000)
      token = await world.token('operator')
    }
    const client = await world.as('operator')
    const report = await client.call(drift.compareWindow, { monitor: 'churn', ...stretches[2]! })
    expect(report).toMatchObject({ verdict: 'stable', reference: { name: 'the same time of the last 2 days', rows: 800 } })
    await world.as('admin').then((admin) => admin.call(documents.apply, { documents: [monitor({}, { seconds: 43_200 }) as never] }))
    expect(await client.call(drift.compareWindow, { monitor: 'churn', ...stretches[2]! })).toMatchObject({ verdict: 'drift' })
  })

  test('windows of an absence are made up for, each once', async () => {
    await declare(monitor())
    await pass(rowsOf(world.random, 200))
    const before = (await windowsSeen()).length
    world.clock.advance(25_000)
    await world.settle()
    await world.pass(5 * WINDOW_MS, 30_000)
    const seen = await windowsSeen()
    expect(seen.length).toBeGreaterThanOrEqual(before + 4)
    const starts = seen.map(({ fromMs }) => fromMs)
    expect(starts).toEqual(starts.map((_, i) => starts[0]! + i * WINDOW_MS))
  })
})

describe('what people say of detections', () => {
  test('a detection is judged once more each time, in the ledger, and the review counts it', async () => {
    await declare(monitor({ falseAlarmBudget: { everyRows: 1_000 } }))
    await pass(movedRows(2_000))
    const [detection] = await world.admin.call(drift.listDetections, { limit: 10 })
    expect(detection).toMatchObject({ judgement: null })
    const unjudged = await world.admin.call(drift.reviewMonitor, { monitor: 'churn', days: 30 })
    expect(unjudged).toMatchObject({ detections: 1, unjudged: 1, rows: 2_000, expectedFalseAlarms: 2 })
    const judged = await world.admin.call(drift.judgeDetection, { id: detection!.id, judgement: 'false_alarm', reason: 'a load test' })
    expect(judged.judgement).toMatchObject({ verdict: 'false_alarm', reason: 'a load test' })
    const review = await world.admin.call(drift.reviewMonitor, { monitor: 'churn', days: 30 })
    expect(review).toMatchObject({ falseAlarms: 1, trueAlarms: 0, unjudged: 0, suggested: null })
    const entries = await world.admin.call(ledger.listEntries, { limit: 5 })
    expect(entries.some(({ operation }) => operation === 'drift.judgeDetection')).toBe(true)
    await expect(
      world.admin.call(drift.judgeDetection, { id: 'drift_none', judgement: 'true_alarm', reason: 'none' }),
    ).rejects.toMatchObject({
      code: 'not_found',
    })
    const elsewhere = await world.as('operator', 'default')
    expect(await elsewhere.call(drift.listDetections, { limit: 10 })).toHaveLength(1)
  })
})
