import { z } from 'zod'
import { AlertSpec } from './alerts.ts'
import { BatchScoringSpec } from './batch.ts'
import { DeploymentSpec } from './deployments.ts'
import { MonitorSpec } from './drift.ts'
import type { Scope } from './endpoint.ts'
import { GateSpec } from './gates.ts'
import { LoopSpec } from './loops.ts'
import { ObjectiveSpec } from './objectives.ts'
import { RegistryPolicySpec } from './registry-policy.ts'
import { TrainerSpec } from './retraining.ts'
import { Labels, Name } from './scalars.ts'
import { StreamSpec } from './streams.ts'

/** Everything a person declares, in the order in which a folder of files is applied: what is referred to comes first. */
export const kinds = {
  Deployment: { spec: DeploymentSpec, scope: 'write' },
  Monitor: { spec: MonitorSpec, scope: 'write' },
  Objective: { spec: ObjectiveSpec, scope: 'write' },
  RegistryPolicy: { spec: RegistryPolicySpec, scope: 'approve' },
  Gate: { spec: GateSpec, scope: 'approve' },
  /** A trainer runs a command on the server’s machine, so only an admin may declare one. */
  Trainer: { spec: TrainerSpec, scope: 'admin' },
  /** Reads and writes with the server’s rights, and what it writes is used as production. */
  BatchScoring: { spec: BatchScoringSpec, scope: 'approve' },
  /** Reads and writes brokers with the server’s rights. */
  Stream: { spec: StreamSpec, scope: 'approve' },
  Loop: { spec: LoopSpec, scope: 'approve' },
  Alert: { spec: AlertSpec, scope: 'write' },
} as const satisfies Record<string, { spec: z.ZodType; scope: Scope }>

export const Kind = z.enum(Object.keys(kinds) as [KindName, ...KindName[]])
export type KindName = keyof typeof kinds
export type Spec<K extends KindName> = z.infer<(typeof kinds)[K]['spec']>

const Metadata = z.strictObject({
  name: Name,
  project: Name.optional(),
  owner: z.string().min(1).max(200).optional(),
  labels: Labels.default({}),
})

/** A document as a person writes it; `spec` is checked against its kind. */
export const Manifest = z.strictObject({
  apiVersion: z.literal('setpoint/v1'),
  kind: Kind,
  metadata: Metadata,
  spec: z.record(z.string(), z.unknown()),
})
export type Manifest = z.infer<typeof Manifest>
