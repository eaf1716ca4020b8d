import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { LoadReport } from './load-report.ts'
import { Digest, Id, Instant, Limit, ModelName, Name, Reason, VersionNumber } from './scalars.ts'

export const GateMetric = z.enum(['f1', 'error_rate', 'log_loss', 'brier'])
export type GateMetric = z.infer<typeof GateMetric>

const WEEK_MS = 604_800_000

/** What a challenger must prove offline, on rows it never saw, before it meets traffic. */
export const GateSpec = z.strictObject({
  metric: GateMetric.default('f1'),
  minRows: z.int().min(20).max(1_000_000).default(500).describe('labelled rows needed in the newest window'),
  require: z.enum(['better', 'not_worse']).default('better').describe('what the newest window must show'),
  margin: z.number().min(0).max(0.5).default(0).describe('how much worse still counts as not worse, in units of the metric'),
  confidence: z.number().gt(0.5).lt(1).default(0.95),
  slices: z
    .array(
      z.strictObject({
        name: Name,
        feature: z.string().optional().describe('absent: the whole frozen reference set'),
        atLeast: z.number().optional(),
        below: z.number().optional(),
        maxRegression: z.number().min(0).max(1).default(0.01),
      }),
    )
    .max(50)
    .default([])
    .describe('parts of the champion’s frozen reference set on which the challenger may lose no more than maxRegression'),
  load: z
    .strictObject({
      maxP99Ms: z.number().positive().max(3_600_000),
      minRate: z.number().positive().max(1_000_000).describe('requests a second that were answered well'),
      maxErrorRate: z.number().min(0).max(1).default(0.01),
      withinMs: z.int().min(60_000).default(WEEK_MS).describe('how old the report may be'),
    })
    .optional()
    .describe('what the newest saved load test of the challenger’s own file must show; see "setpoint load --save"'),
})
export type GateSpec = z.infer<typeof GateSpec>

export const GateCheck = z.object({
  name: z.string(),
  rows: z.int(),
  metric: z.enum([...GateMetric.options, 'p99_ms']),
  champion: z.number().nullable(),
  challenger: z.number().nullable(),
  difference: z.number().nullable().describe('positive = the challenger is better'),
  low: z.number().nullable(),
  high: z.number().nullable(),
  required: z.string(),
  outcome: z.enum(['pass', 'fail', 'insufficient_data']),
})
export type GateCheck = z.infer<typeof GateCheck>

export const GateVerdict = z.object({
  id: Id,
  gate: Name,
  model: ModelName,
  champion: z.int(),
  challenger: z.int(),
  verdict: z.enum(['pass', 'refuse', 'insufficient_data']),
  reason: z.string(),
  checks: z.array(GateCheck),
  evidence: Digest.nullable().describe('the evaluated rows'),
  at: Instant,
})
export type GateVerdict = z.infer<typeof GateVerdict>

/** A load test that a gate may ask for; it speaks for every version whose file is the one that was loaded. */
export const GateEvidence = z.object({
  id: Id,
  kind: z.literal('load'),
  model: ModelName,
  version: z.int().positive(),
  digest: Digest.nullable().describe('the file of the version that was loaded'),
  report: LoadReport,
  artifact: Digest.describe('the report as a stored file'),
  at: Instant,
  by: z.string(),
})
export type GateEvidence = z.infer<typeof GateEvidence>

export const gates = {
  evaluateGate: endpoint({
    method: 'POST',
    path: '/api/v1/gates/:gate/evaluations',
    summary: 'Compare a challenger with the champion, paired, on the newest labelled rows and on frozen slices',
    scope: 'write',
    input: z.strictObject({
      gate: Name,
      deployment: Name,
      challenger: VersionNumber,
      fromMs: Instant.describe('start of the newest window; rows the challenger was trained on must lie before it or be held out'),
      toMs: Instant,
      key: z.string().max(200).optional().describe('the same key gives the same verdict'),
    }),
    output: GateVerdict,
  }),
  listVerdicts: endpoint({
    method: 'GET',
    path: '/api/v1/gates/verdicts',
    summary: 'List gate verdicts, newest first',
    scope: 'read',
    input: z.strictObject({ model: ModelName.optional(), limit: Limit }),
    output: z.array(GateVerdict),
    examples: ['setpoint gates list-verdicts --model phishing'],
  }),
  getVerdict: endpoint({
    method: 'GET',
    path: '/api/v1/gates/verdicts/:id',
    summary: 'Read one verdict with every check',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: GateVerdict,
  }),
  recordEvidence: endpoint({
    method: 'POST',
    path: '/api/v1/gates/evidence',
    summary: 'Keep a load report as evidence for gates; "setpoint load --save" does it',
    scope: 'write',
    input: z.strictObject({
      report: LoadReport,
      artifact: Digest.describe('the report as a stored file'),
      reason: Reason.default('load test'),
    }),
    output: GateEvidence,
  }),
  listEvidence: endpoint({
    method: 'GET',
    path: '/api/v1/gates/evidence',
    summary: 'List the load reports that were kept for gates, newest first',
    scope: 'read',
    input: z.strictObject({ model: ModelName.optional(), limit: Limit }),
    output: z.array(GateEvidence),
    examples: ['setpoint gates list-evidence --model phishing'],
  }),
}
