import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Name } from './scalars.ts'

/** A set point: what a deployment must hold, over which window. */
export const ObjectiveSpec = z.strictObject({
  deployment: Name,
  metric: z.enum(['f1', 'precision', 'recall', 'error_rate', 'latency_p99_ms', 'label_coverage']),
  target: z.number(),
  windowMinutes: z
    .number()
    .positive()
    .max(60 * 24 * 92)
    .default(60),
  minRows: z.int().min(1).default(100),
})
export type ObjectiveSpec = z.infer<typeof ObjectiveSpec>

export const ObjectiveState = z.object({
  name: Name,
  spec: ObjectiveSpec,
  direction: z.enum(['at_least', 'at_most']),
  value: z.number().nullable(),
  rows: z.int(),
  status: z.enum(['met', 'missed', 'insufficient_data']),
})
export type ObjectiveState = z.infer<typeof ObjectiveState>

export const objectives = {
  listObjectives: endpoint({
    method: 'GET',
    path: '/api/v1/objectives',
    summary: 'List objectives with their measured values',
    scope: 'read',
    input: z.strictObject({ deployment: Name.optional() }),
    output: z.array(ObjectiveState),
    examples: ['setpoint objectives list-objectives'],
  }),
}
