import { randomBytes } from 'node:crypto'
import type { access, Role } from '../../../contract/access.ts'
import type { Caller, Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Bus } from '../../../infra/bus/index.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Authenticate } from '../../../infra/http/route.ts'
import type { Ids } from '../../../infra/ids.ts'
import type { Sql, Tx } from '../../../infra/sql/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { createAuthenticate } from './authenticate.ts'
import { createKeys, publicKey } from './keys.ts'
import { createSessions } from './sessions.ts'
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
const system: Caller = { id: 'setpoint', project: 'default', scopes: new Set(['admin']), requestId: 'start' }

export function createAccess(deps: {
  sql: Sql
  clock: Clock
  ids: Ids
  ledger: Ledger
  bus: Bus
  open: boolean
  randomToken?: () => string
}): Access {
  const { sql, clock, ledger, bus } = deps
  const { authenticate, forget } = createAuthenticate({ db: sql, clock, throttle: createThrottle(clock), open: deps.open })
  const own = { ...deps, forget, randomToken: deps.randomToken ?? (() => randomBytes(32).toString('base64url')) }
  const { addKey, revoke } = createKeys(own)
  bus.watch((event) => {
    if (event.name === 'access.key_revoked') forget()
  })

  async function addProject(tx: Tx, name: string, caller: Caller, reason: string) {
    const project = { name, createdAt: clock.now(), createdBy: caller.id }
    await store.insertProject(tx, project)
    await ledger.seal(tx, { caller, reason, operation: 'access.createProject', table: store.projectsTable, key: [name] })
    return project
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
    ...createSessions(own),
  }
}
