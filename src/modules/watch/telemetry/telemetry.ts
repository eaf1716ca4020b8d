import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { InferenceRecord, TrafficPoint, TrafficSummary, telemetry } from '../../../contract/telemetry.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Columns } from '../../../infra/columns/columns.ts'
import { createPrune } from '../../../infra/columns/retention.ts'
import type { Log } from '../../../infra/log.ts'
import type { Spool } from '../../../infra/spool.ts'
import { countLabelled, type LabelledRow, type LabelledRowsRequest, labelledRows } from './labelled-rows.ts'
import { createPump, type Pump, type PumpHealth } from './pump.ts'
import { createRecorder, FULL_BATCH_BYTES, labelFramesFrom } from './recorder.ts'
import type { LabelRecord, PredictionRecord, Segment, SegmentConsumer } from './segment.ts'
import {
  type ActorShare,
  createTelemetryStore,
  type LabelRow,
  type RecordRow,
  type SampledRow,
  type TelemetryStore,
  type TrafficRow,
  type Window,
} from './store.ts'

export type TelemetryDeps = {
  readonly columns: Columns
  /** Its segments must hold a megabyte or more. */
  readonly spool: Spool
  readonly clock: Clock
  readonly log: Log
  /** How long predictions are kept. */
  readonly retentionDays?: number
  /** Since when records of other processes on the same folder wait to be moved; undefined when none do. */
  readonly workersWaitSinceMs?: () => number | undefined
}

export type Telemetry = Verbs<typeof telemetry> & {
  /**
   * Takes one prediction. Synchronous; costs about a microsecond. It is safe after the next `flush`. Throws
   * `too_large`, or `storage_full` as `flush` does.
   */
  record(prediction: PredictionRecord): void
  /**
   * Writes what was recorded to the spool: call once per turn of the event loop, before the replies are sent. Throws
   * `storage_full`; then none of it is kept, and none of it may be acknowledged.
   */
  flush(): void
  /** Takes labels and resolves when they are on the disk itself. Throws `storage_full`. */
  recordLabels(project: string, deployment: string, labels: readonly LabelRecord[]): Promise<void>
  /** Begins to move what is recorded into the columns and on to the consumers, in order, every 250 ms or 2,048 records. */
  start(consumers: readonly SegmentConsumer[]): void
  /** Moves what a process that has ended left in its spool; throws what stops it. After `start`. */
  adopt(left: Spool): Promise<void>
  /** Moves everything recorded so far; throws what stops it, and then it stays queued. */
  drain(): Promise<void>
  /**
   * Moves what was recorded before a moment, so that it can be read. Throws what stops it, and `unavailable` while workers on the same folder
   * still have some of it; ten minutes after that moment, or after the start, they are waited for no longer.
   */
  moveUntil(untilMs: number): Promise<void>
  /** Stops moving. What is queued stays on disk for the next start. */
  stop(): Promise<void>
  health(): PumpHealth
  /** The labelled predictions of a window, a page at a time. */
  labelledRows(request: LabelledRowsRequest): AsyncGenerator<readonly LabelledRow[]>
  /** How many labelled predictions a window has. */
  countLabelled(request: Omit<LabelledRowsRequest, 'limit' | 'order'>): Promise<number>
  /** At most `limit` predictions of a window, chosen by chance, the same ones each time. */
  sampleRows(request: Window & { readonly limit: number }): Promise<SampledRow[]>
  /** Who asked for how much in a window, and how it went: the evidence for telling an attack from a change. Largest first. */
  actorShares(window: Window & { readonly limit?: number }): Promise<ActorShare[]>
}

const RECORDS_PER_PASS = 2_048
const RETENTION_DAYS = 30
const LONGEST_WAIT_MS = 600_000
const ACTORS = 1_000

export function createTelemetry(deps: TelemetryDeps): Telemetry {
  const { columns, clock } = deps
  const store = createTelemetryStore(columns)
  return {
    ...createIntake(deps, store),
    ...createReports(store, clock),
    labelledRows: (request) => labelledRows(columns, request),
    countLabelled: (request) => countLabelled(columns, request),
    sampleRows: ({ limit, ...window }) => store.sample(window, limit),
    actorShares: ({ limit = ACTORS, ...window }) => store.actorShares(window, limit),
  }
}

/** The one ordered stream: predictions by way of the recorder, and labels, into the spool. */
function createStream(spool: Spool, clock: Clock, onMuch: () => void) {
  const recorder = createRecorder()
  let sinceRotation = 0

  function append(frames: readonly Uint8Array[]) {
    try {
      for (const frame of frames) spool.append(frame)
      spool.flush()
    } catch (thrown) {
      // The numbers these frames defined are lost with them.
      recorder.restart()
      throw thrown
    }
    if (spool.current() === undefined) recorder.restart()
  }

  function flush() {
    const rows = recorder.rows()
    const frame = recorder.take(clock.now())
    if (frame === undefined) return
    append([frame])
    sinceRotation += rows
    if (sinceRotation >= RECORDS_PER_PASS) onMuch()
  }

  return {
    append,
    flush,
    record(prediction: PredictionRecord) {
      if (recorder.add(prediction) >= FULL_BATCH_BYTES) flush()
    },
    rotate() {
      flush()
      spool.rotate()
      recorder.restart()
      sinceRotation = 0
    },
  }
}

/** The way in: the stream and the pump behind it. */
function createIntake(deps: TelemetryDeps, store: TelemetryStore) {
  const { columns, spool, clock, log, retentionDays = RETENTION_DAYS, workersWaitSinceMs } = deps
  const prune = createPrune({ columns, clock, log, table: 'inference_records', retentionDays })
  const stream = createStream(spool, clock, () => pump?.hurry())
  let pump: Pump | undefined
  let startedMs = 0
  let fed: readonly SegmentConsumer[] = []

  async function insert(segment: Segment) {
    await store.insert(segment)
    await prune()
  }

  function running(): Pump {
    if (pump === undefined) throw new AppError('internal', 'telemetry was not started; call start first')
    return pump
  }

  return {
    record: stream.record,
    flush: stream.flush,
    async recordLabels(project: string, deployment: string, labels: readonly LabelRecord[]) {
      if (labels.length === 0) return
      stream.flush()
      stream.append(labelFramesFrom(project, deployment, labels, clock.now()))
      await spool.sync()
    },
    start(consumers: readonly SegmentConsumer[]) {
      fed = consumers
      startedMs = clock.now()
      pump = createPump({ spool, clock, log, rotate: stream.rotate, store: insert, consumers })
      pump.start()
    },
    async adopt(left: Spool) {
      await createPump({ spool: left, clock, log, rotate: () => left.rotate(), store: insert, consumers: fed }).drain()
    },
    drain: async () => running().drain(),
    async moveUntil(untilMs: number) {
      await running().drain()
      const waitSinceMs = workersWaitSinceMs?.()
      if (waitSinceMs === undefined || waitSinceMs >= untilMs || clock.now() > Math.max(untilMs, startedMs) + LONGEST_WAIT_MS) return
      throw new AppError('unavailable', `workers still have records from before ${new Date(untilMs).toISOString()}; try again in a moment`)
    },
    stop: async () => pump?.stop(),
    health: () => running().health(),
  }
}

/** The way out: the verbs of the contract. */
function createReports(store: TelemetryStore, clock: Clock): Verbs<typeof telemetry> {
  return {
    async listRecords({ deployment, limit, after }, caller) {
      const rows = await store.newestRecords(caller.project, deployment, limit, after === undefined ? undefined : positionFrom(after))
      const labels = await store.labelsOf(caller.project, deployment, [...new Set(rows.map((row) => row.record_id))])
      const labelOf = new Map(labels.map((label) => [label.record_id, label]))
      const last = rows.at(-1)
      return {
        records: rows.map((row) => inferenceRecordFrom(row, labelOf.get(row.record_id))),
        next: last === undefined || rows.length < limit ? null : `${last.at_ms}:${last.record_id}`,
      }
    },

    async summarizeTraffic({ windowMs, deployment }, caller) {
      const toMs = clock.now() + 1
      const rows = await store.traffic(caller.project, deployment, toMs - windowMs, toMs)
      const totals = rows.filter((row) => row.is_total === 1)
      return { windowMs, deployments: totals.map((total) => summaryFrom(total, rows, windowMs)) }
    },

    async seriesTraffic({ deployment, windowMs, buckets }, caller) {
      const bucketMs = Math.max(1, Math.ceil(windowMs / buckets))
      const toMs = clock.now() + 1
      const fromMs = Math.max(0, Math.floor((toMs - windowMs) / bucketMs) * bucketMs)
      const rows = await store.series({ project: caller.project, deployment, fromMs, toMs }, bucketMs)
      const known = new Map(rows.map((row) => [row.at_ms, row]))
      const points: TrafficPoint[] = []
      for (let at = fromMs; at < toMs; at += bucketMs) {
        const row = known.get(at)
        points.push({
          at,
          requests: row?.requests ?? 0,
          latencyUs: latencyFrom(row?.latency ?? [0, 0, 0]),
          meanScore: row?.mean_score ?? null,
          labelled: row?.labelled ?? 0,
          errorRate: row === undefined || row.labelled === 0 ? null : row.errors / row.labelled,
        })
      }
      return { bucketMs, points }
    },
  }
}

function positionFrom(after: string): { atMs: number; recordId: string } {
  const match = /^(\d{1,15}):(.*)$/s.exec(after)
  if (match === null) throw new AppError('invalid', 'after is not a position this list gave; leave it out to begin at the newest record')
  return { atMs: Number(match[1]), recordId: match[2]! }
}

function latencyFrom([p50, p95, p99]: readonly [number, number, number]) {
  return { p50, p95, p99 }
}

function summaryFrom(total: TrafficRow, rows: readonly TrafficRow[], windowMs: number): TrafficSummary {
  const own = rows.filter((row) => row.is_total === 0 && row.deployment === total.deployment)
  return {
    deployment: total.deployment,
    requests: total.requests,
    ratePerS: total.requests / (windowMs / 1000),
    latencyUs: latencyFrom(total.latency),
    versions: own.map(({ model, version, role, requests, latency }) => ({
      model,
      version,
      role,
      requests,
      share: requests / total.requests,
      latencyUs: latencyFrom(latency),
    })),
  }
}

function inferenceRecordFrom(row: RecordRow, label: LabelRow | undefined): InferenceRecord {
  return {
    recordId: row.record_id,
    at: row.at_ms,
    model: row.model,
    version: row.version,
    role: row.role,
    actor: row.actor,
    source: row.source,
    features: [...row.features],
    score: row.score,
    prediction: row.prediction,
    other: row.other_version === 0 ? null : { version: row.other_version, score: row.other_score },
    latencyUs: row.latency_us,
    label: label === undefined ? null : { value: label.label, source: label.label_source, receivedAt: label.received_ms },
  }
}
