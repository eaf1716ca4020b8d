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
