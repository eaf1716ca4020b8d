import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Fraction, Id, Instant, Limit, ModelName, Name, VersionNumber } from './scalars.ts'

const HOUR_MS = 3_600_000
const MONTH_MS = 30 * 24 * HOUR_MS

/** How far back to look, in milliseconds. */
export const WindowMs = z.coerce.number().int().min(1_000).max(MONTH_MS).default(HOUR_MS)
const Role = z.enum(['champion', 'challenger'])

export const InferenceRecord = z.object({
  recordId: Id,
  at: Instant,
  model: ModelName,
  version: VersionNumber,
  role: Role,
  actor: z.string(),
  source: z.string(),
  features: z.array(z.number().nullable()),
  score: z.number().nullable(),
  prediction: z.number().nullable(),
  /** The version that scored the same row beside this one. */
  other: z.object({ version: VersionNumber, score: z.number().nullable() }).nullable(),
  latencyUs: z.number(),
  label: z.object({ value: z.number(), source: z.string(), receivedAt: Instant }).nullable(),
})
export type InferenceRecord = z.infer<typeof InferenceRecord>

const Latency = z.object({ p50: z.number(), p95: z.number(), p99: z.number() })

export const TrafficSummary = z.object({
  deployment: Name,
  requests: z.int(),
  ratePerS: z.number(),
  latencyUs: Latency,
  versions: z.array(
    z.object({ model: ModelName, version: VersionNumber, role: Role, requests: z.int(), share: Fraction, latencyUs: Latency }),
  ),
})
export type TrafficSummary = z.infer<typeof TrafficSummary>

export const TrafficPoint = z.object({
  at: Instant,
  requests: z.int(),
  latencyUs: Latency,
  meanScore: z.number().nullable(),
  labelled: z.int(),
  /** Share of the labelled predictions that were wrong; null while none is labelled. */
  errorRate: Fraction.nullable(),
})
export type TrafficPoint = z.infer<typeof TrafficPoint>

export const telemetry = {
  listRecords: endpoint({
    method: 'GET',
    path: '/api/v1/deployments/:deployment/records',
    summary: 'List the newest predictions of a deployment, with their labels where known',
    scope: 'read',
    input: z.strictObject({ deployment: Name, limit: Limit, after: z.string().max(256).optional() }),
    /** `next` asks for the page that follows, as `after`; null on the last page. */
    output: z.object({ records: z.array(InferenceRecord), next: z.string().nullable() }),
    examples: ['setpoint telemetry list-records --deployment phishing --limit 20'],
  }),
  summarizeTraffic: endpoint({
    method: 'GET',
    path: '/api/v1/traffic',
    summary: 'Summarize requests, latency and version shares of each deployment over the last window',
    scope: 'read',
    input: z.strictObject({ windowMs: WindowMs, deployment: Name.optional() }),
    output: z.object({ windowMs: z.int(), deployments: z.array(TrafficSummary) }),
    examples: ['setpoint telemetry summarize-traffic --window-ms 60000'],
  }),
  seriesTraffic: endpoint({
    method: 'GET',
    path: '/api/v1/deployments/:deployment/traffic/series',
    summary: 'Requests, latency, mean score and quality of a deployment over time',
    scope: 'read',
    input: z.strictObject({ deployment: Name, windowMs: WindowMs, buckets: z.coerce.number().int().min(1).max(500).default(60) }),
    output: z.object({ bucketMs: z.int(), points: z.array(TrafficPoint) }),
    examples: ['setpoint telemetry series-traffic --deployment phishing --window-ms 600000 --buckets 120'],
  }),
}
