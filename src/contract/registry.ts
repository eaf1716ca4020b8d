import { z } from 'zod'
import { ByteBody, endpoint } from './endpoint.ts'
import { Digest, Id, Instant, Labels, Limit, Name, Reason, VersionNumber } from './scalars.ts'

export const Alias = z.enum(['champion', 'challenger', 'candidate', 'shadow'])
export type Alias = z.infer<typeof Alias>

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

const Evaluation = z.object({
  dataset: z.string().max(300),
  rows: z.int().nonnegative(),
  metrics: z.record(z.string().max(64), z.number()),
})

export const ModelVersion = z.object({
  model: Name,
  version: z.int().positive(),
  digest: Digest,
  sizeBytes: z.int(),
  format: z.literal('onnx'),
  facts: OnnxFacts,
  features: z.array(z.string()).describe('feature names in the order of the input’s last dimension'),
  reference: Digest.nullable().describe('the frozen reference rows, as CSV: features, then label'),
  evaluation: Evaluation.nullable(),
  manifest: z.object({
    commit: z.string().nullable(),
    dataSnapshot: z.string().nullable(),
    parent: z.int().nullable(),
    training: z.string().nullable(),
  }),
  owner: z.string(),
  tags: Labels,
  warnings: z.array(z.string()),
  aliases: z.array(Alias),
  createdAt: Instant,
  createdBy: z.string(),
})
export type ModelVersion = z.infer<typeof ModelVersion>

export const AliasRecord = z.object({
  model: Name,
  alias: Alias,
  version: z.int().positive(),
  previousVersion: z.int().positive().nullable().describe('the rollback target'),
  movedAt: Instant,
  movedBy: z.string(),
  reason: z.string(),
})
export type AliasRecord = z.infer<typeof AliasRecord>

export const Model = z.object({ name: Name, createdAt: Instant, latestVersion: z.int(), aliases: z.array(AliasRecord) })
export type Model = z.infer<typeof Model>

const oneVersion = z.strictObject({ model: Name, version: VersionNumber })

export const registry = {
  uploadArtifact: endpoint({
    method: 'POST',
    path: '/api/v1/artifacts',
    summary: 'Upload a file; it is stored under its SHA-256 digest',
    scope: 'write',
    accepts: 'bytes',
    input: z.strictObject({ digest: Digest.optional().describe('refuse the upload unless it has this digest'), body: ByteBody }),
    output: z.object({ digest: Digest, sizeBytes: z.int() }),
    examples: ['setpoint registry upload-artifact --body @model.onnx'],
  }),
  registerVersion: endpoint({
    method: 'POST',
    path: '/api/v1/models/:model/versions',
    summary: 'Register an uploaded ONNX file as the next version of a model; it is opened and checked first',
    scope: 'write',
    input: z.strictObject({
      model: Name,
      artifact: Digest,
      features: z.array(z.string().min(1).max(128)).min(1).max(10_000).describe('feature names, in the order of the input’s columns'),
      reference: Digest.optional(),
      evaluation: Evaluation.optional(),
      commit: z.string().max(100).optional(),
      dataSnapshot: z.string().max(200).optional(),
      parent: z.int().positive().optional(),
      training: Id.optional(),
      owner: z.string().max(200).optional(),
      tags: Labels.default({}),
      alias: z.enum(['champion', 'candidate']).optional().describe('champion is accepted for the first version only'),
      reason: Reason.default('new version'),
    }),
    output: ModelVersion,
    examples: ['setpoint registry register-version phishing --artifact 9f86d081… --features age,amount --alias champion'],
  }),
  listModels: endpoint({
    method: 'GET',
    path: '/api/v1/models',
    summary: 'List the models of the project with their aliases',
    scope: 'read',
    input: z.strictObject({ limit: Limit }),
    output: z.array(Model),
    examples: ['setpoint registry list-models'],
  }),
  getModel: endpoint({
    method: 'GET',
    path: '/api/v1/models/:model',
    summary: 'Read one model with its aliases',
    scope: 'read',
    input: z.strictObject({ model: Name }),
    output: Model,
  }),
  listVersions: endpoint({
    method: 'GET',
    path: '/api/v1/models/:model/versions',
    summary: 'List the versions of a model, newest first',
    scope: 'read',
    input: z.strictObject({ model: Name, limit: Limit }),
    output: z.array(ModelVersion),
  }),
  getVersion: endpoint({
    method: 'GET',
    path: '/api/v1/models/:model/versions/:version',
    summary: 'Read one version: signature, lineage, evaluation, aliases',
    scope: 'read',
    input: oneVersion,
    output: ModelVersion,
    examples: ['setpoint registry get-version phishing 3'],
  }),
  deleteVersion: endpoint({
    method: 'DELETE',
    path: '/api/v1/models/:model/versions/:version',
    summary: 'Delete a version that no alias names and no rollback needs',
    scope: 'admin',
    input: oneVersion.extend({ reason: Reason }),
    output: ModelVersion,
  }),
  downloadArtifact: endpoint({
    method: 'GET',
    path: '/api/v1/models/:model/versions/:version/artifact',
    summary: 'Download the model file, verified against its digest while it is read',
    scope: 'read',
    returns: 'bytes',
    input: oneVersion,
    output: z.unknown(),
    examples: ['setpoint registry download-artifact phishing 3 > model.onnx'],
  }),
  moveAlias: endpoint({
    method: 'PUT',
    path: '/api/v1/models/:model/aliases/:alias',
    summary: 'Point an alias at a version; the version it left is kept as the rollback target',
    scope: 'approve',
    input: z.strictObject({ model: Name, alias: Alias, version: VersionNumber, reason: Reason }),
    output: AliasRecord,
    examples: ['setpoint registry move-alias phishing champion --version 4 --reason "canary won"'],
  }),
  removeAlias: endpoint({
    method: 'DELETE',
    path: '/api/v1/models/:model/aliases/:alias',
    summary: 'Remove an alias other than champion',
    scope: 'approve',
    input: z.strictObject({ model: Name, alias: Alias, reason: Reason }),
    output: AliasRecord,
  }),
}
