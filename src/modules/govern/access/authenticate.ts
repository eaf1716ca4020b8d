import { roleScopes, SESSION_COOKIE } from '../../../contract/access.ts'
import type { Caller, Scope } from '../../../contract/endpoint.ts'
import { AppError, errorCodes } from '../../../contract/errors.ts'
import type { Clock } from '../../../infra/clock.ts'
import type { Authenticate, Credentials } from '../../../infra/http/route.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { findIdentity, type Identity } from './identity.ts'
import { findProject } from './store.ts'
import type { createThrottle } from './throttle.ts'

/** Whoever calls without a key from this machine, where the settings let them. */
const anyoneHere: Identity = {
  id: 'anyone',
  project: 'default',
  scopes: new Set(roleScopes.admin),
  anyProject: true,
  expiresAt: null,
  readMs: 0,
}
/** A revocation on another machine is felt within this time; on this one, at once. */
const CACHE_MS = 5_000
const MOST_CACHED = 10_000
/** How long a request waits for the store before it goes by what was known, and how long others then do not ask. */
const PATIENCE_MS = 250
const AWAY_MS = 2_000
/** How long keys stay good while the store is away. */
const LONGEST_AWAY_MS = 24 * 3_600_000

/**
 * Finds who calls, from an API key (Bearer, `x-api-key`, or the password of Basic) or a console session. Keys seen in the
 * last seconds are answered from memory, without a promise, so that the data plane waits for nothing. Where the settings
 * open the server, a request from this machine needs neither.
 */
export function createAuthenticate(deps: { db: Db; clock: Clock; throttle: ReturnType<typeof createThrottle>; open: boolean }): {
  authenticate: Authenticate
  forget(): void
} {
  const { db, clock, throttle } = deps
  const cache = new Map<string, Identity>()
  const looking = new Map<string, Promise<Identity>>()
  /** Other projects that keys of the default project have entered; a project is never deleted. */
  const entered = new Set<string>()
  let awayUntilMs = 0

  async function lookFor(token: string, credentials: Credentials, isKnown: boolean): Promise<Identity> {
    // Guessing is slowed down; a key that was good a moment ago is no guess.
    if (!isKnown) throttle.check(credentials.address)
    const known = await findIdentity(db, token, clock.now())
    if (!known || isOver(known)) {
      cache.delete(token)
      throttle.fail(credentials.address)
      throw new AppError(
        'unauthenticated',
        'this key or session is unknown, expired or revoked; create a key with "setpoint access create-key"',
      )
    }
    throttle.succeed(credentials.address)
    cache.set(token, known)
    if (cache.size > MOST_CACHED) cache.delete(cache.keys().next().value!)
    return known
  }

  const isOver = (known: Identity) => known.expiresAt !== null && known.expiresAt <= clock.now()

  /** One look a token at a time, however many requests ask. */
  function lookOnce(token: string, credentials: Credentials, isKnown: boolean): Promise<Identity> {
    const pending = looking.get(token)
    if (pending) return pending
    const look = lookFor(token, credentials, isKnown).finally(() => looking.delete(token))
    looking.set(token, look)
    return look
  }

  /** As `lookOnce`; but where the store does not answer soon, a key that was good a while ago goes on being so. */
  async function renew(token: string, credentials: Credentials, cached: Identity): Promise<Identity> {
    let cancel = () => {}
    const impatient = new Promise<null>((resolve) => {
      cancel = clock.after(PATIENCE_MS, () => resolve(null))
    })
    const renewed = await Promise.race([lookOnce(token, credentials, true), impatient])
      .catch((error: unknown) => {
        if (error instanceof AppError && errorCodes[error.code].retryable) return null
        throw error
      })
      .finally(() => cancel())
    if (renewed) return renewed
    awayUntilMs = clock.now() + AWAY_MS
    return cached
  }

  /** The caller, in a project that is there: whoever names another one than its own may have misspelt it. */
  function enter(known: Identity, credentials: Credentials, scope: Scope): Caller | Promise<Caller> {
    const caller = callerFrom(known, credentials, scope)
    if (caller.project === known.project || entered.has(caller.project)) return caller
    return findProject(db, caller.project).then((found) => {
      if (!found)
        throw new AppError('not_found', `there is no project ${caller.project}; see "setpoint access list-projects"`, {
          project: caller.project,
        })
      entered.add(caller.project)
      return caller
    })
  }

  const authenticate: Authenticate = (credentials, scope) => {
    if (scope === 'public') return { id: 'anonymous', project: '', scopes: new Set(), requestId: credentials.requestId }
    const token = tokenFrom(credentials)
    if (token === undefined && deps.open && credentials.local) return enter(anyoneHere, credentials, scope)
    if (token === undefined) throw new AppError('unauthenticated', 'an API key is needed: send "Authorization: Bearer sp_…"')
    const cached = cache.get(token)
    if (!cached || isOver(cached)) {
      cache.delete(token)
      return lookOnce(token, credentials, false).then((known) => enter(known, credentials, scope))
    }
    const nowMs = clock.now()
    const ageMs = nowMs - cached.readMs
    if (ageMs < CACHE_MS || (nowMs < awayUntilMs && ageMs < LONGEST_AWAY_MS)) return enter(cached, credentials, scope)
    const known = ageMs < LONGEST_AWAY_MS ? renew(token, credentials, cached) : lookOnce(token, credentials, true)
    return known.then((found) => enter(found, credentials, scope))
  }
  return { authenticate, forget: () => cache.clear() }
}

function callerFrom(known: Identity, credentials: Credentials, scope: Scope): Caller {
  if (!known.scopes.has(scope))
    throw new AppError('forbidden', `this needs the scope "${scope}"; ${known.id} has ${[...known.scopes].join(', ')}`, { scope })
  const project = credentials.project ?? known.project
  if (project !== known.project && !known.anyProject)
    throw new AppError('forbidden', `${known.id} belongs to project ${known.project} and may not enter ${project}`, { project })
  return new KnownCaller(known, project, credentials)
}

/** A class, so that every caller has one shape; see `RequestCredentials`. */
class KnownCaller implements Caller {
  readonly id: string
  readonly project: string
  readonly scopes: ReadonlySet<Scope>
  readonly requestId: string
  readonly session: string | undefined
  readonly #credentials: Credentials

  constructor(known: Identity, project: string, credentials: Credentials) {
    this.id = known.id
    this.project = project
    this.scopes = known.scopes
    this.requestId = credentials.requestId
    this.session = known.session
    this.#credentials = credentials
  }

  get address() {
    return this.#credentials.address
  }

  get signal() {
    return this.#credentials.signal
  }
}

function tokenFrom({ authorization, cookie }: Credentials): string | undefined {
  if (authorization !== undefined) {
    // Hugging Face's client for JavaScript sends only tokens that begin with `hf_`: a key may be given as `hf_sp_…`.
    if (authorization.startsWith('Bearer '))
      return authorization
        .slice(7)
        .trim()
        .replace(/^hf_(?=sp_)/, '')
    if (authorization.startsWith('Basic '))
      return Buffer.from(authorization.slice(6), 'base64').toString('utf8').split(':').slice(1).join(':')
    return undefined
  }
  const pair = cookie?.split(/;\s*/).find((part) => part.startsWith(`${SESSION_COOKIE}=`))
  return pair?.slice(SESSION_COOKIE.length + 1)
}
