import { z } from 'zod'
import { ModelSignature } from './artifacts.ts'
import { Processing } from './processing.ts'
import { Digest, Instant, Labels, ModelName, Tags } from './scalars.ts'

/** A name that points at one version. These four steer serving and rollouts; any other is the team’s own. */
export const steeringAliases = ['champion', 'challenger', 'candidate', 'shadow'] as const
export const Alias = z
  .string()
  .regex(/^[\w-]{1,255}$/, 'an alias is made of letters, digits, underscores and dashes')
  .refine((name) => !/^(latest|v\d+)$/i.test(name), { error: 'is reserved: it always means a version by its number' })
export type Alias = z.infer<typeof Alias>

/** Where a version is in its life; what serves is decided by aliases. */
export const Stage = z.enum(['experimental', 'candidate', 'staging', 'production', 'archived'])
export type Stage = z.infer<typeof Stage>

export const Tensor = z.object({
  name: z.string(),
  datatype: z.string().describe('Open Inference Protocol datatype, such as FP32'),
  shape: z.array(z.int()).describe('-1 where any length is accepted'),
})
export type Tensor = z.infer<typeof Tensor>

/** What was read from the model file when it was registered. */
export const OnnxFacts = z.object({
  producer: z.string(),
  irVersion: z.int(),
  opsets: z.array(z.object({ domain: z.string(), version: z.int() })),
  operators: z.record(z.string(), z.int()),
  inputs: z.array(Tensor),
  outputs: z.array(Tensor),
  weightBytes: z.int(),
})
export type OnnxFacts = z.infer<typeof OnnxFacts>

const Metrics = z.record(z.string().max(64), z.number())
export const Evaluation = z.object({
  dataset: z.string().max(300),
  rows: z.int().nonnegative(),
  metrics: Metrics,
  slices: z
    .array(z.object({ name: z.string().max(200), rows: z.int().nonnegative(), metrics: Metrics }))
    .max(1_000)
    .optional(),
})

export const ModelVersion = z.object({
  model: ModelName,
  version: z.int().positive(),
  format: z.string().describe('onnx, or what the folder holds: mlflow, safetensors, gguf, lightgbm, xgboost, pickle, prompt, external …'),
  digest: Digest.nullable().describe('the ONNX file that serves; null when this version cannot be run in process'),
  sizeBytes: z.int().nullable(),
  facts: OnnxFacts.nullable(),
  features: z.array(z.string()).describe('feature names in the order of the input’s last dimension; empty when unknown'),
  source: z.string().nullable().describe('the folder it was registered from, such as mlflow-artifacts:/1/models/m-…/artifacts'),
  storage: z.string().nullable().describe('where the files lie, once `source` has been followed to its end'),
  runId: z.string().nullable(),
  loggedModel: z.string().nullable(),
  runLink: z.string().nullable(),
  description: z.string(),
  stage: Stage,
  flavors: z.array(z.string()),
  signature: ModelSignature.nullable(),
  unsafe: z.array(z.string()).describe('files that run code when they are loaded; never loaded in this process'),
  semanticVersion: z.string().nullable(),
  processing: Processing.nullable().describe('what is done around the model wherever it is scored'),
  reference: Digest.nullable().describe('the frozen reference rows, as CSV: features, then label'),
  evaluation: Evaluation.nullable(),
  manifest: z.object({
    artifact: Digest.optional().describe('the frozen list of the files of its folder, by their paths and digests'),
    commit: z.string().nullable(),
    dataSnapshot: z.string().nullable(),
    parent: z.int().nullable(),
    training: z.string().nullable(),
    features: Labels.optional().describe('feature views and their versions'),
    prompts: Labels.optional().describe('prompts and their versions'),
    configuration: z.string().nullable().optional(),
    environment: Labels.optional().describe('python, framework and library versions'),
  }),
  owner: z.string(),
  tags: Tags,
  warnings: z.array(z.string()),
  aliases: z.array(Alias),
  createdAt: Instant,
  createdBy: z.string(),
  updatedAt: Instant,
})
export type ModelVersion = z.infer<typeof ModelVersion>

export const AliasRecord = z.object({
  model: ModelName,
  alias: Alias,
  version: z.int().positive(),
  previousVersion: z.int().positive().nullable().describe('the rollback target'),
  movedAt: Instant,
  movedBy: z.string(),
  reason: z.string(),
})
export type AliasRecord = z.infer<typeof AliasRecord>

export const Model = z.object({
  name: ModelName,
  description: z.string(),
  tags: Tags,
  createdAt: Instant,
  createdBy: z.string().nullable(),
  updatedAt: Instant,
  latestVersion: z.int().describe('0 before the first version'),
  aliases: z.array(AliasRecord),
})
export type Model = z.infer<typeof Model>
