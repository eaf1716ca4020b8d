import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Digest, Instant, Limit } from './scalars.ts'

export const LedgerEntry = z.object({
  n: z.int().positive(),
  at: Instant,
  project: z.string(),
  actor: z.string(),
  reason: z.string(),
  operation: z.string(),
  subject: z.string(),
  /** SHA-256 of the canonical JSON of the row before and after; null where there was or is none. */
  before: Digest.nullable(),
  after: Digest.nullable(),
  /** The row as it stands after the change, so that replaying the ledger gives the state. */
  state: z.unknown(),
  previousHash: Digest,
  hash: Digest,
})
export type LedgerEntry = z.infer<typeof LedgerEntry>

export const LedgerReport = z.object({
  intact: z.boolean(),
  entries: z.int(),
  rows: z.int().describe('rows of state compared with the ledger'),
  head: Digest.nullable(),
  broken: z.object({ n: z.int().nullable(), subject: z.string(), reason: z.string() }).nullable(),
})
export type LedgerReport = z.infer<typeof LedgerReport>

export const ledger = {
  listEntries: endpoint({
    method: 'GET',
    path: '/api/v1/ledger',
    summary: 'List the newest ledger entries of the project',
    scope: 'read',
    input: z.strictObject({ subject: z.string().max(300).optional(), before: z.coerce.number().int().positive().optional(), limit: Limit }),
    output: z.array(LedgerEntry),
    examples: ['setpoint ledger list-entries --subject models.aliases/default/phishing/champion'],
  }),
  verify: endpoint({
    method: 'GET',
    path: '/api/v1/ledger/verification',
    summary: 'Check the whole hash chain and compare every row of state with it; names the first broken link',
    scope: 'read',
    input: z.strictObject({ head: Digest.optional().describe('a head hash noted earlier: the chain must contain it') }),
    output: LedgerReport,
    examples: ['setpoint ledger verify', 'setpoint ledger verify --head 9f86d081…'],
  }),
  export: endpoint({
    method: 'GET',
    path: '/api/v1/ledger/export',
    summary: 'Export the ledger of the project as JSON lines',
    scope: 'read',
    returns: 'bytes',
    input: z.strictObject({}),
    output: z.unknown(),
    examples: ['setpoint ledger export > ledger.jsonl'],
  }),
}
