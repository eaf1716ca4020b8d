import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Fraction, Id, Instant, ModelName, Name } from './scalars.ts'

/** A model’s champion behind a name. Percentages of traffic move only through a rollout. */
export const DeploymentSpec = z.strictObject({
  model: ModelName,
  mode: z.enum(['online', 'batch', 'hybrid', 'streaming']).default('online').describe('how predictions are consumed'),
  environment: z.enum(['development', 'staging', 'production']).default('development'),
  decision: Id.optional().describe('the serving decision behind the mode; needed in production'),
  threshold: Fraction.default(0.5).describe('a score at or above it is the positive class'),
  limits: z
    .strictObject({
      rowsPerRequest: z.int().min(1).max(100_000).default(1_024),
      requestsPerSecond: z.number().positive().max(1_000_000).optional().describe('per API key; absent = unlimited'),
      concurrency: z.int().min(1).max(100_000).default(2_048),
    })
    .default({ rowsPerRequest: 1_024, concurrency: 2_048 }),
})
export type DeploymentSpec = z.infer<typeof DeploymentSpec>

/** Where requests go now. `shadow` scores the challenger too and never serves it; `canary` serves it to `percent`. */
export const TrafficRoute = z.object({
  mode: z.enum(['steady', 'shadow', 'canary']),
  championVersion: z.int().positive().nullable(),
  challengerVersion: z.int().positive().nullable(),
  percent: z.number().min(0).max(100),
})
export type TrafficRoute = z.infer<typeof TrafficRoute>

export const Deployment = z.object({
  name: Name,
  project: Name,
  spec: DeploymentSpec,
  route: TrafficRoute,
  ready: z.boolean(),
  problem: z.string().nullable().describe('why it is not ready'),
  changedAt: Instant,
})
export type Deployment = z.infer<typeof Deployment>

const Prediction = z.object({
  id: z.string(),
  modelVersion: z.int(),
  score: z.number(),
  prediction: z.number(),
})

export const deployments = {
  listDeployments: endpoint({
    method: 'GET',
    path: '/api/v1/deployments',
    summary: 'List deployments and where their traffic goes',
    scope: 'read',
    input: z.strictObject({}),
    output: z.array(Deployment),
    examples: ['setpoint deployments list-deployments'],
  }),
  getDeployment: endpoint({
    method: 'GET',
    path: '/api/v1/deployments/:deployment',
    summary: 'Read one deployment',
    scope: 'read',
    input: z.strictObject({ deployment: Name }),
    output: Deployment,
  }),
  predict: endpoint({
    method: 'POST',
    path: '/api/v1/deployments/:deployment/predictions',
    summary: 'Score one row given by feature name',
    scope: 'predict',
    input: z.strictObject({
      deployment: Name,
      features: z.record(z.string(), z.number().nullable()).describe('every feature by name; null where it is not known'),
      id: z.string().min(1).max(128).optional().describe('the request id that a label will name; made when absent'),
      actor: z.string().max(128).default(''),
      source: z.string().max(128).default(''),
    }),
    output: Prediction,
    examples: [`setpoint deployments predict phishing --features '{"url_length":54,"dots":3}'`],
  }),
}
