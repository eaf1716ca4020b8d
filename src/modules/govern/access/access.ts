import { randomBytes } from 'node:crypto'
import { type ApiKey, type access, type Role, roleScopes } from '../../../contract/access.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Authenticate } from '../../../infra/http/route.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { createAuthenticate, hashSecret } from './authenticate.ts'
import * as store from './store.ts'
import { createThrottle } from './throttle.ts'

export type Access = Verbs<typeof access> & {
  readonly authenticate: Authenticate
  /** Makes sure the default project is there; returns true on the very first start. */
  prepare(): Promise<boolean>
  /** A key for this machine’s own use, such as a trainer’s; ends by itself. */
  issueKey(project: string, name: string, role: Role, lifetimeMs: number, reason: string): Promise<{ id: string; secret: string }>
  withdrawKey(id: string, reason: string): Promise<void>
}

const DAY_MS = 86_400_000
const SIGN_IN_MS = 10 * 60_000
const SESSION_MS = 12 * 3_600_000
const system: Caller = { id: 'setpoint', project: 'default', scopes: new Set(['admin']), requestId: 'start' }

export function createAccess(deps: { sql: Sql; clock: Clock; ids: Ids; ledger: Ledger; bus: Bus; randomToken?: () => string }): Access {
  const { sql, clock, ids, ledger, bus } = deps
  const randomToken = deps.randomToken ?? (() => randomBytes(32).toString('base64url'))
  const throttle = createThrottle(clock)
  const { authenticate, forget } = createAuthenticate({ db: sql, clock, throttle })
  bus.watch((event) => {
    if (event.name === 'access.key_revoked') forget()
  })

  async function addProject(tx: Tx, name: string, caller: Caller, reason: string) {
    const project = { name, createdAt: clock.now(), createdBy: caller.id }
    await store.insertProject(tx, project)
    await ledger.seal(tx, { caller, reason, operation: 'access.createProject', table: store.projectsTable, key: [name] })
    return project
  }

  async function addKey(
    caller: Pick<Caller, 'id' | 'project'>,
    input: { name: string; role: Role; scopes?: ApiKey['scopes']; lifetimeMs?: number; reason: string },
  ) {
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

  async function revoke(caller: Pick<Caller, 'id' | 'project'>, id: string, reason: string): Promise<ApiKey> {
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

  return {
    authenticate,
    async prepare() {
      await store.deleteExpired(sql, clock.now())
      return await sql.transaction(async (tx) => {
        if (await store.findProject(tx, 'default')) return false
        await addProject(tx, 'default', system, 'first start')
        return true
      })
    },
    async issueKey(project, name, role, lifetimeMs, reason) {
      return await addKey({ id: system.id, project }, { name, role, lifetimeMs, reason })
    },
    async withdrawKey(id, reason) {
      const key = await store.findKey(sql, id)
      if (key) await revoke({ id: system.id, project: key.project }, id, reason)
    },
    async createProject({ name, reason }, caller) {
      if (caller.project !== 'default') throw new AppError('forbidden', 'projects are created from the default project')
      return await sql.transaction(async (tx) => {
        if (await store.findProject(tx, name)) throw new AppError('conflict', `project ${name} exists already`)
        return await addProject(tx, name, caller, reason)
      })
    },
    async listProjects(_input, caller) {
      const all = await store.listProjects(sql)
      return caller.scopes.has('admin') && caller.project === 'default' ? all : all.filter((project) => project.name === caller.project)
    },
    async createKey({ expiresInDays, ...input }, caller) {
      return await addKey(caller, { ...input, lifetimeMs: expiresInDays === undefined ? undefined : expiresInDays * DAY_MS })
    },
    async listKeys(_input, caller) {
      return (await store.listKeys(sql, caller.project)).map(publicKey)
    },
    async revokeKey({ id, reason }, caller) {
      return await revoke(caller, id, reason)
    },
    async whoAmI(_input, caller) {
      return { caller: caller.id, project: caller.project, scopes: [...caller.scopes], expiresAt: null }
    },
    async createSignIn({ role }, caller) {
      const token = randomToken()
      const expiresAt = clock.now() + SIGN_IN_MS
      await store.insertSignIn(sql, hashSecret(token), { project: caller.project, role, createdBy: caller.id, expiresAt })
      return { token, expiresAt }
    },
    async signIn({ token }) {
      const now = clock.now()
      const session = randomToken()
      return await sql.transaction(async (tx) => {
        const found = await store.takeSignIn(tx, hashSecret(token))
        if (!found || found.expiresAt <= now)
          throw new AppError(
            'unauthenticated',
            'this sign-in link was used or is over; get a new one with "setpoint access create-sign-in"',
          )
        const kept = { caller: found.createdBy, project: found.project, role: found.role, expiresAt: now + SESSION_MS }
        await store.insertSession(tx, hashSecret(session), kept)
        return { caller: kept.caller, project: kept.project, scopes: [...roleScopes[kept.role]], expiresAt: kept.expiresAt, session }
      })
    },
    async signOut(_input, caller) {
      const ended = caller.session !== undefined && (await store.deleteSession(sql, caller.session))
      forget()
      return { ended }
    },
  }
}

function publicKey({ secretHash: _hidden, ...key }: store.StoredKey | (ApiKey & { secretHash?: string })): ApiKey {
  return key
}
