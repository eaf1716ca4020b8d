import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Digest, Id, Instant, Limit, ModelName, Name, Reason, VersionNumber } from './scalars.ts'

/** How rarely a monitor may raise a false alarm: an expected run length in rows, over all its streams together. */
export const FalseAlarmBudget = z.union([
  z.strictObject({ everyRows: z.number().min(1_000).max(1e15) }),
  z.strictObject({ everyDays: z.number().positive().max(3_650), requestsPerSecond: z.number().positive().max(1e6) }),
])
export type FalseAlarmBudget = z.infer<typeof FalseAlarmBudget>

export const MonitorSpec = z.strictObject({
  deployment: Name,
  falseAlarmBudget: FalseAlarmBudget,
  tolerance: z
    .strictObject({
      features: z.number().min(0).max(0.5).default(0.02).describe('a change of any bin’s share by less than this is no drift'),
      error: z.number().min(0).max(0.5).default(0.01).describe('a rise of the labelled error rate by less than this is no drift'),
    })
    .default({ features: 0.02, error: 0.01 }),
})
export type MonitorSpec = z.infer<typeof MonitorSpec>

export const DriftSignal = z.enum(['features', 'error'])
export type DriftSignal = z.infer<typeof DriftSignal>

const Evidence = z.object({ stream: z.string(), evidence: z.number().describe('e-detector value, in rows'), share: z.number() })

export const Detection = z.object({
  id: Id,
  monitor: Name,
  deployment: Name,
  modelVersion: z.int().positive(),
  signal: DriftSignal,
  at: Instant.describe('when the row that crossed the threshold was served'),
  storedAt: Instant,
  rows: z.int().describe('rows seen since the detector was last reset'),
  evidence: z.number(),
  threshold: z.number(),
  top: z.array(Evidence),
})
export type Detection = z.infer<typeof Detection>

export const MonitorState = z.object({
  name: Name,
  deployment: Name,
  modelVersion: z.int().positive().nullable(),
  ready: z.boolean(),
  problem: z.string().nullable(),
  budgetRows: z.number(),
  signals: z.array(
    z.object({
      signal: DriftSignal,
      rows: z.int(),
      evidence: z.number(),
      threshold: z.number(),
      alarmed: z.boolean(),
      streams: z.array(Evidence),
    }),
  ),
  changedAt: Instant,
})
export type MonitorState = z.infer<typeof MonitorState>

export const ReferenceProfile = z.object({
  model: ModelName,
  version: z.int().positive(),
  sampleSize: z.int(),
  digest: Digest,
  errorRate: z.number().nullable(),
  features: z.array(
    z.object({
      name: z.string(),
      edges: z.array(z.number()),
      expected: z.array(z.number()),
      missing: z.number(),
      min: z.number().nullable(),
      max: z.number().nullable(),
      mean: z.number().nullable(),
      variance: z.number().nullable(),
    }),
  ),
  frozenAt: Instant,
})
export type ReferenceProfile = z.infer<typeof ReferenceProfile>

export const drift = {
  listMonitors: endpoint({
    method: 'GET',
    path: '/api/v1/monitors',
    summary: 'List monitors with the evidence each stream has against its reference, and the alarm threshold',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional() }),
    output: z.array(MonitorState),
    examples: ['setpoint drift list-monitors'],
  }),
  getMonitor: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor',
    summary: 'Read one monitor’s state',
    scope: 'read',
    input: z.strictObject({ monitor: Name }),
    output: MonitorState,
  }),
  resetMonitor: endpoint({
    method: 'POST',
    path: '/api/v1/monitors/:monitor/reset',
    summary: 'Forget the evidence gathered so far and watch afresh',
    scope: 'write',
    input: z.strictObject({ monitor: Name, reason: Reason }),
    output: MonitorState,
  }),
  listDetections: endpoint({
    method: 'GET',
    path: '/api/v1/detections',
    summary: 'List detections, newest first',
    scope: 'read',
    input: z.strictObject({ monitor: Name.optional(), deployment: Name.optional(), limit: Limit }),
    output: z.array(Detection),
    examples: ['setpoint drift list-detections --deployment phishing'],
  }),
  getProfile: endpoint({
    method: 'GET',
    path: '/api/v1/models/:model/versions/:version/profile',
    summary: 'Read the reference profile frozen when the version was registered',
    scope: 'read',
    input: z.strictObject({ model: ModelName, version: VersionNumber }),
    output: ReferenceProfile,
  }),
}
