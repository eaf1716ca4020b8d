import { createHash, timingSafeEqual } from 'node:crypto'
import { roleScopes } from '../../../contract/access.ts'
import type { Scope } from '../../../contract/endpoint.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { findKey, findSession } from './store.ts'

/** Who a key or a session stands for, as read from the store at `readMs`. */
export type Identity = {
  readonly id: string
  readonly project: string
  readonly scopes: ReadonlySet<Scope>
  readonly anyProject: boolean
  readonly session?: string
  readonly expiresAt: number | null
  readonly readMs: number
}

/** Hex SHA-256: all that is kept of a secret, which is long and random itself. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Reads a key or a session from the store; undefined when there is none, or it was revoked. It may have expired. */
export async function findIdentity(db: Db, token: string, nowMs: number): Promise<Identity | undefined> {
  return token.startsWith('sp_') ? await identityFromKey(db, token, nowMs) : await identityFromSession(db, token, nowMs)
}

/** Splits `sp_<id>_<secret>`; undefined when the token has another form. */
function tokenParts(token: string): { id: string; secret: string } | undefined {
  const match = /^sp_(key_[0-9a-z]{10,40})_([\w-]{20,100})$/.exec(token)
  return match ? { id: match[1]!, secret: match[2]! } : undefined
}

async function identityFromKey(db: Db, token: string, nowMs: number): Promise<Identity | undefined> {
  const parts = tokenParts(token)
  const key = parts && (await findKey(db, parts.id))
  if (!parts || !key || key.revokedAt !== null) return undefined
  if (!timingSafeEqual(Buffer.from(hashSecret(parts.secret), 'hex'), Buffer.from(key.secretHash, 'hex'))) return undefined
  return {
    id: key.name,
    project: key.project,
    scopes: new Set(key.scopes),
    anyProject: isRoot(key.project, key.scopes),
    expiresAt: key.expiresAt,
    readMs: nowMs,
  }
}

async function identityFromSession(db: Db, token: string, nowMs: number): Promise<Identity | undefined> {
  const tokenHash = hashSecret(token)
  const session = await findSession(db, tokenHash)
  if (!session) return undefined
  const scopes = roleScopes[session.role]
  return {
    id: session.caller,
    project: session.project,
    scopes: new Set(scopes),
    anyProject: isRoot(session.project, scopes),
    expiresAt: session.expiresAt,
    session: tokenHash,
    readMs: nowMs,
  }
}

/** Admins of the default project may enter every project; all others only their own. */
function isRoot(project: string, scopes: readonly Scope[]): boolean {
  return project === 'default' && scopes.includes('admin')
}
