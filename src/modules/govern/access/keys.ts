import { type ApiKey, type Role, roleScopes } from '../../../contract/access.ts'
import type { Caller } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { hashSecret } from './identity.ts'
import * as store from './store.ts'

type Actor = Pick<Caller, 'id' | 'project'>
type Deps = { sql: Sql; clock: Clock; ids: Ids; ledger: Ledger; bus: Bus; randomToken: () => string; forget: () => void }
type NewKey = { name: string; role: Role; scopes?: ApiKey['scopes']; lifetimeMs?: number; reason: string }

/** Issues and revokes API keys. The secret leaves here once; only its hash is kept. */
export function createKeys({ sql, clock, ids, ledger, bus, randomToken, forget }: Deps) {
  async function addKey(caller: Actor, input: NewKey): Promise<ApiKey & { secret: string }> {
    const allowed: readonly string[] = roleScopes[input.role]
    const excess = input.scopes?.filter((scope) => !allowed.includes(scope)) ?? []
    if (excess.length > 0)
      throw new AppError('invalid', `the role ${input.role} does not have ${excess.join(', ')}; it has ${allowed.join(', ')}`)
    const secret = randomToken()
    const now = clock.now()
    const key: ApiKey = {
      id: ids('key'),
      name: input.name,
      project: caller.project,
      role: input.role,
      scopes: input.scopes ?? [...roleScopes[input.role]],
      createdAt: now,
      createdBy: caller.id,
      expiresAt: input.lifetimeMs === undefined ? null : now + Math.round(input.lifetimeMs),
      revokedAt: null,
    }
    await sql.transaction(async (tx) => {
      if (!(await store.findProject(tx, caller.project))) throw new AppError('not_found', `there is no project ${caller.project}`)
      await store.insertKey(tx, { ...key, secretHash: hashSecret(secret) })
      await ledger.seal(tx, { caller, reason: input.reason, operation: 'access.createKey', table: store.keysTable, key: [key.id] })
    })
    return { ...key, secret: `sp_${key.id}_${secret}` }
  }

  async function revoke(caller: Actor, id: string, reason: string): Promise<ApiKey> {
    const revoked = await sql.transaction(async (tx) => {
      const key = await store.findKey(tx, id)
      if (!key || key.project !== caller.project)
        throw new AppError('not_found', `project ${caller.project} has no key ${id}; see "setpoint access list-keys"`)
      if (key.revokedAt !== null) return key
      const revokedAt = clock.now()
      await store.markRevoked(tx, id, revokedAt)
      await ledger.seal(tx, { caller, reason, operation: 'access.revokeKey', table: store.keysTable, key: [id] })
      await bus.publish(tx, { name: 'access.key_revoked', project: caller.project, subject: id, data: {} })
      return { ...key, revokedAt }
    })
    forget()
    return publicKey(revoked)
  }

  return { addKey, revoke }
}

/** A key as it may be shown. */
export function publicKey({ secretHash: _hidden, ...key }: store.StoredKey | (ApiKey & { secretHash?: string })): ApiKey {
  return key
}
