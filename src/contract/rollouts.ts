import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Limit, ModelName, Name, Reason, VersionNumber } from './scalars.ts'

const stage = {
  minRows: z.int().min(20).max(10_000_000).default(500).describe('paired labelled rows before a verdict may be given'),
  maxSeconds: z
    .number()
    .positive()
    .max(30 * 86_400)
    .default(86_400)
    .describe('no verdict by then: roll back'),
  margin: z.number().min(0).max(0.5).default(0.005).describe('a challenger may err this much more often and still be not worse'),
  alpha: z.number().gt(0).max(0.2).default(0.05).describe('error rate of the verdict, under continuous peeking'),
}

/** How a challenger meets traffic: scored beside the champion first, then served to a part of it. */
export const RolloutPlan = z.strictObject({
  promotion: z.enum(['automatic', 'by_hand']).default('automatic').describe('by_hand: a canary that won waits for a person'),
  shadow: z.strictObject(stage),
  canary: z.strictObject({
    percent: z.number().gt(0).max(50).default(10),
    ...stage,
    maxErrorRate: z.number().min(0).max(1).default(0.01).describe('share of failed requests that aborts the canary'),
  }),
})
export type RolloutPlan = z.infer<typeof RolloutPlan>

export const PairedEvidence = z.object({
  rows: z.int(),
  better: z.int().describe('rows the challenger got right and the champion wrong'),
  worse: z.int(),
  difference: z.number().nullable().describe('challenger error minus champion error; negative = better'),
  low: z.number().nullable(),
  high: z.number().nullable(),
  evidenceNotWorse: z.number().describe('e-value against “worse by the margin or more”'),
  evidenceHarm: z.number().describe('e-value against “not harmful”'),
  threshold: z.number().describe('1 / alpha'),
})
export type PairedEvidence = z.infer<typeof PairedEvidence>

export const Rollout = z.object({
  id: Id,
  deployment: Name,
  model: ModelName,
  champion: z.int().positive(),
  challenger: z.int().positive(),
  state: z.enum(['shadow', 'canary', 'won', 'promoted', 'rolled_back']),
  held: z.boolean(),
  plan: RolloutPlan,
  shadow: PairedEvidence.nullable(),
  canary: PairedEvidence.nullable(),
  verdict: z.string().nullable(),
  loopRun: Id.nullable(),
  startedAt: Instant,
  stageStartedAt: Instant,
  endedAt: Instant.nullable(),
})
export type Rollout = z.infer<typeof Rollout>

const decision = z.strictObject({ id: Id, reason: Reason })

export const rollouts = {
  startRollout: endpoint({
    method: 'POST',
    path: '/api/v1/rollouts',
    summary: 'Start a shadow, then a canary, of a challenger; a sequential test decides each',
    scope: 'approve',
    input: z.strictObject({
      deployment: Name,
      challenger: VersionNumber,
      plan: RolloutPlan,
      loopRun: Id.optional(),
      key: z.string().max(200).optional().describe('the same key starts one rollout only'),
      reason: Reason,
    }),
    output: Rollout,
  }),
  listRollouts: endpoint({
    method: 'GET',
    path: '/api/v1/rollouts',
    summary: 'List rollouts, newest first',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional(), limit: Limit }),
    output: z.array(Rollout),
    examples: ['setpoint rollouts list-rollouts'],
  }),
  getRollout: endpoint({
    method: 'GET',
    path: '/api/v1/rollouts/:id',
    summary: 'Read one rollout with its evidence so far',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: Rollout,
  }),
  holdRollout: endpoint({
    method: 'POST',
    path: '/api/v1/rollouts/:id/hold',
    summary: 'Stay in the present stage until resumed',
    scope: 'write',
    input: decision,
    output: Rollout,
  }),
  resumeRollout: endpoint({
    method: 'POST',
    path: '/api/v1/rollouts/:id/resume',
    summary: 'Go on after a hold',
    scope: 'write',
    input: decision,
    output: Rollout,
  }),
  promoteChallenger: endpoint({
    method: 'POST',
    path: '/api/v1/rollouts/:id/promote',
    summary: 'Make a challenger that won its canary the champion',
    scope: 'approve',
    input: decision,
    output: Rollout,
  }),
  rollBack: endpoint({
    method: 'POST',
    path: '/api/v1/rollouts/:id/roll-back',
    summary: 'Return all traffic to the champion; after a promotion, to the champion before it',
    scope: 'write',
    input: decision,
    output: Rollout,
    examples: ['setpoint rollouts roll-back ro_01k8 --reason "complaints from support"'],
  }),
}
