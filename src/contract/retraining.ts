import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Digest, Id, Instant, Limit, ModelName, Name, Reason } from './scalars.ts'

/** A command of the operator’s own that trains on a snapshot and registers a version. Runs with the server’s rights. */
export const TrainerSpec = z.strictObject({
  command: z.array(z.string().min(1)).min(1).max(100).describe('program and arguments; no shell is involved'),
  workingFolder: z.string().optional(),
  environment: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
  timeoutSeconds: z.number().positive().max(86_400).default(3_600),
  snapshot: z
    .strictObject({
      maxRows: z.int().min(100).max(10_000_000).default(100_000).describe('newest labelled rows'),
      minRows: z.int().min(1).default(500),
      holdOut: z.number().min(0).max(0.5).default(0.2).describe('newest share kept back from training, for the gate'),
      includeReference: z.boolean().default(true).describe('the champion’s frozen reference rows are added'),
    })
    .default({ maxRows: 100_000, minRows: 500, holdOut: 0.2, includeReference: true }),
})
export type TrainerSpec = z.infer<typeof TrainerSpec>

export const Training = z.object({
  id: Id,
  trainer: Name,
  deployment: Name,
  model: ModelName,
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  version: z.int().nullable(),
  snapshot: z
    .object({
      digest: Digest,
      rows: z.int(),
      referenceRows: z.int(),
      quarantinedRows: z.int(),
      currentRows: z.int(),
      fromMs: Instant,
      toMs: Instant,
    })
    .nullable(),
  /** Start of the rows held out from training: the gate’s newest window. */
  heldOutFromMs: Instant.nullable(),
  exitCode: z.int().nullable(),
  problem: z.string().nullable(),
  loopRun: Id.nullable(),
  startedAt: Instant,
  endedAt: Instant.nullable(),
})
export type Training = z.infer<typeof Training>

export const retraining = {
  startTraining: endpoint({
    method: 'POST',
    path: '/api/v1/trainings',
    summary: 'Take a snapshot of labelled rows, without what is quarantined, and run a trainer on it',
    scope: 'write',
    input: z.strictObject({
      trainer: Name,
      deployment: Name,
      fromMs: Instant.optional().describe('oldest row to learn from; everything kept when absent'),
      toMs: Instant.optional(),
      changedAt: Instant.optional().describe('when the change began that this training answers: rows since then are marked as current'),
      loopRun: Id.optional(),
      key: z.string().max(200).optional().describe('the same key starts one training only'),
      reason: Reason,
    }),
    output: Training,
    examples: ['setpoint retraining start-training --trainer phishing --deployment phishing --reason "new campaign"'],
  }),
  listTrainings: endpoint({
    method: 'GET',
    path: '/api/v1/trainings',
    summary: 'List trainings, newest first',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional(), limit: Limit }),
    output: z.array(Training),
    examples: ['setpoint retraining list-trainings'],
  }),
  getTraining: endpoint({
    method: 'GET',
    path: '/api/v1/trainings/:id',
    summary: 'Read one training',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: Training,
  }),
  readLog: endpoint({
    method: 'GET',
    path: '/api/v1/trainings/:id/log',
    summary: 'Read what the trainer printed, the last 1 MiB',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: z.object({ text: z.string(), truncated: z.boolean() }),
  }),
  cancelTraining: endpoint({
    method: 'POST',
    path: '/api/v1/trainings/:id/cancel',
    summary: 'Stop a training and everything it started',
    scope: 'write',
    input: z.strictObject({ id: Id, reason: Reason }),
    output: Training,
  }),
}
