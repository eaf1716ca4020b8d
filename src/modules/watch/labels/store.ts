import type { Columns } from '../../../infra/columns/columns.ts'
import type { Block } from '../../../infra/columns/native.ts'
import type { PredictionRecord, Segment, SegmentLabel } from '../telemetry/index.ts'

/** What is known of a prediction where its label is used. A score that is not a number is NaN. */
export type StoredPrediction = Pick<
  PredictionRecord,
  'model' | 'version' | 'role' | 'recordId' | 'atMs' | 'actor' | 'source' | 'score' | 'prediction' | 'otherVersion' | 'otherScore'
>

export type QualityCounts = {
  /** 1 for the row of all versions together. */
  readonly is_total: 0 | 1
  readonly version: number
  readonly predictions: number
  readonly labelled: number
  readonly errors: number
  readonly true_positives: number
  readonly false_positives: number
  readonly false_negatives: number
}
type ConfusionRow = { readonly label: number; readonly predicted: number; readonly count: number }
export type SourceCounts = {
  readonly source: string
  readonly labels: number
  readonly records: number
  readonly predicted: number
  readonly model_errors: number
  readonly shared: number
  readonly disputed: number
}
export type NewLabels = {
  readonly project: string
  readonly deployment: string
  readonly sinceMs: number
  /** Counting ends there. */
  readonly most: number
  readonly exceptSources: readonly string[]
}
type LabelWindow = { readonly project: string; readonly deployment: string; readonly fromMs: number; readonly toMs: number }
export type LabelStore = ReturnType<typeof createLabelStore>

const DAY_MS = 86_400_000
const MAX_BLOCK_ROWS = 65_536
/** Record ids per query: they travel in its address. */
const IDS_PER_QUERY = 2_000
const CONFUSION_CELLS = 400
const SOURCES = 1_000

const instant = (name: string) => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`
const ofDeployment = 'project = {project:String} AND deployment = {deployment:String}'
const predictedInWindow = `${ofDeployment} AND at >= ${instant('fromMs')} AND at < ${instant('toMs')}`
const receivedInWindow = `${ofDeployment} AND received_at >= ${instant('fromMs')} AND received_at < ${instant('toMs')}`
/** The label of each record of the window that counts, or with `ASC` the one that came first. Hashes keep the set small. */
const labelsOfWindow = (direction: 'ASC' | 'DESC') => `SELECT record_id, 1 AS is_labelled, label, received_at
  FROM labels WHERE ${ofDeployment} AND cityHash64(record_id) IN (SELECT cityHash64(record_id) FROM inference_records WHERE ${predictedInWindow})
  ORDER BY record_id, received_at ${direction}, segment ${direction}, ordinal ${direction} LIMIT 1 BY record_id`
const predictionsOfWindow = `SELECT record_id, at, version, prediction FROM inference_records WHERE ${predictedInWindow}`
const predictionsWithLabels = `(${predictionsOfWindow}) AS p LEFT JOIN (${labelsOfWindow('DESC')}) AS l ON p.record_id = l.record_id`

/** The labels module's SQL. It owns `labels` and reads `inference_records`. */
export function createLabelStore(columns: Columns) {
  return { ...recordQueries(columns), ...qualityQueries(columns), ...sourceQueries(columns) }
}

function recordQueries(columns: Columns) {
  return {
    async insert(segment: Segment): Promise<void> {
      for (let from = 0, part = 0; from < segment.labels.length; from += MAX_BLOCK_ROWS, part++) {
        await columns.insertBlock('labels', blockFrom(segment, from), { token: `${segment.id}/${part}` })
      }
    },

    async predictionsOf(project: string, deployment: string, recordIds: readonly string[]): Promise<StoredPrediction[]> {
      const found: StoredPrediction[] = []
      for (const ids of chunksOf(recordIds)) {
        const rows = await columns.query<StoredPrediction & { score: number | null; prediction: number | null; otherScore: number | null }>(
          `SELECT record_id AS recordId, toUnixTimestamp64Milli(at) AS atMs, model, version, role, actor, source, score, prediction,
             other_version AS otherVersion, other_score AS otherScore
           FROM inference_records WHERE ${ofDeployment} AND record_id IN {ids:Array(String)} ORDER BY at LIMIT 1 BY record_id`,
          { project, deployment, ids },
        )
        for (const row of rows) {
          const [score, prediction, otherScore] = [row.score ?? Number.NaN, row.prediction ?? Number.NaN, row.otherScore ?? Number.NaN]
          found.push({ ...row, score, prediction, otherScore })
        }
      }
      return found
    },

    /** Those of `recordIds` that got a label in another segment. */
    async labelledBefore(project: string, deployment: string, recordIds: readonly string[], segment: string): Promise<string[]> {
      const found: string[] = []
      for (const ids of chunksOf(recordIds)) {
        const rows = await columns.query<{ id: string }>(
          `SELECT DISTINCT record_id AS id FROM labels
           WHERE ${ofDeployment} AND record_id IN {ids:Array(String)} AND segment != {segment:String}`,
          { project, deployment, ids, segment },
        )
        for (const { id } of rows) found.push(id)
      }
      return found
    },

    /**
     * First labels this node received since `sinceMs` whose prediction is not stored, leaving aside what came with
     * `segment`. A segment id is the name of its node, a dash and sixteen digits.
     */
    unmatchedLabels(sinceMs: number, segment: string, limit: number) {
      return columns.query<SegmentLabel>(
        `SELECT project, deployment, record_id AS recordId, argMin(label, (received_at, segment, ordinal)) AS label,
           argMin(source, (received_at, segment, ordinal)) AS source,
           toUnixTimestamp64Milli(argMin(observed_at, (received_at, segment, ordinal))) AS observedAtMs,
           toUnixTimestamp64Milli(min(received_at)) AS receivedAtMs
         FROM labels
         WHERE received_at >= ${instant('sinceMs')} AND segment != {segment:String}
           AND startsWith(segment, {node:String}) AND (project, deployment, record_id) NOT IN (
             SELECT project, deployment, record_id FROM inference_records
             WHERE segment != {segment:String} AND record_id IN (SELECT record_id FROM labels WHERE received_at >= ${instant('sinceMs')}))
         GROUP BY project, deployment, record_id ORDER BY receivedAtMs DESC LIMIT {limit:UInt32}`,
        { sinceMs: Math.max(0, sinceMs), segment, node: segment.slice(0, -16), limit },
      )
    },
  }
}

function qualityQueries(columns: Columns) {
  return {
    quality(window: LabelWindow, positive: number) {
      return columns.query<QualityCounts>(
        `SELECT grouping(version) AS is_total, version, count() AS predictions, countIf(is_labelled = 1) AS labelled,
           countIf(is_labelled = 1 AND label != prediction) AS errors,
           countIf(is_labelled = 1 AND label = {positive:Float64} AND prediction = {positive:Float64}) AS true_positives,
           countIf(is_labelled = 1 AND label != {positive:Float64} AND prediction = {positive:Float64}) AS false_positives,
           countIf(is_labelled = 1 AND label = {positive:Float64} AND prediction != {positive:Float64}) AS false_negatives
         FROM ${predictionsWithLabels}
         GROUP BY GROUPING SETS ((), (version)) ORDER BY version`,
        { ...window, positive },
      )
    },

    confusion(window: LabelWindow) {
      return columns.query<ConfusionRow>(
        `SELECT label, prediction AS predicted, count() AS count FROM ${predictionsWithLabels}
         WHERE is_labelled = 1 AND isFinite(prediction)
         GROUP BY label, predicted ORDER BY count DESC, label, predicted LIMIT ${CONFUSION_CELLS}`,
        window,
      )
    },

    /** The median and the 95th percentile of the time from a prediction to its first label, ms; nothing when none is labelled. */
    async labelDelay(window: LabelWindow): Promise<readonly [number, number] | undefined> {
      const rows = await columns.query<{ n: number; delay: readonly [number, number] }>(
        `SELECT count() AS n, quantilesTDigest(0.5, 0.95)(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(at)) AS delay
         FROM (${predictionsOfWindow}) AS p INNER JOIN (${labelsOfWindow('ASC')}) AS l ON p.record_id = l.record_id`,
        window,
      )
      return rows[0]!.n === 0 ? undefined : rows[0]!.delay
    },
  }
}

function sourceQueries(columns: Columns) {
  return {
    async countUnmatched(window: LabelWindow): Promise<number> {
      const labelled = `SELECT record_id FROM labels WHERE ${receivedInWindow}`
      const rows = await columns.query<{ n: number }>(
        `SELECT uniqExact(record_id) AS n FROM labels WHERE ${receivedInWindow}
         AND record_id NOT IN (SELECT record_id FROM inference_records WHERE ${ofDeployment} AND record_id IN (${labelled}))`,
        window,
      )
      return rows[0]!.n
    },

    async countNew({ project, deployment, sinceMs, most, exceptSources }: NewLabels): Promise<number> {
      const rows = await columns.query<{ n: number }>(
        `SELECT count() AS n FROM (
           SELECT DISTINCT cityHash64(record_id) FROM labels
           WHERE ${ofDeployment} AND received_at >= ${instant('sinceMs')} AND stored_on >= toDate({fromDay:UInt16})
             AND NOT has({exceptSources:Array(String)}, source) LIMIT {most:UInt64})`,
        // A segment begins before what is in it: whole days before can be left out, and no more.
        { project, deployment, sinceMs, fromDay: Math.max(0, Math.floor(sinceMs / DAY_MS) - 1), exceptSources, most },
      )
      return rows[0]!.n
    },

    sources(window: LabelWindow) {
      return columns.query<SourceCounts>(
        `WITH own AS (
           SELECT record_id, source, count() AS received, argMax(label, (received_at, segment, ordinal)) AS label
           FROM labels WHERE ${receivedInWindow} GROUP BY record_id, source
         )
         SELECT source, sum(received) AS labels, count() AS records,
           countIf(is_predicted = 1) AS predicted, countIf(is_predicted = 1 AND label != prediction) AS model_errors,
           countIf(sources > 1) AS shared, countIf(sources > 1 AND opinions > 1) AS disputed
         FROM own
         LEFT JOIN (
           SELECT record_id, 1 AS is_predicted, any(prediction) AS prediction FROM inference_records
           WHERE ${ofDeployment} AND cityHash64(record_id) IN (SELECT cityHash64(record_id) FROM labels WHERE ${receivedInWindow})
           GROUP BY record_id
         ) AS p ON own.record_id = p.record_id
         LEFT JOIN (SELECT record_id, count() AS sources, uniqExact(label) AS opinions FROM own GROUP BY record_id) AS o ON own.record_id = o.record_id
         GROUP BY source ORDER BY labels DESC, source LIMIT ${SOURCES}`,
        window,
      )
    },
  }
}

function chunksOf(ids: readonly string[]): string[][] {
  const chunks: string[][] = []
  for (let from = 0; from < ids.length; from += IDS_PER_QUERY) chunks.push(ids.slice(from, from + IDS_PER_QUERY))
  return chunks
}

function blockFrom(segment: Segment, from: number): Block {
  const labels = segment.labels.slice(from, from + MAX_BLOCK_ROWS)
  const texts = (pick: (label: SegmentLabel) => string) => labels.map(pick)
  const numbers = (pick: (label: SegmentLabel) => number) => Float64Array.from(labels, pick)
  return {
    rows: labels.length,
    columns: [
      { name: 'project', type: 'String', values: texts((label) => label.project) },
      { name: 'deployment', type: 'String', values: texts((label) => label.deployment) },
      { name: 'record_id', type: 'String', values: texts((label) => label.recordId) },
      { name: 'label', type: 'Float64', values: numbers((label) => label.label) },
      { name: 'source', type: 'String', values: texts((label) => label.source) },
      { name: 'observed_at', type: 'Instant', values: numbers((label) => label.observedAtMs) },
      { name: 'received_at', type: 'Instant', values: numbers((label) => label.receivedAtMs) },
      { name: 'segment', type: 'String', values: texts(() => segment.id) },
      { name: 'ordinal', type: 'UInt32', values: Uint32Array.from(labels, (_, i) => from + i) },
      { name: 'stored_on', type: 'Date', values: new Uint16Array(labels.length).fill(Math.floor(segment.startedMs / DAY_MS)) },
    ],
  }
}
