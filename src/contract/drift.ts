import { z } from 'zod'
import { streamingDetectors } from '../lib/drift/streaming/registry.ts'
import { DriftReport, DriftSeverity } from './drift-report.ts'
import { endpoint } from './endpoint.ts'
import { Digest, Fraction, Id, Instant, Limit, ModelName, Name, Reason, VersionNumber } from './scalars.ts'

/**
 * How rarely a monitor may raise a false alarm, over all its streams together: an expected run length in rows, or in days. Without
 * `requestsPerSecond` days are days, whatever the traffic; with it they are turned into rows beforehand.
 */
export const FalseAlarmBudget = z.union([
  z.strictObject({ everyRows: z.number().min(1_000).max(1e15) }),
  z.strictObject({ everyDays: z.number().positive().max(3_650), requestsPerSecond: z.number().positive().max(1e6).optional() }),
])
export type FalseAlarmBudget = z.infer<typeof FalseAlarmBudget>

/** A detector of the literature beside the monitor’s own, on the labelled error or on the score. */
export const MonitorDetector = z.strictObject({
  name: Name,
  on: z.enum(['error', 'score']).default('error'),
  kind: z.enum(Object.keys(streamingDetectors) as [string, ...string[]]),
  options: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
})
export type MonitorDetector = z.infer<typeof MonitorDetector>

/** Features that are one vector together. */
export const MonitorEmbedding = z.strictObject({ name: Name, features: z.array(z.string().min(1)).min(2).max(4_096) })
export type MonitorEmbedding = z.infer<typeof MonitorEmbedding>

/** A declared slice of the traffic: rows that meet every condition. */
export const MonitorSegment = z.strictObject({
  name: Name,
  where: z
    .array(
      z.union([
        z.strictObject({ feature: z.string().min(1), from: z.number().optional(), below: z.number().optional() }),
        z.strictObject({ actor: z.array(z.string()).min(1).max(1_000) }),
        z.strictObject({ source: z.array(z.string()).min(1).max(1_000) }),
      ]),
    )
    .min(1)
    .max(5),
})
export type MonitorSegment = z.infer<typeof MonitorSegment>

const WindowReference = z.union([
  z.strictObject({ kind: z.literal('frozen') }),
  z
    .strictObject({ kind: z.literal('cycles'), cycle: z.enum(['day', 'week', 'year']), cycles: z.int().min(1).max(52).default(4) })
    .describe('the same stretch of the last so many days, weeks or years, from the traffic itself'),
])

/** Every stretch of time held against the reference with the whole set of tests, beside the detectors that watch row by row. */
export const MonitorWindows = z.strictObject({
  seconds: z
    .number()
    .min(10)
    .max(31 * 86_400)
    .default(3_600)
    .describe('length of a window'),
  leastRows: z.int().min(20).default(200).describe('with fewer the verdict is “insufficient data”'),
  sampleRows: z.int().min(100).max(50_000).default(5_000).describe('rows of each window that are read, chosen by chance'),
  reference: WindowReference.default({ kind: 'frozen' }),
  alpha: z.number().positive().max(0.5).default(0.01).describe('probability that a window without drift names any feature'),
  control: z.enum(['holm', 'benjamini_hochberg']).default('holm'),
  tolerance: Fraction.default(0.1).describe('effects below are no drift, however certain'),
  moderate: Fraction.default(0.2),
  severe: Fraction.default(0.35),
  sustained: z
    .strictObject({ windows: z.int().min(1).max(100), of: z.int().min(1).max(100) })
    .refine(({ windows, of }) => windows <= of, { error: 'windows cannot be more than of' })
    .default({ windows: 3, of: 3 })
    .describe('drift in so many of the last so many windows, before anybody is told'),
  joint: z.boolean().default(true).describe('all features together as well, where there are at most 100'),
  clearAfter: z.int().min(1).max(100).default(2).describe('stable windows in a row after which it is over'),
})
export type MonitorWindows = z.infer<typeof MonitorWindows>

export const MonitorSpec = z.strictObject({
  deployment: Name,
  falseAlarmBudget: FalseAlarmBudget,
  season: z.enum(['none', 'hour_of_day', 'hour_of_week']).default('none').describe('with a frozen season each hour has its own reference'),
  segments: z.array(MonitorSegment).max(20).default([]).describe('slices watched for themselves, within the same budget'),
  embeddings: z.array(MonitorEmbedding).max(10).default([]).describe('features that are one vector together; judged by windows'),
  detectors: z.array(MonitorDetector).max(10).default([]).describe('further detectors: shown and told, without a budget of their own'),
  windows: MonitorWindows.optional(),
  tolerance: z
    .strictObject({
      features: z.number().min(0).max(0.5).default(0.02).describe('a change of any bin’s share by less than this is no drift'),
      error: z
        .number()
        .min(0)
        .max(0.5)
        .default(0.01)
        .describe(
          'a rise of the error rate by less than this is no drift; of a regression’s mean absolute error, by less than this share of it',
        ),
    })
    .default({ features: 0.02, error: 0.01 }),
})
export type MonitorSpec = z.infer<typeof MonitorSpec>

export const DriftSignal = z.enum(['features', 'error'])
export type DriftSignal = z.infer<typeof DriftSignal>

const Evidence = z.object({ stream: z.string(), evidence: z.number().describe('e-detector value, in rows'), share: z.number() })

/** What a person said of a detection after looking. */
const Judgement = z.enum(['true_alarm', 'false_alarm'])

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
  judgement: z.object({ verdict: Judgement, by: z.string(), at: Instant, reason: z.string() }).nullable().default(null),
})
export type Detection = z.infer<typeof Detection>

const WindowState = z.object({
  monitor: Name,
  deployment: Name,
  modelVersion: z.int().positive(),
  fromMs: Instant,
  toMs: Instant,
  rows: z.int(),
  verdict: z.enum(['stable', 'drift', 'insufficient_data']),
  severity: DriftSeverity,
  reason: z.string(),
  driftedShare: Fraction,
  columns: z.array(z.string()).describe('the features that drifted, worst first'),
  /** What the monitor made of this window and those before it. */
  standing: z.enum(['calm', 'watching', 'sustained']),
})
export type WindowState = z.infer<typeof WindowState>

/** What came of streams without change, against a budget. */
const SimulatedAlarms = {
  streams: z.int().describe('drawn from the reference, without any change'),
  rows: z.int().describe('of one signal, over all streams'),
  falseAlarms: z.int(),
  rowsPerFalseAlarm: z.number().nullable().describe('null: there was none'),
  shareOfBudget: z.number().describe('realised rate over the budget’s'),
  shareOfBudgetHigh: z.number().describe('upper end of its exact 95 % interval'),
  holds: z.boolean().describe('whether the false alarms can be chance under the budget'),
}

/** A budget held against the champion’s own reference: of both signals together, and of each against its own half. */
export const Simulated = z.object({
  monitor: Name,
  modelVersion: z.int().positive(),
  budget: z.object({ unit: z.enum(['rows', 'seconds']), every: z.number() }),
  ...SimulatedAlarms,
  signals: z.array(
    z.object({
      signal: DriftSignal,
      draws: z
        .enum(['rows', 'error_rate'])
        .describe('rows of the reference, neighbours together where asked; or independent errors at its error rate'),
      referenceRows: z.int(),
      ...SimulatedAlarms,
      power: z.array(
        z.object({
          change: z.string(),
          streams: z.int(),
          detected: z.int(),
          medianDelayRows: z.number().nullable(),
          delay90Rows: z.number().nullable(),
        }),
      ),
    }),
  ),
  notes: z.array(z.string()).describe('what could not be simulated, or not as it was asked for, and why'),
})

export type Simulated = z.infer<typeof Simulated>

export const Review = z.object({
  monitor: Name,
  sinceMs: Instant,
  untilMs: Instant,
  rows: z.int(),
  detections: z.int(),
  trueAlarms: z.int(),
  falseAlarms: z.int(),
  unjudged: z.int(),
  expectedFalseAlarms: z.number().describe('what the budget allows over the rows that were seen'),
  missed: z.int().describe('incidents of a worse model that no detection came before'),
  advice: z.array(z.string()),
  suggested: z.object({ falseAlarmBudget: FalseAlarmBudget, tolerance: z.object({ features: z.number(), error: z.number() }) }).nullable(),
})
export type Review = z.infer<typeof Review>

export const MonitorState = z.object({
  name: Name,
  deployment: Name,
  modelVersion: z.int().positive().nullable(),
  ready: z.boolean(),
  problem: z.string().nullable(),
  budget: z.object({ unit: z.enum(['rows', 'seconds']), every: z.number() }).describe('between false alarms, over all that is watched'),
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
  detectors: z.array(
    z.object({
      name: Name,
      kind: z.string(),
      on: z.enum(['error', 'score']),
      rows: z.int(),
      warnings: z.int(),
      drifts: z.int(),
      lastDriftMs: Instant.nullable(),
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

const OneStretch = z.strictObject({
  monitor: Name,
  fromMs: z.coerce.number().int().nonnegative().optional().describe('one window back when absent'),
  toMs: z.coerce.number().int().nonnegative().optional().describe('now when absent'),
})

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
  judgeDetection: endpoint({
    method: 'POST',
    path: '/api/v1/detections/:id/judge',
    summary: 'Say whether a detection was right; the quarterly review counts it',
    scope: 'write',
    input: z.strictObject({ id: Id, judgement: Judgement, reason: Reason }),
    output: Detection,
    examples: ['setpoint drift judge-detection drift_01 --judgement false_alarm --reason "a load test"'],
  }),
  compareWindow: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor/report',
    summary: 'Hold a stretch of traffic against the reference with every test: which features moved, how far, how surely',
    scope: 'read',
    input: OneStretch,
    output: DriftReport,
    examples: ['setpoint drift compare-window phishing --json'],
  }),
  downloadReport: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor/report.html',
    summary: 'Download the same report as a page that stands by itself, to be passed on',
    scope: 'read',
    returns: 'bytes',
    input: OneStretch,
    output: z.unknown(),
    examples: ['setpoint drift download-report phishing > report.html'],
  }),
  listWindows: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor/windows',
    summary: 'List the windows that were judged, newest first',
    scope: 'read',
    input: z.strictObject({ monitor: Name, limit: Limit }),
    output: z.array(WindowState),
  }),
  simulate: endpoint({
    method: 'POST',
    path: '/api/v1/monitors/:monitor/simulate',
    summary:
      'Prove a budget on the model’s own reference: false alarms of inputs and labelled error on resampled streams, and the delay of stated changes',
    scope: 'read',
    input: z.strictObject({
      monitor: Name,
      streams: z.int().min(10).max(2_000).default(200),
      rows: z.int().min(1_000).max(1_000_000).default(20_000).describe('of each stream'),
      blockRows: z.int().min(1).max(10_000).default(1).describe('rows resampled together, where neighbours are alike'),
      falseAlarmBudget: FalseAlarmBudget.optional().describe('instead of the monitor’s own'),
      tolerance: z.number().min(0).max(0.5).optional().describe('of features, instead of the monitor’s own'),
    }),
    output: Simulated,
    examples: ['setpoint drift simulate phishing --streams 500'],
  }),
  freezeSeason: endpoint({
    method: 'POST',
    path: '/api/v1/monitors/:monitor/season',
    summary: 'Freeze how each hour of the day or week looked in a stretch of traffic that was right',
    scope: 'write',
    input: z.strictObject({ monitor: Name, fromMs: Instant, toMs: Instant, reason: Reason }),
    output: z.object({ monitor: Name, season: z.string(), rows: z.int(), buckets: z.int(), leastRows: z.int(), digest: Digest }),
  }),
  reviewMonitor: endpoint({
    method: 'GET',
    path: '/api/v1/monitors/:monitor/review',
    summary: 'Review a monitor’s alarms: right and wrong ones against the budget, and what to change',
    scope: 'read',
    input: z.strictObject({ monitor: Name, days: z.coerce.number().positive().max(3_650).default(90) }),
    output: Review,
    examples: ['setpoint drift review-monitor phishing --days 90'],
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
