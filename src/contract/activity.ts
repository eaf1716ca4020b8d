import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Limit } from './scalars.ts'

export const DomainEvent = z.object({
  id: Id,
  name: z.string(),
  subject: z.string(),
  data: z.record(z.string(), z.unknown()),
  at: Instant,
})
export type DomainEvent = z.infer<typeof DomainEvent>

export const activity = {
  listEvents: endpoint({
    method: 'GET',
    path: '/api/v1/events',
    summary: 'List the newest domain events of the project',
    scope: 'read',
    input: z.strictObject({ limit: Limit }),
    output: z.array(DomainEvent),
  }),
  watchEvents: endpoint({
    method: 'GET',
    path: '/api/v1/events/stream',
    summary: 'Follow the project’s domain events as they happen, as server-sent events',
    scope: 'read',
    returns: 'events',
    input: z.strictObject({}),
    output: DomainEvent,
    examples: ['setpoint activity watch-events'],
  }),
}
