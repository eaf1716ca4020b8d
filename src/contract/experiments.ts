import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Instant, Limit } from './scalars.ts'

export const View = z.enum(['active', 'deleted', 'all']).default('active')
export const SearchFilter = z
  .string()
  .max(200_000)
  .optional()
  .describe(`comparisons joined by AND, such as metrics.rmse < 0.5 AND params.model = 'tree' AND tags.owner LIKE 'a%'`)
export const PageToken = z.string().max(100_000).optional().describe('the next of the page before')

export const Experiment = z.object({
  id: z.string(),
  name: z.string(),
  artifactLocation: z.string(),
  lifecycle: z.enum(['active', 'deleted']),
  tags: z.record(z.string(), z.string()),
  createdAt: Instant,
  updatedAt: Instant,
})
export type Experiment = z.infer<typeof Experiment>

const oneExperiment = z.strictObject({ experiment: z.string().min(1).max(500).describe('its id or its name') })

export const experiments = {
  search: endpoint({
    method: 'GET',
    path: '/api/v1/experiments',
    summary: 'List experiments, the newest first, or those that a filter finds',
    scope: 'read',
    input: z.strictObject({
      filter: SearchFilter,
      orderBy: z.string().max(1_000).optional().describe('such as name or creation_time DESC'),
      view: View,
      limit: Limit,
      page: PageToken,
    }),
    output: z.object({
      experiments: z.array(Experiment.extend({ runs: z.int(), lastRunAt: z.int().nullable() })),
      next: z.string().nullable(),
    }),
    examples: [`setpoint experiments search --filter "name LIKE 'churn%'"`],
  }),
  get: endpoint({
    method: 'GET',
    path: '/api/v1/experiments/:experiment',
    summary: 'Read one experiment',
    scope: 'read',
    input: oneExperiment,
    output: Experiment,
    examples: ['setpoint experiments get churn'],
  }),
  create: endpoint({
    method: 'POST',
    path: '/api/v1/experiments',
    summary: 'Create an experiment',
    scope: 'write',
    input: z.strictObject({
      name: z.string().min(1).max(500),
      artifactLocation: z.string().max(2_048).optional().describe('where its runs keep files; on this server unless given'),
      tags: z.record(z.string().max(250), z.string().max(20_000)).default({}),
    }),
    output: Experiment,
    examples: ['setpoint experiments create --name churn'],
  }),
  rename: endpoint({
    method: 'PUT',
    path: '/api/v1/experiments/:experiment/name',
    summary: 'Give an experiment another name',
    scope: 'write',
    input: oneExperiment.extend({ name: z.string().min(1).max(500) }),
    output: Experiment,
    examples: ['setpoint experiments rename churn --name leavers'],
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/api/v1/experiments/:experiment',
    summary: 'Delete an experiment with its runs; both can be restored',
    scope: 'write',
    input: oneExperiment,
    output: Experiment,
    examples: ['setpoint experiments delete churn'],
  }),
  restore: endpoint({
    method: 'POST',
    path: '/api/v1/experiments/:experiment/restore',
    summary: 'Restore a deleted experiment with its runs',
    scope: 'write',
    input: oneExperiment,
    output: Experiment,
    examples: ['setpoint experiments restore churn'],
  }),
}
