import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Kind, Manifest } from './kinds.ts'
import { Instant, Name, Reason, VersionNumber } from './scalars.ts'

export const Document = Manifest.extend({ version: z.int().positive(), appliedAt: Instant, appliedBy: z.string(), reason: z.string() })
export type Document = z.infer<typeof Document>

export const Change = z.object({
  kind: Kind,
  name: Name,
  change: z.enum(['created', 'updated', 'unchanged', 'deleted']),
  version: z.int().positive(),
  fields: z.array(z.object({ path: z.string(), before: z.unknown(), after: z.unknown() })),
})
export type Change = z.infer<typeof Change>

const key = z.strictObject({ kind: Kind, name: Name })

export const documents = {
  apply: endpoint({
    method: 'POST',
    path: '/api/v1/documents',
    summary: 'Apply documents, all or none; each change is a new version with actor and reason',
    scope: 'write',
    input: z.strictObject({
      documents: z.array(z.unknown()).min(1).max(500),
      reason: Reason.default('applied'),
      dryRun: z.boolean().default(false).describe('say what would change and change nothing'),
    }),
    output: z.array(Change),
  }),
  list: endpoint({
    method: 'GET',
    path: '/api/v1/documents',
    summary: 'List the documents in force',
    scope: 'read',
    input: z.strictObject({ kind: Kind.optional() }),
    output: z.array(Document),
  }),
  get: endpoint({
    method: 'GET',
    path: '/api/v1/documents/:kind/:name',
    summary: 'Read one document, as it is or as an earlier version was',
    scope: 'read',
    input: key.extend({ version: VersionNumber.optional() }),
    output: Document,
  }),
  listVersions: endpoint({
    method: 'GET',
    path: '/api/v1/documents/:kind/:name/versions',
    summary: 'List every version of a document, newest first',
    scope: 'read',
    input: key,
    output: z.array(Document),
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/api/v1/documents/:kind/:name',
    summary: 'Take a document out of force; its versions stay readable',
    scope: 'write',
    input: key.extend({ reason: Reason.default('deleted') }),
    output: Change,
  }),
}
