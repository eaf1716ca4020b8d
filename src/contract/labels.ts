import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Fraction, Id, Instant, Name, VersionNumber } from './scalars.ts'
import { WindowMs } from './telemetry.ts'

const LabelInput = z.strictObject({
  recordId: Id,
  /** The class, as the model numbers it, or the true value. */
  label: z.number(),
  /** Who says so: a feed, a team, a person. */
  source: z.string().trim().min(1).max(128).default('unknown'),
  /** When it was found out; now, when not given. */
  observedAt: Instant.optional(),
})

/** A count over a window. What cannot be divided (nothing labelled, nothing predicted positive) is null. */
const Quality = z.object({
  labelled: z.int(),
  errorRate: Fraction.nullable(),
  precision: Fraction.nullable(),
  recall: Fraction.nullable(),
  f1: Fraction.nullable(),
})

const QualityReport = Quality.extend({
  deployment: Name,
  windowMs: z.int(),
  predictions: z.int(),
  /** Share of the predictions of the window that have a label. */
  coverage: Fraction.nullable(),
  /** Labels received in the window for a record this deployment never answered (or not yet). */
  unmatched: z.int(),
  labelDelayMs: z.object({ p50: z.number(), p95: z.number() }).nullable(),
  confusion: z.array(z.object({ label: z.number(), predicted: z.number(), count: z.int() })),
  versions: z.array(Quality.extend({ version: VersionNumber, predictions: z.int() })),
})

export const LabelSource = z.object({
  source: z.string(),
  labels: z.int(),
  records: z.int(),
  /** Share of its labels that differ from what the model said. */
  modelDisagreement: Fraction.nullable(),
  /** Share of its labels that differ from another source's label of the same record, among the records both labelled. */
  sourceDisagreement: Fraction.nullable(),
})
export type LabelSource = z.infer<typeof LabelSource>

export const labels = {
  recordLabels: endpoint({
    method: 'POST',
    path: '/api/v1/deployments/:deployment/labels',
    summary: 'Report what turned out to be true for predictions, late, out of order or corrected',
    scope: 'label',
    input: z.strictObject({ deployment: Name, labels: z.array(LabelInput).min(1).max(10_000) }),
    output: z.object({ accepted: z.int() }),
    examples: [`setpoint labels record-labels --deployment phishing --labels '[{"recordId":"rec_1","label":1,"source":"analyst"}]'`],
  }),
  measureQuality: endpoint({
    method: 'GET',
    path: '/api/v1/deployments/:deployment/quality',
    summary: 'Measure quality on the labelled predictions of the last window, per version',
    scope: 'read',
    input: z.strictObject({ deployment: Name, windowMs: WindowMs, positive: z.coerce.number().default(1) }),
    output: QualityReport,
    examples: ['setpoint labels measure-quality --deployment phishing --window-ms 600000'],
  }),
  listLabelSources: endpoint({
    method: 'GET',
    path: '/api/v1/deployments/:deployment/label-sources',
    summary: 'List who labels a deployment, and how often each disagrees with the model and with the others',
    scope: 'read',
    input: z.strictObject({ deployment: Name, windowMs: WindowMs }),
    output: z.object({ sources: z.array(LabelSource) }),
    examples: ['setpoint labels list-label-sources --deployment phishing'],
  }),
}
