import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import { telemetry as contract } from '../../../contract/telemetry.ts'
import { type Clock, systemClock } from '../../../infra/clock.ts'
import { type Columns, createColumns } from '../../../infra/columns/columns.ts'
import { silentLog } from '../../../infra/log.ts'
import { createSpool, type Spool } from '../../../infra/spool.ts'
import { createTelemetry, type PredictionRecord, type Segment, type SegmentConsumer, type Telemetry } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'setpoint-telemetry-'))
const migrations = fileURLToPath(new URL('../../../../migrations/columns', import.meta.url))
const START_MS = 1_700_000_000_000
const caller = (project: string): Caller => ({ id: 'ana', project, scopes: new Set(['read']), requestId: 'q' })

let columns: Columns
beforeAll(async () => {
  columns = await createColumns({ folder: join(folder, 'columns'), migrations, log: silentLog, clock: systemClock })
})
afterAll(async () => {
  await columns.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A clock that stands still until it is set, and lets passes be run by hand. */
function testClock() {
  let nowMs = START_MS
  const due = new Set<() => void>()
  const clock: Clock = {
    now: () => nowMs,
    after(_delayMs, run) {
      due.add(run)
      return () => due.delete(run)
    },
  }
  return {
    clock,
    due,
    set: (ms: number) => {
      nowMs = ms
    },
  }
}

let spoolCount = 0
type World = { telemetry: Telemetry; spool: Spool; seen: Segment[]; time: ReturnType<typeof testClock> }
function open(
  over: {
    columns?: Columns
    consumers?: SegmentConsumer[]
    spoolFolder?: string
    maxTotalBytes?: number
    nowMs?: number
    workersWaitSinceMs?: () => number | undefined
  } = {},
): World {
  const time = testClock()
  time.set(over.nowMs ?? START_MS)
  const spool = createSpool({
    folder: over.spoolFolder ?? join(folder, `spool-${spoolCount}`),
    node: `n${spoolCount++}`,
    log: silentLog,
    clock: time.clock,
    maxSegmentBytes: 1 << 20,
    maxTotalBytes: over.maxTotalBytes ?? 1 << 26,
    fsyncEveryMs: 100,
  })
  const { workersWaitSinceMs } = over
  const telemetry = createTelemetry({ columns: over.columns ?? columns, spool, clock: time.clock, log: silentLog, workersWaitSinceMs })
  const seen: Segment[] = []
  telemetry.start(over.consumers ?? [{ name: 'watcher', consume: async (segment) => void seen.push(segment) }])
  return { telemetry, spool, seen, time }
}

let project: string
let projectCount = 0
beforeEach(() => {
  project = `project-${projectCount++}`
})

function prediction(over: Partial<PredictionRecord> = {}): PredictionRecord {
  return {
    project,
    deployment: 'phishing',
    model: 'trees',
    version: 1,
    role: 'champion',
    recordId: 'r',
    atMs: START_MS,
    actor: 'ana',
    source: 'web',
    features: Float32Array.of(0.5, 2),
    score: 0.75,
    prediction: 1,
    otherVersion: 0,
    otherScore: Number.NaN,
    latencyUs: 100,
    ...over,
  }
}
const label = (recordId: string, value: number, over: object = {}) => ({
  recordId,
  label: value,
  source: 'feed',
  observedAtMs: START_MS,
  receivedAtMs: START_MS,
  ...over,
})

describe('from the record to the columns', () => {
  test('every prediction arrives once, at the consumer and in the store', async () => {
    const { telemetry, seen } = open()
    for (let i = 0; i < 5_000; i++) {
      telemetry.record(prediction({ recordId: `r${i}`, version: (i % 2) + 1, atMs: START_MS + i }))
      if (i % 7 === 0) telemetry.flush()
      if (i === 2_500) await telemetry.drain()
    }
    telemetry.flush()
    await telemetry.drain()
    expect(seen.flatMap((segment) => segment.predictions).reduce((sum, batch) => sum + batch.rows, 0)).toBe(5_000)
    expect(seen).toHaveLength(2)
    const rows = await columns.query(
      'SELECT count() AS n, uniqExact(record_id) AS ids, uniqExact(segment) AS segments FROM inference_records WHERE project = {project:String}',
      { project },
    )
    expect(rows).toEqual([{ n: 5_000, ids: 5_000, segments: 2 }])
  })

  test('a crash after the insert repeats the segment under its id and counts it once', async () => {
    const spoolFolder = join(folder, 'crash')
    const first = open({
      spoolFolder,
      consumers: [{ name: 'watcher', consume: () => Promise.reject(new AppError('unavailable', 'gone')) }],
    })
    first.telemetry.record(prediction())
    first.telemetry.flush()
    await expect(first.telemetry.drain()).rejects.toThrow('gone')
    const second = open({ spoolFolder })
    await second.telemetry.drain()
    expect(second.seen.map((segment) => segment.id)).toEqual(first.spool.sealed())
    expect(second.spool.sealed()).toEqual([])
    const rows = await columns.query('SELECT count() AS n FROM inference_records WHERE project = {project:String}', { project })
    expect(rows).toEqual([{ n: 1 }])
  })

  test('while the store fails, serving goes on, segments queue in order and health says why', async () => {
    let isDown = true
    const failing: Columns = {
      ...columns,
      insertBlock: (...given) =>
        isDown ? Promise.reject(new AppError('unavailable', 'the store is away')) : columns.insertBlock(...given),
    }
    const { telemetry, seen, time } = open({ columns: failing })
    for (let i = 0; i < 3; i++) {
      telemetry.record(prediction({ recordId: `r${i}` }))
      telemetry.flush()
      await expect(telemetry.drain()).rejects.toThrow('away')
    }
    expect(telemetry.health()).toMatchObject({ failures: 3, problem: 'the store is away', queuedSegments: 3 })
    isDown = false
    const [pass] = time.due
    pass!()
    await expect.poll(() => telemetry.health()).toMatchObject({ failures: 0, queuedSegments: 0, queuedBytes: 0 })
    expect(seen.flatMap((segment) => segment.predictions[0]!.recordIds)).toEqual(['r0', 'r1', 'r2'])
  })

  test('a consumer with a fault of its own does not hold up the stream for ever', async () => {
    const seen: string[] = []
    const { telemetry } = open({
      consumers: [
        { name: 'broken', consume: () => Promise.reject(new TypeError('bug')) },
        { name: 'sound', consume: async (segment) => void seen.push(segment.id) },
      ],
    })
    telemetry.record(prediction())
    telemetry.flush()
    for (let i = 0; i < 9; i++) await expect(telemetry.drain()).rejects.toThrow('bug')
    await telemetry.drain()
    expect(telemetry.health()).toMatchObject({ skipped: 1, queuedSegments: 0 })
    expect(seen).toHaveLength(1)
  })

  test('what was recorded before a moment is moved, and workers that still have some of it are waited for, but not for ever', async () => {
    let since: number | undefined
    const { telemetry, seen, time } = open({ workersWaitSinceMs: () => since })
    telemetry.record(prediction())
    await telemetry.moveUntil(START_MS + 1)
    expect(seen).toHaveLength(1)
    since = START_MS + 10
    await telemetry.moveUntil(START_MS + 10)
    const early = telemetry.moveUntil(START_MS + 11)
    await expect(early).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/workers still have records/) })
    // Of long ago: they are waited for as long after a start.
    since = START_MS - 86_400_000
    await expect(telemetry.moveUntil(START_MS - 80_000_000)).rejects.toMatchObject({ code: 'unavailable' })
    time.set(START_MS + 700_000)
    await telemetry.moveUntil(START_MS - 80_000_000)
    await expect(telemetry.moveUntil(START_MS + 11)).resolves.toBeUndefined()
    await expect(telemetry.moveUntil(START_MS + 600_000)).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('a full spool refuses instead of losing', () => {
    const { telemetry } = open({ maxTotalBytes: 400 })
    telemetry.record(prediction())
    telemetry.flush()
    for (let i = 0; i < 10; i++) telemetry.record(prediction())
    expect(() => telemetry.flush()).toThrow(expect.objectContaining({ code: 'storage_full' }))
    telemetry.record(prediction())
    telemetry.flush()
  })
})

describe('reports', () => {
  test('the newest records come page by page, with the newest label, of the own project only', async () => {
    const { telemetry } = open()
    for (let i = 0; i < 5; i++) telemetry.record(prediction({ recordId: `r${i}`, atMs: START_MS + (i === 4 ? 3 : i) }))
    telemetry.record(prediction({ project: 'elsewhere', recordId: 'theirs' }))
    telemetry.record(
      prediction({
        recordId: 'shadowed',
        atMs: START_MS - 1,
        otherVersion: 2,
        otherScore: 0.25,
        score: Number.NaN,
        features: Float32Array.of(Number.NaN, 1),
      }),
    )
    await telemetry.recordLabels(project, 'phishing', [
      label('r4', 0),
      label('r4', 1, { receivedAtMs: START_MS + 9, source: 'review' }),
      label('r0', 1),
    ])
    await telemetry.drain()
    // Labels are stored by the labels module; here its table is filled by hand.
    await columns.insert(
      'labels',
      [
        { project, deployment: 'phishing', record_id: 'r4', label: 0, source: 'feed', received_at: START_MS },
        { project, deployment: 'phishing', record_id: 'r4', label: 1, source: 'review', received_at: START_MS + 9 },
      ],
      { token: `${project} labels` },
    )
    const ids: string[] = []
    let after: string | undefined
    do {
      const page = contract.listRecords.output.parse(
        await telemetry.listRecords({ deployment: 'phishing', limit: 2, after }, caller(project)),
      )
      ids.push(...page.records.map((record) => record.recordId))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(ids).toEqual(['r4', 'r3', 'r2', 'r1', 'r0', 'shadowed'])
    const { records } = await telemetry.listRecords({ deployment: 'phishing', limit: 10 }, caller(project))
    expect(records[0]!.label).toEqual({ value: 1, source: 'review', receivedAt: START_MS + 9 })
    expect(records.at(-1)).toMatchObject({ other: { version: 2, score: 0.25 }, score: null, features: [null, 1], label: null })
    await expect(telemetry.listRecords({ deployment: 'phishing', limit: 2, after: 'x' }, caller(project))).rejects.toMatchObject({
      code: 'invalid',
    })
  })

  test('traffic is summed per deployment and version, and spread over time', async () => {
    const { telemetry, time } = open()
    for (let i = 0; i < 100; i++) {
      const isChallenger = i % 4 === 0
      telemetry.record(
        prediction({
          recordId: `r${i}`,
          atMs: START_MS + i * 100,
          version: isChallenger ? 2 : 1,
          role: isChallenger ? 'challenger' : 'champion',
          latencyUs: i + 1,
          score: 0.5,
        }),
      )
    }
    telemetry.record(prediction({ deployment: 'other', recordId: 'x' }))
    telemetry.flush()
    await telemetry.drain()
    time.set(START_MS + 10_000)
    const summary = contract.summarizeTraffic.output.parse(await telemetry.summarizeTraffic({ windowMs: 20_000 }, caller(project)))
    expect(summary.deployments.map((one) => [one.deployment, one.requests])).toEqual([
      ['other', 1],
      ['phishing', 100],
    ])
    const phishing = summary.deployments[1]!
    expect(phishing).toMatchObject({
      ratePerS: 5,
      versions: [
        { version: 1, role: 'champion', share: 0.75 },
        { version: 2, share: 0.25 },
      ],
    })
    expect(Math.abs(phishing.latencyUs.p50 - 50.5)).toBeLessThan(2)
    expect(await telemetry.summarizeTraffic({ windowMs: 20_000, deployment: 'other' }, caller(project))).toMatchObject({
      deployments: [{ requests: 1 }],
    })
    expect(await telemetry.summarizeTraffic({ windowMs: 20_000 }, caller('nobody'))).toMatchObject({ deployments: [] })

    await columns.insert(
      'labels',
      [0, 1, 2].map((i) => ({
        project,
        deployment: 'phishing',
        record_id: `r${i}`,
        label: i === 2 ? 0 : 1,
        source: 'feed',
        received_at: START_MS,
      })),
      { token: `${project} labels` },
    )
    const series = contract.seriesTraffic.output.parse(
      await telemetry.seriesTraffic({ deployment: 'phishing', windowMs: 10_000, buckets: 10 }, caller(project)),
    )
    expect(series.points.reduce((sum, point) => sum + point.requests, 0)).toBe(100)
    expect(series.points.find((point) => point.labelled > 0)).toMatchObject({ at: START_MS, labelled: 3, meanScore: 0.5, errorRate: 1 / 3 })
    expect(series.points.find((point) => point.at === START_MS + 5_000)).toMatchObject({ requests: 10, errorRate: null })
  })
})

describe('rows for training and triage', () => {
  const all = async (telemetry: Telemetry, over: object = {}) => {
    const ids: string[] = []
    const request = { project, deployment: 'phishing', fromMs: START_MS, toMs: START_MS + 100_000, limit: 100_000, ...over }
    for await (const page of telemetry.labelledRows(request)) ids.push(...page.map((row) => `${row.recordId}=${row.label}`))
    return ids
  }

  async function fill(telemetry: Telemetry, count: number) {
    for (let i = 0; i < count; i++) {
      telemetry.record(
        prediction({
          recordId: `r${String(i).padStart(5, '0')}`,
          atMs: START_MS + Math.floor(i / 3),
          actor: i % 10 === 0 ? 'mallory' : 'ana',
          source: i % 2 === 0 ? 'api' : 'web',
        }),
      )
    }
    telemetry.flush()
    await telemetry.drain()
    const labels = Array.from({ length: count }, (_, i) => ({
      project,
      deployment: 'phishing',
      record_id: `r${String(i).padStart(5, '0')}`,
      label: i % 2,
      source: i % 5 === 0 ? 'poisoned' : 'feed',
      received_at: START_MS,
    }))
    await columns.insert(
      'labels',
      labels.filter((_, i) => i % 3 !== 1),
      { token: `${project} labels` },
    )
  }

  test('every labelled row comes once, oldest or newest first, across the steps', async () => {
    const { telemetry } = open()
    await fill(telemetry, 25_000)
    const oldest = await all(telemetry)
    expect(oldest).toHaveLength(Array.from({ length: 25_000 }, (_, i) => i).filter((i) => i % 3 !== 1).length)
    expect(new Set(oldest).size).toBe(oldest.length)
    expect(oldest.slice(0, 3)).toEqual(['r00000=0', 'r00002=0', 'r00003=1'])
    expect(await all(telemetry, { order: 'newest' })).toEqual(oldest.toReversed())
    expect(await all(telemetry, { limit: 7_001 })).toEqual(oldest.slice(0, 7_001))
    expect(await all(telemetry, { project: 'nobody' })).toEqual([])
  })

  test('quarantined rows stay out: by time, and by actor, source and label source where named', async () => {
    const { telemetry } = open()
    await fill(telemetry, 90)
    const everything = await all(telemetry)
    const number = (row: string) => Number(row.slice(1, 6))
    const window = { fromMs: START_MS, toMs: START_MS + 10 }
    expect(await all(telemetry, { excluding: [window] })).toEqual(everything.filter((row) => number(row) >= 30))
    expect(await all(telemetry, { excluding: [{ ...window, actors: ['mallory', "'"] }] })).toEqual(
      everything.filter((row) => number(row) >= 30 || number(row) % 10 !== 0),
    )
    expect(
      await all(telemetry, {
        excluding: [
          { ...window, sources: ['api'], labelSources: ['poisoned'] },
          { fromMs: START_MS + 20, toMs: START_MS + 100 },
        ],
      }),
    ).toEqual(everything.filter((row) => number(row) < 60 && !(number(row) < 30 && number(row) % 2 === 0 && number(row) % 5 === 0)))
  })

  test('shares per actor and source', async () => {
    const { telemetry } = open()
    await fill(telemetry, 30)
    const shares = await telemetry.actorShares({ project, deployment: 'phishing', fromMs: START_MS, toMs: START_MS + 100 })
    expect(shares).toEqual([
      { actor: 'ana', source: 'web', rows: 15, meanScore: 0.75, meanDistance: 0.25, labelled: 10, labelledErrors: 0 },
      { actor: 'ana', source: 'api', rows: 12, meanScore: 0.75, meanDistance: 0.25, labelled: 8, labelledErrors: 8 },
      { actor: 'mallory', source: 'api', rows: 3, meanScore: 0.75, meanDistance: 0.25, labelled: 2, labelledErrors: 2 },
    ])
  })
})

test('days beyond the retention are dropped by the clock of the product', async () => {
  const DAY_MS = 86_400_000
  const old = open({ nowMs: START_MS - 40 * DAY_MS })
  old.telemetry.record(prediction({ recordId: 'old' }))
  old.telemetry.flush()
  await old.telemetry.drain()
  const now = open()
  now.telemetry.record(prediction({ recordId: 'new', atMs: START_MS - 40 * DAY_MS }))
  now.telemetry.flush()
  await now.telemetry.drain()
  const rows = await columns.query('SELECT record_id AS id FROM inference_records WHERE project = {project:String}', { project })
  expect(rows).toEqual([{ id: 'new' }])
})
