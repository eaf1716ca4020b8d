import type { Columns } from '../../../infra/columns/columns.ts'
import { recordBlocksFrom } from './record-block.ts'
import type { Role, Segment } from './segment.ts'

/** A deployment and a stretch of time, ms since the epoch: from `fromMs` up to but not including `toMs`. */
export type Window = { readonly project: string; readonly deployment: string; readonly fromMs: number; readonly toMs: number }

export type RecordRow = {
  readonly record_id: string
  readonly at_ms: number
  readonly model: string
  readonly version: number
  readonly role: Role
  readonly actor: string
  readonly source: string
  readonly features: readonly (number | null)[]
  readonly score: number | null
  readonly prediction: number | null
  readonly other_version: number
  readonly other_score: number | null
  readonly latency_us: number
}
export type LabelRow = { readonly record_id: string; readonly label: number; readonly label_source: string; readonly received_ms: number }
export type TrafficRow = {
  readonly deployment: string
  readonly model: string
  readonly version: number
  readonly role: Role
  readonly is_total: 0 | 1
  readonly requests: number
  readonly latency: readonly [number, number, number]
}
type SeriesRow = {
  readonly at_ms: number
  readonly requests: number
  readonly latency: readonly [number, number, number]
  readonly mean_score: number | null
  readonly labelled: number
  readonly errors: number
}
export type ActorShare = {
  readonly actor: string
  readonly source: string
  readonly rows: number
  readonly meanScore: number | null
  /** How far from 0.5 the scores lie on average; probing the boundary brings it near 0. */
  readonly meanDistance: number | null
  readonly labelled: number
  readonly labelledErrors: number
}

/** A prediction, with the newest label received for it where there is one; missing values are NaN. */
export type SampledRow = {
  readonly atMs: number
  readonly version: number
  readonly features: Float32Array
  readonly score: number
  readonly prediction: number
  /** The version that scored the row beside this one, 0 for none, and its score. */
  readonly otherVersion: number
  readonly otherScore: number
  readonly actor: string
  readonly source: string
  readonly label: number
  readonly labelSource: string
}
type SampledColumns = {
  readonly [K in keyof SampledRow]: SampledRow[K] extends number ? number | null : SampledRow[K] extends string ? string : (number | null)[]
}

export type TelemetryStore = ReturnType<typeof createTelemetryStore>

const instant = (name: string) => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`
const inWindow = `project = {project:String} AND deployment = {deployment:String} AND at >= ${instant('fromMs')} AND at < ${instant('toMs')}`
const record = `record_id, toUnixTimestamp64Milli(at) AS at_ms, model, version, role, actor, source, features, score, prediction, other_version, other_score, latency_us`
const quantiles = 'quantilesTDigest(0.5, 0.95, 0.99)(latency_us) AS latency'

/** The newest label of each record that meets `condition`: what was received last counts, then what is later in the stream. */
export const newestLabels = (
  condition: string,
) => `SELECT record_id, 1 AS is_labelled, label, source AS label_source, received_at AS label_received_at
  FROM labels WHERE project = {project:String} AND deployment = {deployment:String} AND ${condition}
  ORDER BY record_id, received_at DESC, segment DESC, ordinal DESC LIMIT 1 BY record_id`

/** Hashes keep the set small; the join settles what they cannot tell apart. */
const newestLabelsInWindow = newestLabels(
  `cityHash64(record_id) IN (SELECT cityHash64(record_id) FROM inference_records WHERE ${inWindow})`,
)

/** The telemetry module's SQL. Every query names the project; every value is a parameter. */
export function createTelemetryStore(columns: Columns) {
  return { ...recordQueries(columns), ...trafficQueries(columns) }
}

function recordQueries(columns: Columns) {
  return {
    async insert(segment: Segment): Promise<void> {
      for (const [part, block] of recordBlocksFrom(segment).entries()) {
        await columns.insertBlock('inference_records', block, { token: `${segment.id}/${part}` })
      }
    },

    newestRecords(project: string, deployment: string, limit: number, after: { atMs: number; recordId: string } | undefined) {
      const earlier =
        after === undefined ? '' : `AND at <= ${instant('atMs')} AND (at, record_id) < (${instant('atMs')}, {recordId:String})`
      return columns.query<RecordRow>(
        `SELECT ${record} FROM inference_records WHERE project = {project:String} AND deployment = {deployment:String} ${earlier}
         ORDER BY at DESC, record_id DESC LIMIT {limit:UInt32}`,
        { project, deployment, limit, ...after },
      )
    },

    labelsOf(project: string, deployment: string, recordIds: readonly string[]) {
      return columns.query<LabelRow>(
        `SELECT record_id, label, label_source, toUnixTimestamp64Milli(label_received_at) AS received_ms
         FROM (${newestLabels('record_id IN {recordIds:Array(String)}')})`,
        { project, deployment, recordIds },
      )
    },
  }
}

function trafficQueries(columns: Columns) {
  return {
    traffic(project: string, deployment: string | undefined, fromMs: number, toMs: number) {
      const one = deployment === undefined ? '' : 'AND deployment = {deployment:String}'
      return columns.query<TrafficRow>(
        `SELECT deployment, model, version, role, grouping(version) AS is_total, count() AS requests, ${quantiles}
         FROM inference_records
         WHERE project = {project:String} ${one} AND at >= ${instant('fromMs')} AND at < ${instant('toMs')}
         GROUP BY GROUPING SETS ((deployment), (deployment, model, version, role))
         ORDER BY deployment, model, version, role`,
        { project, deployment, fromMs, toMs },
      )
    },

    series(window: Window, bucketMs: number) {
      return columns.query<SeriesRow>(
        `SELECT intDiv(toUnixTimestamp64Milli(at), {bucketMs:Int64}) * {bucketMs:Int64} AS at_ms, count() AS requests, ${quantiles},
           avgIf(score, isFinite(score)) AS mean_score, countIf(is_labelled = 1) AS labelled,
           countIf(is_labelled = 1 AND label != prediction) AS errors
         FROM (SELECT at, record_id, score, prediction, latency_us FROM inference_records WHERE ${inWindow}) AS p
         LEFT JOIN (${newestLabelsInWindow}) AS l ON p.record_id = l.record_id
         GROUP BY at_ms ORDER BY at_ms`,
        { ...window, bucketMs },
      )
    },

    actorShares(window: Window, limit: number) {
      return columns.query<ActorShare>(
        `SELECT actor, source, count() AS rows, avgIf(score, isFinite(score)) AS meanScore,
           avgIf(abs(score - 0.5), isFinite(score)) AS meanDistance, countIf(is_labelled = 1) AS labelled,
           countIf(is_labelled = 1 AND label != prediction) AS labelledErrors
         FROM (SELECT actor, source, record_id, score, prediction FROM inference_records WHERE ${inWindow}) AS p
         LEFT JOIN (${newestLabelsInWindow}) AS l ON p.record_id = l.record_id
         GROUP BY actor, source ORDER BY rows DESC, actor, source LIMIT {limit:UInt32}`,
        { ...window, limit },
      )
    },

    /** Rows of a window, chosen by the hash of their id, so that a second look sees the same ones. */
    async sample(window: Window, limit: number): Promise<SampledRow[]> {
      const rows = await columns.query<SampledColumns & { isLabelled: number }>(
        `SELECT toUnixTimestamp64Milli(at) AS atMs, version, features, score, prediction, other_version AS otherVersion,
           other_score AS otherScore, actor, source, is_labelled AS isLabelled, label, label_source AS labelSource
         FROM (SELECT * FROM inference_records WHERE ${inWindow} ORDER BY cityHash64(record_id) LIMIT {limit:UInt32}) AS p
         LEFT JOIN (${newestLabelsInWindow}) AS l ON p.record_id = l.record_id
         ORDER BY cityHash64(p.record_id)`,
        { ...window, limit },
      )
      const known = (value: number | null) => value ?? Number.NaN
      return rows.map(({ isLabelled, ...row }) => ({
        ...row,
        atMs: row.atMs!,
        version: row.version!,
        otherVersion: row.otherVersion!,
        features: Float32Array.from(row.features, known),
        score: known(row.score),
        prediction: known(row.prediction),
        otherScore: known(row.otherScore),
        label: isLabelled === 1 ? known(row.label) : Number.NaN,
      }))
    },
  }
}
