import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Name, Reason } from './scalars.ts'

/** Rows that must not teach: a time range of a deployment, narrowed to actors, sources or label sources where given. */
export const QuarantineScope = z.strictObject({
  fromMs: Instant,
  toMs: Instant.nullable().describe('null while it is still open'),
  actors: z.array(z.string()).max(1_000).optional(),
  sources: z.array(z.string()).max(1_000).optional(),
  labelSources: z.array(z.string()).max(1_000).optional(),
})
export type QuarantineScope = z.infer<typeof QuarantineScope>

export const Quarantine = z.object({
  id: Id,
  deployment: Name,
  scope: QuarantineScope,
  cause: z.enum(['broken_data', 'attack', 'manual']),
  reason: z.string(),
  loopRun: Id.nullable(),
  createdAt: Instant,
  createdBy: z.string(),
  liftedAt: Instant.nullable(),
})
export type Quarantine = z.infer<typeof Quarantine>

/** The scopes of windows as a query takes them: one that is still open lasts for ever. */
export function excludingFrom(windows: readonly Quarantine[]): (QuarantineScope & { toMs: number })[] {
  return windows.map(({ scope }) => ({ ...scope, toMs: scope.toMs ?? Number.MAX_SAFE_INTEGER }))
}

/** Label sources that are not believed while these windows are in force, whatever the time of the row. */
export function poisonedLabelSources(windows: readonly Quarantine[]): ReadonlySet<string> {
  return new Set(windows.flatMap((window) => window.scope.labelSources ?? []))
}

export const quarantine = {
  listWindows: endpoint({
    method: 'GET',
    path: '/api/v1/quarantine',
    summary: 'List what is kept out of training',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional(), all: z.stringbool().default(false).describe('lifted ones too') }),
    output: z.array(Quarantine),
    examples: ['setpoint quarantine list-windows --deployment phishing'],
  }),
  addWindow: endpoint({
    method: 'POST',
    path: '/api/v1/quarantine',
    summary: 'Keep rows out of every later training snapshot',
    scope: 'write',
    input: z.strictObject({
      deployment: Name,
      scope: QuarantineScope,
      cause: z.enum(['broken_data', 'attack', 'manual']).default('manual'),
      loopRun: Id.optional(),
      reason: Reason,
    }),
    output: Quarantine,
  }),
  liftWindow: endpoint({
    method: 'POST',
    path: '/api/v1/quarantine/:id/lift',
    summary: 'Let quarantined rows teach again',
    scope: 'approve',
    input: z.strictObject({ id: Id, reason: Reason }),
    output: Quarantine,
  }),
}
