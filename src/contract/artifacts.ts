import { z } from 'zod'
import { ByteBody, endpoint } from './endpoint.ts'
import { Digest, Instant, Limit } from './scalars.ts'

const ArtifactPath = z.string().max(4_096).describe('names joined by "/", below the root of the project')

export const ArtifactEntry = z.object({
  path: z.string(),
  isFolder: z.boolean(),
  digest: Digest.nullable().describe('null for a folder'),
  sizeBytes: z.int(),
  updatedAt: Instant,
})
export type ArtifactEntry = z.infer<typeof ArtifactEntry>

const Collected = z.object({
  dryRun: z.boolean(),
  blobs: z.int().describe('all that are stored'),
  unused: z.int().describe('older than the grace time and named by nothing'),
  unusedBytes: z.int(),
  removed: z.int(),
  abandonedUploads: z.int(),
})

const FolderFile = z.object({ path: z.string().describe('from the folder on'), digest: Digest, sizeBytes: z.int() })
const SignatureField = z.object({
  name: z.string().nullable(),
  type: z.string().describe('MLflow’s name of the type, such as double, array or tensor'),
  elementType: z.string().nullable(),
  shape: z.array(z.int()).nullable().describe('-1 where any length is accepted'),
  required: z.boolean(),
})

/** The inputs, outputs and parameters of a model, as its MLmodel file declares them. */
export const ModelSignature = z.object({
  inputs: z.array(SignatureField),
  outputs: z.array(SignatureField),
  parameters: z.array(z.object({ name: z.string(), type: z.string(), default: z.unknown(), shape: z.array(z.int()).nullable() })),
})

/** What kind of model a folder of artifacts holds, as its files claim. */
export const ModelDescription = z.object({
  format: z.enum([
    'onnx',
    'safetensors',
    'gguf',
    'lightgbm',
    'xgboost',
    'skops',
    'keras',
    'torch',
    'pickle',
    'mlflow',
    'archive',
    'unknown',
  ]),
  flavors: z.record(z.string(), z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
  signature: ModelSignature.nullable(),
  inputExample: FolderFile.extend({ type: z.string() }).nullable(),
  onnxFile: FolderFile.nullable(),
  weights: z
    .object({
      tensors: z.int(),
      parameters: z.int(),
      types: z.record(z.string(), z.int()),
      metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    })
    .nullable(),
  trees: z
    .object({ version: z.string(), objective: z.string(), features: z.array(z.string()), classes: z.int(), trees: z.int() })
    .nullable(),
  unsafe: z.array(z.object({ path: z.string(), reason: z.string() })).describe('files that run code when they are loaded'),
  problems: z.array(z.object({ path: z.string(), problem: z.string() })).describe('files that are not what they should be'),
  runId: z.string().nullable(),
  modelId: z.string().nullable(),
  mlflowVersion: z.string().nullable(),
  files: z.int(),
  sizeBytes: z.int(),
})
export type ModelDescription = z.infer<typeof ModelDescription>

export const artifacts = {
  listFiles: endpoint({
    method: 'GET',
    path: '/api/v1/artifacts',
    summary: 'List the files and folders directly in a folder of artifacts',
    scope: 'read',
    input: z.strictObject({
      folder: ArtifactPath.default(''),
      after: ArtifactPath.optional().describe('the last path seen; the answer goes on behind it'),
      limit: Limit,
    }),
    output: z.array(ArtifactEntry),
    examples: ['setpoint artifacts list-files --folder 1/models'],
  }),
  uploadFile: endpoint({
    method: 'PUT',
    path: '/api/v1/artifacts',
    summary: 'Store a file under a path; one that is there is replaced',
    scope: 'write',
    accepts: 'bytes',
    input: z.strictObject({ path: ArtifactPath, body: ByteBody }),
    output: ArtifactEntry,
    examples: ['setpoint artifacts upload-file --path models/churn/model.onnx --body @model.onnx'],
  }),
  downloadFile: endpoint({
    method: 'GET',
    path: '/api/v1/artifacts/content',
    summary: 'Download a file, verified against its digest while it is read',
    scope: 'read',
    returns: 'bytes',
    input: z.strictObject({ path: ArtifactPath }),
    output: z.unknown(),
    examples: ['setpoint artifacts download-file --path models/churn/model.onnx > model.onnx'],
  }),
  removeFiles: endpoint({
    method: 'DELETE',
    path: '/api/v1/artifacts',
    summary: 'Remove a file, or a folder with all that is in it',
    scope: 'write',
    input: z.strictObject({ path: ArtifactPath }),
    output: z.object({ files: z.int() }),
    examples: ['setpoint artifacts remove-files --path reports/2025'],
  }),
  measureFolder: endpoint({
    method: 'GET',
    path: '/api/v1/artifacts/size',
    summary: 'Count the files below a folder and their bytes',
    scope: 'read',
    input: z.strictObject({ folder: ArtifactPath.default('') }),
    output: z.object({ files: z.int(), sizeBytes: z.int() }),
  }),
  describeModel: endpoint({
    method: 'GET',
    path: '/api/v1/artifacts/model',
    summary: 'Say what kind of model a folder holds: flavors, signature, weights, and files that are unsafe to load',
    scope: 'read',
    input: z.strictObject({ folder: ArtifactPath }),
    output: ModelDescription,
    examples: ['setpoint artifacts describe-model --folder 1/models/m-0a1b/artifacts'],
  }),
  verifyFolder: endpoint({
    method: 'POST',
    path: '/api/v1/artifacts/verify',
    summary: 'Read every file below a folder again and name those that are damaged or gone',
    scope: 'write',
    input: z.strictObject({ folder: ArtifactPath.default('') }),
    output: z.object({ files: z.int(), sizeBytes: z.int(), damaged: z.array(z.object({ path: z.string(), problem: z.string() })) }),
    examples: ['setpoint artifacts verify-folder --folder 1/models'],
  }),
  collectGarbage: endpoint({
    method: 'POST',
    path: '/api/v1/artifacts/collect',
    summary: 'Remove stored content that nothing in any project names any more',
    scope: 'admin',
    input: z.strictObject({
      graceHours: z.number().min(1).max(8_760).default(24).describe('content used within this time is left alone'),
      dryRun: z.boolean().default(false).describe('only say what would be removed'),
    }),
    output: Collected,
    examples: ['setpoint artifacts collect-garbage --dry-run'],
  }),
}
