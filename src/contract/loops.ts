import { z } from 'zod'
import { DriftSeverity } from './drift-report.ts'
import { endpoint } from './endpoint.ts'
import { RolloutPlan } from './rollouts.ts'
import { Fraction, Id, Instant, Limit, Name, Reason } from './scalars.ts'

/** What begins a run. A person may always begin one; each of these begins it without a person. */
const LoopTriggers = z.strictObject({
  detections: z.boolean().default(true).describe('a detection of the monitor, row by row'),
  lastingDrift: z
    .strictObject({
      aloneFrom: DriftSeverity.exclude(['none'])
        .optional()
        .describe('the severity from which drift of the inputs alone suffices; below it, and without it, a second signal must agree'),
    })
    .optional()
    .describe('drift that lasted over the windows of the monitor'),
  droppedEstimates: z.boolean().default(false).describe('quality estimated without labels fell below the reference'),
  everyHours: z.number().min(0.25).max(8_784).optional().describe('hours from one scheduled run to the next'),
  newLabels: z
    .int()
    .min(20)
    .max(10_000_000)
    .optional()
    .describe('records labelled since the champion was trained, or since the last run if that is later'),
})
export type LoopTriggers = z.infer<typeof LoopTriggers>

/**
 * The loop of one deployment. It cannot be enabled without a gate and a canary; its rollback target is the champion of
 * the moment, which the registry keeps.
 */
export const LoopSpec = z.strictObject({
  deployment: Name,
  monitor: Name,
  trainer: Name.optional(),
  gate: Name.optional(),
  rollout: RolloutPlan.optional(),
  enabled: z.boolean().default(false),
  triggers: LoopTriggers.default({ detections: true, droppedEstimates: false }).describe(
    'what begins a run; detections alone if not given',
  ),
  corroborate: z
    .strictObject({
      withinSeconds: z.number().positive().default(3_600),
      labelledRows: z.int().min(20).default(500).describe('labelled rows after the shift that triage waits for'),
    })
    .default({ withinSeconds: 3_600, labelledRows: 500 }),
  triage: z
    .strictObject({
      maxMissingShare: Fraction.default(0.2).describe('missing share of a feature, above that of the reference, that means broken data'),
      concentration: Fraction.default(0.5).describe('share of the change that the most involved actors must hold to call it an attack'),
      maxActorShare: Fraction.default(0.05).describe('“few actors” = at most this share of all actors'),
      labelConflict: Fraction.default(0.2).describe(
        'how much more often one label source contradicts the others before it counts as poisoned',
      ),
    })
    .default({ maxMissingShare: 0.2, concentration: 0.5, maxActorShare: 0.05, labelConflict: 0.2 }),
  cooldownSeconds: z.number().min(0).default(86_400),
  approval: z.enum(['none', 'before_rollout', 'before_promotion']).default('none').describe('where a person must say yes'),
  maxTrainings: z.int().min(1).max(10).default(2).describe('trainings one run may spend'),
})
export type LoopSpec = z.infer<typeof LoopSpec>

export const LoopStepName = z.enum([
  'detect',
  'corroborate',
  'triage',
  'quarantine',
  'retrain',
  'gate',
  'approve',
  'shadow',
  'canary',
  'close',
])
export type LoopStepName = z.infer<typeof LoopStepName>

const LoopOutcome = z.enum(['promoted', 'rolled_back', 'refused', 'quarantined', 'dismissed', 'aborted', 'failed'])

export const LoopStep = z.object({
  name: LoopStepName,
  state: z.enum(['running', 'done', 'failed', 'skipped']),
  summary: z.string(),
  evidence: z.record(z.string(), z.unknown()),
  startedAt: Instant,
  endedAt: Instant.nullable(),
})
export type LoopStep = z.infer<typeof LoopStep>

/** What began a run. */
const LoopCause = z.object({
  kind: z.enum(['drift', 'error', 'lasting_drift', 'dropped_estimates', 'schedule', 'new_labels', 'manual']),
  detection: Id.nullable(),
  at: Instant.describe('since when traffic is looked at: the detection, the first window with drift, the turn or labels before'),
  summary: z.string(),
  facts: z.record(z.string(), z.unknown()).describe('what the trigger knew: window, severity, turn, number of labels'),
})

export const LoopRun = z.object({
  id: Id,
  loop: Name,
  deployment: Name,
  state: z.enum(['running', 'waiting_for_approval', 'held', 'ended']),
  step: LoopStepName,
  outcome: LoopOutcome.nullable(),
  reason: z.string().nullable().describe('why it ended as it did'),
  cause: LoopCause,
  incident: Id.nullable(),
  training: Id.nullable(),
  challenger: z.int().nullable(),
  verdict: Id.nullable(),
  rollout: Id.nullable(),
  quarantines: z.array(Id),
  steps: z.array(LoopStep),
  startedAt: Instant,
  endedAt: Instant.nullable(),
})
export type LoopRun = z.infer<typeof LoopRun>

const decision = z.strictObject({ id: Id, reason: Reason })

export const loops = {
  listRuns: endpoint({
    method: 'GET',
    path: '/api/v1/loop-runs',
    summary: 'List runs of the loop, newest first',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional(), limit: Limit }),
    output: z.array(LoopRun),
    examples: ['setpoint loops list-runs --deployment phishing'],
  }),
  getRun: endpoint({
    method: 'GET',
    path: '/api/v1/loop-runs/:id',
    summary: 'Read one run: every step with its evidence',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: LoopRun,
  }),
  startRun: endpoint({
    method: 'POST',
    path: '/api/v1/loops/:loop/runs',
    summary: 'Start a run by hand; corroboration is skipped, every gate is kept',
    scope: 'write',
    input: z.strictObject({ loop: Name, reason: Reason }),
    output: LoopRun,
    examples: ['setpoint loops start-run phishing --reason "new campaign reported by the abuse desk"'],
  }),
  approveRun: endpoint({
    method: 'POST',
    path: '/api/v1/loop-runs/:id/approve',
    summary: 'Say yes where the loop waits for a person',
    scope: 'approve',
    input: decision,
    output: LoopRun,
  }),
  holdRun: endpoint({
    method: 'POST',
    path: '/api/v1/loop-runs/:id/hold',
    summary: 'Stop before the next step, keeping what is running',
    scope: 'write',
    input: decision,
    output: LoopRun,
  }),
  resumeRun: endpoint({
    method: 'POST',
    path: '/api/v1/loop-runs/:id/resume',
    summary: 'Go on after a hold',
    scope: 'write',
    input: decision,
    output: LoopRun,
  }),
  abortRun: endpoint({
    method: 'POST',
    path: '/api/v1/loop-runs/:id/abort',
    summary: 'End the run; the champion keeps all traffic',
    scope: 'write',
    input: decision,
    output: LoopRun,
  }),
  rollBackRun: endpoint({
    method: 'POST',
    path: '/api/v1/loop-runs/:id/roll-back',
    summary: 'Undo what the run promoted: the champion before it serves again',
    scope: 'write',
    input: decision,
    output: LoopRun,
  }),
}
