import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Caller } from '../../../contract/endpoint.ts'
import { labels as contract } from '../../../contract/labels.ts'
import { systemClock } from '../../../infra/clock.ts'
import { type Columns, createColumns } from '../../../infra/columns/columns.ts'
import { silentLog } from '../../../infra/log.ts'
import type { PredictionBatch, PredictionRecord, Segment, SegmentLabel } from '../telemetry/index.ts'
import { createLabels, type LabelledPair } from './index.ts'
import type { PairingLimits } from './pairing.ts'

const folder = mkdtempSync(join(tmpdir(), 'setpoint-labels-'))
const migrations = fileURLToPath(new URL('../../../../migrations/columns', import.meta.url))
const START_MS = 1_700_000_000_000

let columns: Columns
beforeAll(async () => {
  columns = await createColumns({ folder, migrations, log: silentLog, clock: systemClock })
})
afterAll(async () => {
  await columns.close()
  rmSync(folder, { recursive: true, force: true })
})

let project: string
let count = 0
beforeEach(() => {
  project = `project-${count++}`
})
const caller = (): Caller => ({ id: 'ana', project, scopes: new Set(['read', 'label']), requestId: 'q' })

type Made = Pick<PredictionRecord, 'recordId'> & Partial<PredictionRecord>

/** Predictions as the telemetry module hands them on; they are stored as it would store them. */
function batch(made: readonly Made[]): PredictionBatch {
  const { version = 1 } = made[0] ?? {}
  return {
    project,
    deployment: 'phishing',
    model: 'trees',
    version,
    role: 'champion',
    rows: made.length,
    recordIds: made.map((one) => one.recordId),
    actors: made.map((one) => one.actor ?? 'ana'),
    sources: made.map(() => 'web'),
    atMs: Float64Array.from(made, (one) => one.atMs ?? START_MS),
    scores: Float64Array.from(made, (one) => one.score ?? 0.9),
    predictions: Float64Array.from(made, (one) => one.prediction ?? 1),
    otherVersions: new Uint32Array(made.length),
    otherScores: new Float64Array(made.length).fill(Number.NaN),
    latencyUs: new Uint32Array(made.length),
    features: new Float32Array(0),
    ends: new Uint32Array(made.length),
  }
}

const label = (recordId: string, value: number, over: Partial<SegmentLabel> = {}): SegmentLabel => ({
  project,
  deployment: 'phishing',
  recordId,
  label: value,
  source: 'feed',
  observedAtMs: START_MS,
  receivedAtMs: START_MS + 1_000,
  ...over,
})

function open(over: { onPairs?: (id: string, pairs: readonly LabelledPair[]) => void; limits?: Partial<PairingLimits> } = {}) {
  let nowMs = START_MS
  const pairs: string[] = []
  const recorded: unknown[] = []
  const labels = createLabels({
    columns,
    telemetry: { recordLabels: async (...given) => void recorded.push(given) },
    clock: { now: () => nowMs, after: () => () => {} },
    log: silentLog,
    onPairs:
      over.onPairs ??
      ((id, found) =>
        void pairs.push(
          ...found.map(
            (pair) => `${id.split('-').at(-1)?.replace(/^0+/, '')} ${pair.recordId} ${pair.prediction}→${pair.label} v${pair.version}`,
          ),
        )),
    limits: over.limits,
  })
  async function consume(name: string, predictions: readonly Made[], received: readonly SegmentLabel[]) {
    const segment: Segment = {
      id: `${project}-${name.padStart(16, '0')}`,
      startedMs: START_MS,
      predictions: predictions.length === 0 ? [] : [batch(predictions)],
      labels: received,
    }
    await store(segment)
    await labels.consume(segment)
  }
  return {
    labels,
    pairs,
    recorded,
    consume,
    advance: (ms: number) => {
      nowMs += ms
    },
  }
}

/** What the telemetry module does before it hands a segment on. */
async function store(segment: Segment): Promise<void> {
  const rows = segment.predictions.flatMap((one) =>
    one.recordIds.map((record_id, i) => ({
      project: one.project,
      deployment: one.deployment,
      model: one.model,
      version: one.version,
      role: one.role,
      record_id,
      at: one.atMs[i],
      score: one.scores[i],
      prediction: one.predictions[i],
      segment: segment.id,
      stored_on: '2023-11-14',
    })),
  )
  await columns.insert('inference_records', rows, { token: segment.id })
}

describe('pairs of a prediction and its first label', () => {
  test('late, early, out of order, corrected and repeated labels: each record once', async () => {
    const { pairs, consume } = open()
    await consume(
      's1',
      [{ recordId: 'a' }, { recordId: 'b' }, { recordId: 'same' }],
      [label('same', 0), label('early', 1), label('early', 0)],
    )
    await consume(
      's2',
      [
        { recordId: 'c', version: 2 },
        { recordId: 'early', version: 2 },
      ],
      [label('b', 0), label('a', 1), label('a', 0), label('b', 0)],
    )
    await consume('s3', [], [label('a', 0), label('early', 0), label('c', 1), label('never', 1)])
    expect(pairs).toEqual(['s1 same 1→0 v1', 's2 early 1→1 v2', 's2 b 1→0 v1', 's2 a 1→1 v1', 's3 c 1→1 v2'])
  })

  test('a label for a prediction that memory no longer holds is matched in the store, once', async () => {
    const { pairs, consume } = open({ limits: { recent: 2 } })
    await consume('s1', [{ recordId: 'a' }, { recordId: 'b' }, { recordId: 'c' }, { recordId: 'd' }], [])
    await consume('s2', [], [label('a', 1), label('b', 0)])
    await consume('s3', [{ recordId: 'e' }, { recordId: 'f' }], [label('a', 0)])
    await consume('s4', [], [label('b', 1), label('c', 1)])
    expect(pairs).toEqual(['s2 a 1→1 v1', 's2 b 1→0 v1', 's4 c 1→1 v1'])
  })

  test('after a restart nothing is paired twice and what waited is still matched', async () => {
    const before = open()
    await before.consume('s1', [{ recordId: 'a' }, { recordId: 'b' }], [label('a', 1), label('waits', 0)])
    const after = open()
    await after.consume('s2', [{ recordId: 'waits' }], [label('a', 0), label('b', 0)])
    expect(after.pairs).toEqual(['s2 waits 1→0 v1', 's2 b 1→0 v1'])
  })

  test('a segment that comes again after a crash gives the same pairs', async () => {
    const first = open()
    await first.consume('s1', [{ recordId: 'a' }], [label('early', 1)])
    const crashed = open()
    await crashed.consume('s2', [{ recordId: 'early' }, { recordId: 'b' }], [label('a', 0), label('b', 1)])
    const again = open()
    await again.consume('s2', [{ recordId: 'early' }, { recordId: 'b' }], [label('a', 0), label('b', 1)])
    expect(crashed.pairs).toEqual(['s2 early 1→1 v1', 's2 a 1→0 v1', 's2 b 1→1 v1'])
    expect(again.pairs).toEqual(crashed.pairs)
    const stored = await columns.query('SELECT count() AS n FROM labels WHERE project = {project:String}', { project })
    expect(stored).toEqual([{ n: 3 }])
  })

  test('pairs that were not taken are handed on again, unchanged', async () => {
    let isBroken = true
    const taken: string[] = []
    const { consume } = open({
      onPairs: (_id, pairs) => {
        if (isBroken) throw new Error('not now')
        taken.push(...pairs.map((pair) => pair.recordId))
      },
    })
    await expect(consume('s1', [{ recordId: 'a' }], [label('a', 1)])).rejects.toThrow('not now')
    isBroken = false
    await consume('s1', [{ recordId: 'a' }], [label('a', 1)])
    expect(taken).toEqual(['a'])
  })

  test('a waiting label finds a prediction another process stored, and is given up in the end', async () => {
    const { pairs, consume, labels, advance } = open({ limits: { waitMs: 60_000 } })
    await consume('s1', [], [label('theirs', 1), label('nobody', 1)])
    expect(labels.health()).toEqual({ waiting: 2, givenUp: 0 })
    await store({ id: 'another-node-0000000000000001', startedMs: START_MS, predictions: [batch([{ recordId: 'theirs' }])], labels: [] })
    await consume('s2', [], [])
    expect(pairs).toEqual([])
    advance(1_000)
    await consume('s3', [], [])
    expect(pairs).toEqual(['s3 theirs 1→1 v1'])
    advance(60_001)
    await consume('s4', [], [])
    expect(labels.health()).toEqual({ waiting: 0, givenUp: 1 })
  })

  test('no more labels wait than the limit, and those given up are counted', async () => {
    const { consume, labels } = open({ limits: { waiting: 3 } })
    await consume(
      's1',
      [],
      ['a', 'b', 'c', 'd', 'e'].map((id) => label(id, 1)),
    )
    expect(labels.health()).toEqual({ waiting: 3, givenUp: 2 })
  })

  test('another project or deployment with the same record id is another record', async () => {
    const { pairs, consume } = open()
    await consume('s1', [{ recordId: 'a' }], [label('a', 1, { project: 'theirs' }), label('a', 1, { deployment: 'other' })])
    expect(pairs).toEqual([])
  })
})

test('labels go to the telemetry stream with the time they came', async () => {
  const { labels, recorded } = open()
  const input = contract.recordLabels.input.parse({
    deployment: 'phishing',
    labels: [
      { recordId: 'a', label: 1 },
      { recordId: 'b', label: 0, source: 'review', observedAt: 5 },
    ],
  })
  expect(await labels.recordLabels(input, caller())).toEqual({ accepted: 2 })
  expect(recorded).toEqual([
    [
      project,
      'phishing',
      [
        { recordId: 'a', label: 1, source: 'unknown', observedAtMs: START_MS, receivedAtMs: START_MS },
        { recordId: 'b', label: 0, source: 'review', observedAtMs: 5, receivedAtMs: START_MS },
      ],
    ],
  ])
  expect(contract.recordLabels.input.safeParse({ deployment: 'phishing', labels: [] }).success).toBe(false)
  expect(contract.recordLabels.input.safeParse({ deployment: 'phishing', labels: [{ recordId: 'a', label: Number.NaN }] }).success).toBe(
    false,
  )
})

describe('reports', () => {
  test('quality counts the newest label of each record, per version', async () => {
    const { labels, consume, advance } = open()
    const made = (version: number, from: number) =>
      Array.from({ length: 10 }, (_, i) => ({ recordId: `v${version}-${i}`, version, prediction: i < 5 ? 1 : 0, atMs: START_MS + from }))
    await consume('s1', made(1, 0), [])
    await consume('s2', made(2, 10), [])
    // Version 1: 4 true and 1 false positive, 1 false and 2 true negatives. Version 2: 1 true positive. The rest unlabelled.
    const truths = [1, 1, 1, 1, 0, 1, 0, 0]
    await consume('s3', [], [...truths.map((truth, i) => label(`v1-${i}`, truth)), label('v2-0', 0), label('absent', 1)])
    await consume(
      's4',
      [],
      [label('v2-0', 1, { receivedAtMs: START_MS + 5_000, source: 'review' }), label('v2-0', 0, { receivedAtMs: START_MS + 10 })],
    )
    advance(10_000)
    const report = contract.measureQuality.output.parse(
      await labels.measureQuality({ deployment: 'phishing', windowMs: 60_000, positive: 1 }, caller()),
    )
    expect(report).toMatchObject({
      predictions: 20,
      labelled: 9,
      coverage: 0.45,
      errorRate: 2 / 9,
      unmatched: 1,
      precision: 5 / 6,
      recall: 5 / 6,
      f1: 10 / 12,
    })
    expect(report.versions).toEqual([
      { version: 1, predictions: 10, labelled: 8, errorRate: 0.25, precision: 0.8, recall: 0.8, f1: 0.8 },
      { version: 2, predictions: 10, labelled: 1, errorRate: 0, precision: 1, recall: 1, f1: 1 },
    ])
    expect(report.confusion).toEqual([
      { label: 1, predicted: 1, count: 5 },
      { label: 0, predicted: 0, count: 2 },
      { label: 0, predicted: 1, count: 1 },
      { label: 1, predicted: 0, count: 1 },
    ])
    expect(report.labelDelayMs).toEqual({ p50: 1_000, p95: 1_000 })
  })

  test('nothing predicted is an empty report, not an error', async () => {
    const { labels } = open()
    const report = contract.measureQuality.output.parse(
      await labels.measureQuality({ deployment: 'absent', windowMs: 60_000, positive: 1 }, caller()),
    )
    expect(report).toMatchObject({ predictions: 0, labelled: 0, coverage: null, f1: null, labelDelayMs: null, confusion: [], versions: [] })
  })

  test('sources are told apart by how often they disagree', async () => {
    const { labels, consume, advance } = open()
    await consume('s1', [{ recordId: 'a' }, { recordId: 'b' }, { recordId: 'c' }], [])
    const poisoned = ['a', 'b', 'c'].map((id) => label(id, 0, { source: 'poisoned' }))
    await consume('s2', [], [...poisoned, label('a', 1), label('b', 1), label('x', 1), label('a', 0, { receivedAtMs: START_MS })])
    advance(10_000)
    const { sources } = contract.listLabelSources.output.parse(
      await labels.listLabelSources({ deployment: 'phishing', windowMs: 60_000 }, caller()),
    )
    expect(sources).toEqual([
      { source: 'feed', labels: 4, records: 3, modelDisagreement: 0, sourceDisagreement: 1 },
      { source: 'poisoned', labels: 3, records: 3, modelDisagreement: 1, sourceDisagreement: 1 },
    ])
  })
})
