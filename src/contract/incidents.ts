import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Limit, Name, Reason } from './scalars.ts'

export const Severity = z.enum(['ticket', 'page'])
export type Severity = z.infer<typeof Severity>

export const Incident = z.object({
  id: Id,
  deployment: Name,
  title: z.string(),
  severity: Severity,
  state: z.enum(['open', 'closed']),
  cause: z.string().nullable(),
  resolution: z.string().nullable(),
  loopRun: Id.nullable(),
  timeline: z.array(z.object({ at: Instant, actor: z.string(), text: z.string() })),
  openedAt: Instant,
  closedAt: Instant.nullable(),
})
export type Incident = z.infer<typeof Incident>

export const incidents = {
  openIncident: endpoint({
    method: 'POST',
    path: '/api/v1/incidents',
    summary: 'Open an incident',
    scope: 'write',
    input: z.strictObject({
      deployment: Name,
      title: z.string().min(3).max(200),
      severity: Severity.default('ticket'),
      loopRun: Id.optional(),
      key: z.string().max(200).optional().describe('the same key opens one incident only'),
      reason: Reason,
    }),
    output: Incident,
  }),
  listIncidents: endpoint({
    method: 'GET',
    path: '/api/v1/incidents',
    summary: 'List incidents, newest first',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional(), state: z.enum(['open', 'closed']).optional(), limit: Limit }),
    output: z.array(Incident),
    examples: ['setpoint incidents list-incidents --state open'],
  }),
  getIncident: endpoint({
    method: 'GET',
    path: '/api/v1/incidents/:id',
    summary: 'Read one incident with its timeline',
    scope: 'read',
    input: z.strictObject({ id: Id }),
    output: Incident,
  }),
  addNote: endpoint({
    method: 'POST',
    path: '/api/v1/incidents/:id/notes',
    summary: 'Add a line to the timeline',
    scope: 'write',
    input: z.strictObject({ id: Id, text: z.string().min(1).max(4_000) }),
    output: Incident,
  }),
  closeIncident: endpoint({
    method: 'POST',
    path: '/api/v1/incidents/:id/close',
    summary: 'Close an incident with its cause and resolution',
    scope: 'write',
    input: z.strictObject({
      id: Id,
      cause: z.string().min(3).max(2_000),
      resolution: z.string().min(3).max(2_000),
      reason: Reason.default('resolved'),
    }),
    output: Incident,
  }),
}
