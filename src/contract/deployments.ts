import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Fraction, Id, Instant, ModelName, Name } from './scalars.ts'

/** What runs the model. `auto`: ONNX in process where the version has an ONNX file, else Python where it is an MLflow folder. */
export const RuntimeSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('auto') }),
  z.strictObject({
    kind: z.literal('onnx'),
    thread: z
      .enum(['auto', 'own', 'shared'])
      .default('auto')
      .describe('own: a thread of its own; auto: for models that are slow on one row'),
  }),
  z.strictObject({
    kind: z.literal('python'),
    processes: z.int().min(1).max(32).default(1).describe('worker processes that load the model’s folder'),
    memoryBytes: z.int().min(67_108_864).optional().describe('most memory of one worker; above it the worker is replaced'),
    startTimeoutMs: z.int().min(1_000).max(600_000).default(60_000),
    timeoutMs: z.int().min(10).max(600_000).default(10_000).describe('of one call'),
    queue: z.int().min(1).max(100_000).default(256).describe('calls that may wait for a worker'),
  }),
  z.strictObject({
    kind: z.literal('remote'),
    protocol: z.enum(['oip', 'oip-grpc', 'torchserve', 'bentoml', 'ray', 'http']).default('oip'),
    url: z.url({ protocol: /^(https?|grpcs?)$/ }).describe('base URL of the model server; its host must be among the setting remoteHosts'),
    model: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe(
        'its name or route there; the registered model’s name when absent. `{version}` here and in the URL is the version’s number',
      ),
    headersFrom: z
      .record(z.string().regex(/^[a-zA-Z0-9-]{1,64}$/), z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/))
      .default({})
      .describe('request headers whose values are read from environment variables of the server, such as {"authorization": "TRITON_AUTH"}'),
    connections: z.int().min(1).max(1_024).default(32),
    timeoutMs: z.int().min(1).max(600_000).default(1_000).describe('of one call'),
    retries: z.int().min(0).max(5).default(2).describe('of calls that failed before an answer began'),
    breaker: z
      .strictObject({
        failures: z.int().min(1).max(1_000).default(5).describe('in a row, that open it'),
        openMs: z.int().min(100).max(3_600_000).default(60_000).describe('until one call is let through to try'),
      })
      .default({ failures: 5, openMs: 60_000 }),
  }),
])
export type RuntimeSpec = z.infer<typeof RuntimeSpec>

/** What a feature may be. Outside `min` and `max` a request is refused; outside `expected` it is answered and counted as an anomaly. */
export const FeatureRule = z.strictObject({
  min: z.number().optional(),
  max: z.number().optional(),
  expected: z.tuple([z.number(), z.number()]).optional(),
  required: z.boolean().default(true).describe('false: it may be left out, and is then the default or missing'),
  default: z.number().optional(),
  missing: z.boolean().default(true).describe('false: null is refused'),
  description: z.string().max(500).optional(),
})
export type FeatureRule = z.infer<typeof FeatureRule>

const PerSecond = z.number().positive().max(1_000_000).optional()

/** A model’s champion behind a name. Percentages of traffic move only through a rollout. */
export const DeploymentSpec = z.strictObject({
  model: ModelName,
  mode: z.enum(['online', 'batch', 'hybrid', 'streaming']).default('online').describe('how predictions are consumed'),
  environment: z.enum(['development', 'staging', 'production']).default('development'),
  decision: Id.optional().describe('the serving decision behind the mode; needed in production'),
  threshold: Fraction.default(0.5).describe('a score at or above it is the positive class'),
  runtime: RuntimeSpec.default({ kind: 'auto' }),
  features: z.record(z.string().min(1).max(128), FeatureRule).default({}).describe('rules for features by name; others may be any number'),
  limits: z
    .strictObject({
      rowsPerRequest: z.int().min(1).max(100_000).default(1_024),
      requestsPerSecond: PerSecond.describe('per API key; absent = unlimited'),
      perAddressPerSecond: PerSecond.describe('per address of the caller; absent = unlimited'),
      totalPerSecond: PerSecond.describe('of all callers together; absent = unlimited'),
      quota: z
        .strictObject({ requests: z.int().positive(), per: z.enum(['hour', 'day', 'month']) })
        .optional()
        .describe('per API key, in calendar hours, days or months of UTC'),
      concurrency: z.int().min(1).max(100_000).default(2_048).describe('rows under way at once; more are refused'),
      queueMs: z.int().min(1).max(60_000).default(250).describe('a request that would wait longer for the model is refused at once'),
    })
    .default({ rowsPerRequest: 1_024, concurrency: 2_048, queueMs: 250 }),
  deadlineMs: z.int().min(1).max(600_000).optional().describe('a request that takes longer is given up; callers may ask for less'),
  fallback: z
    .strictObject({ version: z.int().positive() })
    .optional()
    .describe('the version that answers when the champion fails, is too slow or cannot be reached; the reply says so'),
  split: z
    .strictObject({ version: z.int().positive(), percent: z.number().gt(0).lt(100) })
    .optional()
    .describe('an A/B test: this version answers that share of the requests while no rollout is under way'),
})
export type DeploymentSpec = z.infer<typeof DeploymentSpec>

/** Where requests go now. `shadow` scores the challenger too and never serves it; `canary` serves it to `percent`; in a `split` each version scores only its own share. */
export const TrafficRoute = z.object({
  mode: z.enum(['steady', 'split', 'shadow', 'canary']),
  championVersion: z.int().positive().nullable(),
  challengerVersion: z.int().positive().nullable(),
  percent: z.number().min(0).max(100),
})
export type TrafficRoute = z.infer<typeof TrafficRoute>

/** How what runs the champion fares, where that is not this process itself. */
export const RuntimeHealth = z.object({
  platform: z.string(),
  breaker: z.enum(['closed', 'open', 'half_open']).nullable().describe('of a server elsewhere: open = it is not asked'),
  workers: z.object({ wanted: z.int(), ready: z.int(), restarts: z.int(), waiting: z.int().describe('calls') }).nullable(),
})
export type RuntimeHealth = z.infer<typeof RuntimeHealth>

export const Deployment = z.object({
  name: Name,
  project: Name,
  spec: DeploymentSpec,
  route: TrafficRoute,
  ready: z.boolean(),
  problem: z.string().nullable().describe('why it is not ready'),
  runtime: RuntimeHealth.nullable().describe('null for models that run in this process'),
  anomalies: z
    .array(z.object({ feature: z.string(), count: z.int(), last: z.number() }))
    .describe('values outside what is expected of a feature, counted since this process began'),
  changedAt: Instant,
})
export type Deployment = z.infer<typeof Deployment>

const Prediction = z.object({
  id: z.string(),
  modelVersion: z.int(),
  score: z.number(),
  prediction: z.number(),
  band: z.string().nullable().describe('the confidence band of the score, where the version names any'),
  reason: z.string().nullable().describe('of the rule that decided, where one did'),
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
      features: z.record(z.string(), z.unknown()).describe('every feature by name; null where it is not known'),
      id: z.string().min(1).max(128).optional().describe('the request id that a label will name; made when absent'),
      actor: z.string().max(128).default(''),
      source: z.string().max(128).default(''),
    }),
    output: Prediction,
    examples: [`setpoint deployments predict phishing --features '{"url_length":54,"dots":3}'`],
  }),
}
