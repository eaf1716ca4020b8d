import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import createRouter, { type HTTPMethod } from 'find-my-way'
import { AppError, errorCodes } from '../../contract/errors.ts'
import type { Ids } from '../ids.ts'
import type { Log } from '../log.ts'
import { isLoopback } from '../loopback.ts'
import { sendJson } from './bind.ts'
import type { Authenticate, Credentials, Route } from './route.ts'

export type HttpOptions = {
  readonly routes: readonly Route[]
  readonly authenticate: Authenticate
  /** Answers a GET that no route matches, such as a file of the console; returns whether it did. */
  readonly fallback?: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly ids: Ids
  readonly log: Log
  readonly requestTimeoutMs: number
}

export type Http = {
  readonly server: Server
  /** Starts listening and returns the base URL; `shared` lets other processes have the port too. Throws `unavailable` when the port is taken. */
  listen(host: string, port: number, shared?: boolean): Promise<string>
  /** Stops accepting, lets requests under way end within `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>
}

const HEADERS_TIMEOUT_MS = 10_000
/** How often requests that come too slowly are looked for; Node’s own interval is half a minute. */
const CHECK_EVERY_MS = 5_000
const KEEP_ALIVE_MS = 75_000

export function createHttp(options: HttpOptions): Http {
  const router = createRouter({ maxParamLength: 500, ignoreTrailingSlash: true })
  for (const route of options.routes) router.on(route.method as HTTPMethod, route.path, noop, { route })
  const endless = new Set<ServerResponse>()
  const answer = createAnswer(options, endless, (method, url) => {
    const found = router.find(method as HTTPMethod, url)
    return found ? { route: (found.store as { route: Route }).route, params: found.params } : null
  })
  const server = createServer(
    {
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, options.requestTimeoutMs),
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, options.requestTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    answer,
  )
  return {
    server,
    listen: (host, port, shared = false) => listen(server, host, port, shared),
    async close(graceMs) {
      const closed = close(server, graceMs)
      for (const response of endless) response.end()
      await closed
    },
  }
}

function noop(): void {}

type Find = (method: string, url: string) => { route: Route; params: Record<string, string | undefined> } | null

function createAnswer(options: HttpOptions, endless: Set<ServerResponse>, find: Find) {
  // One id of this process and a count: as unique as an id for each request, at a fraction of its cost.
  const prefix = options.ids('req')
  let requests = 0
  return function answer(request: IncomingMessage, response: ServerResponse): void {
    requests += 1
    const requestId = givenRequestId(request) ?? `${prefix}-${requests.toString(36)}`
    response.setHeader('x-request-id', requestId)
    const { project, path, search } = targetOf(request.url ?? '/')
    const match = find(request.method ?? 'GET', path)
    if (!match) {
      if (request.method === 'GET' && options.fallback?.(request, response)) return
      fail(new AppError('not_found', `there is no ${request.method} ${path}; see /openapi.json`), undefined)
      return
    }
    const { route, params } = match
    run().catch((thrown: unknown) => fail(thrown, route))

    async function run() {
      const found = options.authenticate(new RequestCredentials(request, response, requestId, project), route.scope)
      const caller = found instanceof Promise ? await found : found
      if (route.endless) {
        endless.add(response)
        response.once('close', () => endless.delete(response))
      }
      await route.handle({ request, response, params, search, caller })
    }

    function fail(thrown: unknown, route: Route | undefined) {
      const error =
        thrown instanceof AppError
          ? thrown
          : new AppError('internal', 'something went wrong inside; the log has it under this request id', {}, thrown)
      options.log[errorCodes[error.code].log === 'error' ? 'error' : 'debug']('http.failed', {
        requestId,
        method: request.method,
        path,
        code: error.code,
        message: error.message,
        cause: error.cause,
      })
      if (response.headersSent) return void response.destroy()
      if (!request.complete) response.setHeader('connection', 'close')
      if (typeof error.details.retryAfterSeconds === 'number') response.setHeader('retry-after', Math.ceil(error.details.retryAfterSeconds))
      if (route?.fail) route.fail(error, { response, requestId })
      else
        sendJson(response, errorCodes[error.code].status, {
          error: { code: error.code, message: error.message, details: error.details, requestId },
        })
      if (!request.complete) request.resume()
    }
  }
}

/** A caller’s own request id is kept when it is short and plain, so that one id runs from edge to job. */
function givenRequestId(request: IncomingMessage): string | undefined {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : undefined
}

/**
 * What a URL asks for. `/p/<project>` in front of any path enters that project, for clients that can be given a base URL but
 * no header; doubled slashes, which some clients make when they join paths, are one.
 */
function targetOf(url: string): { project: string | undefined; path: string; search: string } {
  const query = url.indexOf('?')
  const whole = (query < 0 ? url : url.slice(0, query)).replaceAll(/\/{2,}/g, '/')
  const search = query < 0 ? '' : url.slice(query + 1)
  const prefix = /^\/p\/([\w.-]+)(?=\/|$)/.exec(whole)
  return prefix ? { project: prefix[1], path: whole.slice(prefix[0].length) || '/', search } : { project: undefined, path: whole, search }
}

/**
 * What a request says of its caller, worked out when it is asked for. A class, because a literal with getters would be a
 * new shape for every request, and the garbage collector would stop the server to sweep them up.
 */
class RequestCredentials implements Credentials {
  readonly project: string | undefined
  readonly requestId: string
  readonly #request: IncomingMessage
  readonly #response: ServerResponse

  constructor(request: IncomingMessage, response: ServerResponse, requestId: string, entered: string | undefined) {
    const project = entered ?? request.headers['x-setpoint-project']
    this.project = typeof project === 'string' ? project : undefined
    this.requestId = requestId
    this.#request = request
    this.#response = response
  }

  get authorization() {
    return this.#request.headers.authorization ?? bearerFromApiKey(this.#request.headers['x-api-key'])
  }

  get cookie() {
    return sameOrigin(this.#request) ? this.#request.headers.cookie : undefined
  }

  get address() {
    return this.#request.socket.remoteAddress ?? ''
  }

  get local() {
    return isLocal(this.#request)
  }

  get signal() {
    return closedSignal(this.#response)
  }
}

/** The host name is checked too: a page of the open web may have a name that leads here, but not this machine’s own. */
function isLocal(request: IncomingMessage): boolean {
  const { host, origin } = request.headers
  if (request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined) return false
  if (origin !== undefined && URL.parse(origin)?.host !== host) return false
  return isLoopback(request.socket.remoteAddress ?? '') && isLoopback(host ?? '')
}

function bearerFromApiKey(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? `Bearer ${header}` : undefined
}

/** A cookie counts only when the page that sent it is ours: browsers name the origin on every request that changes something. */
function sameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers
  if (origin === undefined) return request.method === 'GET' || request.method === 'HEAD'
  return URL.parse(origin)?.host === host
}

function closedSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}

function listen(server: Server, host: string, port: number, shared: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const hint = error.code === 'EADDRINUSE' ? 'another program has this port; set SETPOINT_PORT to a free one' : error.message
      reject(new AppError('unavailable', `cannot listen on ${host}:${port}: ${hint}`, { host, port }, error))
    })
    server.listen({ port, host, backlog: 511, reusePort: shared }, () =>
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`),
    )
  })
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
