import { createHash } from 'node:crypto'
import type { LedgerEntry } from '../../../contract/ledger.ts'
import { canonicalJson } from '../../../lib/canonical-json.ts'

export const GENESIS = '0'.repeat(64)

/** Hex SHA-256 of the canonical JSON of a row of state; null for no row. */
export function digestOf(row: object | null): string | null {
  return row === null ? null : createHash('sha256').update(canonicalJson(row)).digest('hex')
}

/** The hash that links an entry to the one before it: SHA-256 over the canonical JSON of every field but `hash` itself. */
export function hashOf(entry: Omit<LedgerEntry, 'hash'>): string {
  const { n, at, project, actor, reason, operation, subject, before, after, state, previousHash } = entry
  return createHash('sha256')
    .update(canonicalJson({ n, at, project, actor, reason, operation, subject, before, after, state, previousHash }))
    .digest('hex')
}
