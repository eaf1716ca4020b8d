import { z } from 'zod'
import { Instant, ModelName, Name } from './scalars.ts'

const Milliseconds = z.number().nonnegative().nullable()
const Count = z.int().nonnegative()

/** What a load test measured: as `setpoint load --json` prints it, and as a gate’s evidence keeps it. */
export const LoadReport = z.strictObject({
  endpoint: z.string().max(2_000).describe('the address that was asked'),
  deployment: Name,
  model: ModelName,
  version: z.int().positive().describe('the champion when the test began'),
  protocol: z.enum(['v1', 'oip', 'oip-binary']),
  rows: z.int().positive().describe('rows in each request'),
  connections: z.int().positive(),
  rate: z.number().positive().nullable().describe('requests a second that were asked for; null: each connection asked again on the reply'),
  achieved: z.number().nonnegative().describe('requests a second that were answered well'),
  sent: Count,
  ok: Count,
  shed: Count.describe('answered by 429 or 503'),
  errors: z.strictObject({ status: Count, timeout: Count, connection: Count }),
  statuses: z.record(z.string().regex(/^\d{3}$/), Count).describe('replies by status, but for those that were good'),
  errorRate: z.number().min(0).max(1).describe('failed requests, without those shed, as a share of all'),
  latencyMs: z
    .strictObject({
      p50: Milliseconds,
      p90: Milliseconds,
      p95: Milliseconds,
      p99: Milliseconds,
      p999: Milliseconds,
      max: Milliseconds,
      mean: Milliseconds,
    })
    .describe('from the time at which a request was due; three significant digits'),
  sendDelayMs: z.strictObject({ p99: Milliseconds, max: Milliseconds }).describe('how long after their time requests were sent'),
  warmupMs: Count,
  durationMs: z.number().positive().describe('of the measured part'),
  startedAt: Instant,
  bounds: z.strictObject({ maxP99Ms: z.number().positive().nullable(), maxErrorRate: z.number().min(0).max(1) }),
  interrupted: z.boolean(),
  verdict: z.enum(['pass', 'fail']),
  reasons: z.array(z.string()).describe('why it failed'),
  steps: z
    .array(z.strictObject({ rate: z.number().positive(), achieved: z.number().nonnegative(), p99Ms: Milliseconds, held: z.boolean() }))
    .max(100)
    .optional()
    .describe('the rates that a search for the highest tried; the report is that of the highest held'),
})
export type LoadReport = z.infer<typeof LoadReport>
