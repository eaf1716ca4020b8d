import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { EventName } from './events.ts'
import { Severity } from './incidents.ts'
import { Id, Instant, Limit, Name, Reason } from './scalars.ts'

/** What to tell whom. An alert without owner and runbook cannot be enabled. */
export const AlertSpec = z.strictObject({
  on: z.array(EventName).min(1).max(50),
  deployment: Name.optional(),
  severity: Severity.default('ticket'),
  runbook: z.string().max(500).optional().describe('a page or file that says what to do'),
  webhook: z.strictObject({ url: z.url({ protocol: /^https?$/ }), secretEnvironment: z.string().optional() }).optional(),
  enabled: z.boolean().default(true),
})
export type AlertSpec = z.infer<typeof AlertSpec>

export const Alert = z.object({
  id: Id,
  rule: Name,
  event: z.string(),
  deployment: Name.nullable(),
  severity: Severity,
  title: z.string(),
  owner: z.string(),
  runbook: z.string(),
  state: z.enum(['firing', 'acknowledged', 'resolved']),
  delivery: z.enum(['none', 'pending', 'delivered', 'failed']),
  at: Instant,
  acknowledgedBy: z.string().nullable(),
})
export type Alert = z.infer<typeof Alert>

export const alerts = {
  listAlerts: endpoint({
    method: 'GET',
    path: '/api/v1/alerts',
    summary: 'List alerts, newest first',
    scope: 'read',
    input: z.strictObject({ state: z.enum(['firing', 'acknowledged', 'resolved']).optional(), limit: Limit }),
    output: z.array(Alert),
    examples: ['setpoint alerts list-alerts --state firing'],
  }),
  acknowledgeAlert: endpoint({
    method: 'POST',
    path: '/api/v1/alerts/:id/acknowledge',
    summary: 'Say that somebody is on it',
    scope: 'write',
    input: z.strictObject({ id: Id, reason: Reason.default('seen') }),
    output: Alert,
  }),
  resolveAlert: endpoint({
    method: 'POST',
    path: '/api/v1/alerts/:id/resolve',
    summary: 'Say that it is over',
    scope: 'write',
    input: z.strictObject({ id: Id, reason: Reason.default('resolved') }),
    output: Alert,
  }),
}
