import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Fraction, Id, Instant, Name, Reason } from './scalars.ts'

export const DriftCause = z.enum(['data_fault', 'attack', 'covariate', 'prior', 'concept', 'seasonal', 'model_change', 'none'])
export type DriftCause = z.infer<typeof DriftCause>

export const DriftResponse = z.enum([
  'retrain',
  'adjust_threshold',
  'fallback_model',
  'fix_upstream',
  'quarantine_labels',
  'block_actors',
  'new_baseline',
  'none',
])
export type DriftResponse = z.infer<typeof DriftResponse>

/** How a detection was answered. */
export const ChosenResponse = z.object({
  response: DriftResponse,
  reason: z.string(),
  by: z.string(),
  at: Instant,
  suggested: DriftResponse.nullable().describe('what the diagnosis suggested then; null where there was none'),
  cause: DriftCause.nullable(),
})
export type ChosenResponse = z.infer<typeof ChosenResponse>

/** What is behind a detection: which cause, resting on what, and whom it reaches. */
export const Diagnosis = z.object({
  detection: Id,
  monitor: Name,
  deployment: Name,
  fromMs: Instant,
  toMs: Instant,
  rows: z.int(),
  labelledRows: z.int(),
  cause: DriftCause,
  confidence: Fraction.describe(
    'weight of the cause named among all, which sum to 1: scores of rules, softmaxed, and no measured chance of being right',
  ),
  summary: z.string(),
  causes: z.array(z.object({ cause: DriftCause, confidence: Fraction, evidence: z.array(z.string()) })),
  features: z
    .array(z.object({ name: z.string(), share: z.number() }))
    .describe('their parts in the change of inputs, of all features together 1; empty where the inputs did not change'),
  performance: z
    .object({ change: z.number(), covariate: z.number(), concept: z.number(), note: z.string() })
    .nullable()
    .describe('how much of a rise of the error is other inputs, and how much is other truth; null without labels'),
  slices: z.array(
    z.object({ conditions: z.array(z.string()), rows: z.int(), share: Fraction, effect: z.number(), adjustedPValue: z.number() }),
  ),
  attack: z.array(
    z.object({
      kind: z.enum(['poisoning', 'evasion', 'extraction']),
      score: z.number(),
      pValue: z.number().nullable(),
      actors: z.array(z.string()),
      text: z.string(),
    }),
  ),
  segments: z
    .array(z.object({ by: z.enum(['actor', 'source']), name: z.string(), rows: z.int(), share: Fraction, wrong: Fraction.nullable() }))
    .describe('who asked most, and how often the labels contradict the model there'),
  blastRadius: z.object({
    requests: z.int().describe('answered since the change began'),
    deployments: z.array(Name).describe('that serve the same model'),
    models: z.array(z.string()).describe('versions that stand on this one: trained from it, or copied'),
    batches: z.array(Name).describe('batch scorings of the same model'),
    streams: z.array(Name),
  }),
  response: z.object({ suggested: DriftResponse, why: z.string() }),
  chosen: ChosenResponse.nullable().describe('what a person decided'),
})
export type Diagnosis = z.infer<typeof Diagnosis>

export const triage = {
  diagnoseDetection: endpoint({
    method: 'GET',
    path: '/api/v1/detections/:id/diagnosis',
    summary: 'Explain a detection: cause with evidence and confidence, features, slices, actors, and what else it reaches',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: Diagnosis,
    examples: ['setpoint triage diagnose-detection drift_01'],
  }),
  chooseResponse: endpoint({
    method: 'POST',
    path: '/api/v1/detections/:id/response',
    summary: 'Record how a detection is answered and why; the diagnosis shows it from then on',
    scope: 'write',
    input: z.strictObject({ id: Id, response: DriftResponse, reason: Reason }),
    output: ChosenResponse,
    examples: ['setpoint triage choose-response drift_01 --response retrain --reason "the labels since Monday agree"'],
  }),
}
