import { z } from 'zod'
import { servingModes } from '../lib/advice/serving-mode.ts'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Limit, ModelName, Name, Reason } from './scalars.ts'

const Text = z.string().trim().min(1).max(200)
const Ruled = z.object({ rule: z.string().describe('of the catalogue, such as P1-03'), text: z.string() })

const ServingNeed = z.strictObject({
  latencyMs: z.number().positive().max(86_400_000).optional().describe('somebody waits for the answer, for no longer than this'),
  freshnessMs: z.number().positive().max(31_536_000_000).optional().describe('a prediction may be this old'),
  requestsPerSecond: z.number().positive().max(1_000_000_000).optional(),
  features: z.enum(['fresh', 'aggregated', 'mixed']).default('aggregated').describe('known at the request, computed before, or both'),
  scheduled: z.boolean().default(false).describe('predictions for many rows are wanted on a schedule, too'),
  eventDriven: z.boolean().default(false).describe('such as fraud, security alerts, clicks'),
  regulated: z.boolean().default(false),
  multiRegion: z.boolean().default(false),
  llm: z.boolean().default(false).describe('the model is a language model'),
  consumerGroup: Text.optional().describe('streaming: who reads the events'),
  deadLetters: Text.optional().describe('streaming: where events go that cannot be scored'),
  delivery: z.enum(['at-least-once', 'exactly-once']).optional().describe('streaming: how often an event counts'),
  residency: Text.optional().describe('regulated or several regions: where data may lie'),
  regionalRollback: Text.optional().describe('regulated or several regions: how one region goes back alone'),
})

export const ServingDecision = z.object({
  id: Id,
  deployment: Name.nullable(),
  model: ModelName.nullable(),
  version: z.int().positive().nullable().describe('the champion that the checklist is about'),
  need: ServingNeed,
  mode: z.enum(servingModes),
  reasons: z.array(Ruled),
  risks: z.array(Ruled),
  rejected: z.array(z.object({ mode: z.enum(servingModes), why: z.string() })),
  required: z.array(
    z.object({
      rule: z.string(),
      item: z.string(),
      mandatory: z.boolean(),
      given: z.string().nullable().describe('null: a mandatory part that is missing'),
    }),
  ),
  questions: z.array(z.string()).describe('what was not said and could lead to another mode'),
  checklist: z
    .array(z.object({ rule: z.string(), item: z.string(), met: z.boolean(), evidence: z.string() }))
    .describe('readiness, read from the records of the model and the deployment; empty when neither is named'),
  reason: z.string(),
  at: Instant,
  by: z.string(),
})
export type ServingDecision = z.infer<typeof ServingDecision>

export const advise = {
  serving: endpoint({
    method: 'POST',
    path: '/api/v1/advice/serving',
    summary: 'Choose batch, online, hybrid, streaming or llm for a need, and keep the decision with its reasons',
    scope: 'write',
    input: ServingNeed.extend({
      deployment: Name.optional().describe('whose readiness is checked, too'),
      model: ModelName.optional().describe('the same for a model without deployment'),
      reason: Reason.default('choice of a serving mode'),
    }),
    output: ServingDecision,
    examples: [
      'setpoint advise serving --latency-ms 300 --requests-per-second 200 --features mixed --deployment phishing',
      'setpoint advise serving --event-driven --consumer-group fraud --dead-letters fraud.dead --delivery at-least-once',
    ],
  }),
  listDecisions: endpoint({
    method: 'GET',
    path: '/api/v1/advice/serving',
    summary: 'List the serving decisions, newest first',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional(), limit: Limit }),
    output: z.array(ServingDecision),
    examples: ['setpoint advise list-decisions --deployment phishing'],
  }),
  getDecision: endpoint({
    method: 'GET',
    path: '/api/v1/advice/serving/:id',
    summary: 'Read one serving decision',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: ServingDecision,
  }),
}
