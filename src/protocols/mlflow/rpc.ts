import type { Scope } from '../../contract/endpoint.ts'
import { AppError } from '../../contract/errors.ts'
import { sendJson } from '../../infra/http/bind.ts'
import { fieldsFromQuery, parseJson, readBody } from '../../infra/http/body.ts'
import type { Exchange, Route } from '../../infra/http/route.ts'
import { fail } from './failures.ts'
import { type Fields, type Read, readMessage } from './fields.ts'

/** One call of the protocol: where it is mounted, the fields it takes, and what answers it. */
export type Rpc = {
  readonly name: string
  readonly method: Route['method']
  /** Parameters such as `:model_id` are fields like any other. */
  readonly paths: readonly string[]
  readonly scope: Scope
  readonly fields: Fields
  readonly handle: (input: never, exchange: Exchange) => Promise<object>
}

/** Checks a call’s definition: `handle` sees its fields read and typed, and answers the reply’s JSON. */
export function rpc<F extends Fields>(definition: {
  readonly name: string
  readonly method: Route['method']
  readonly paths: readonly string[]
  readonly scope: Scope
  readonly fields: F
  readonly handle: (input: Read<F>, exchange: Exchange) => Promise<object>
}): Rpc {
  return definition
}

type Limits = { readonly bodyLimitBytes: number }

/** Mounts calls under their paths and, for the browser console of the protocol, under `/ajax-api` too. */
export function routesFrom(rpcs: readonly Rpc[], limits: Limits): Route[] {
  return rpcs.flatMap((call) =>
    call.paths
      .flatMap((path) => (path.startsWith('/api/') ? [path, `/ajax-api/${path.slice('/api/'.length)}`] : [path]))
      .map((path): Route => ({ method: call.method, path, scope: call.scope, handle: (exchange) => answer(call, exchange, limits), fail })),
  )
}

async function answer(call: Rpc, exchange: Exchange, { bodyLimitBytes }: Limits): Promise<void> {
  const asks = call.method === 'GET' && exchange.search !== ''
  const { source, text } = asks
    ? { source: querySource(call.fields, exchange.search), text: '' }
    : await bodySource(exchange, bodyLimitBytes)
  const parameters = Object.entries(exchange.params).filter(([, value]) => value !== undefined)
  const result = readMessage(call.fields, { ...source, ...Object.fromEntries(parameters) }, text)
  if ('fault' in result) throw new AppError('invalid', result.fault)
  sendJson(exchange.response, 200, await call.handle(result.read as never, exchange))
}

/** A query gives texts; a repeated field takes all of them, any other the last. */
function querySource(fields: Fields, search: string): Record<string, unknown> {
  const source: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fieldsFromQuery(search))) {
    const repeated = fields[name]?.repeated ?? false
    source[name] = repeated && !Array.isArray(value) ? [value] : !repeated && Array.isArray(value) ? value.at(-1) : value
  }
  return source
}

/** Older clients send their JSON as a text inside JSON. */
async function bodySource({ request }: Exchange, limitBytes: number): Promise<{ source: Record<string, unknown>; text: string }> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  const bytes = await readBody(request, limitBytes)
  if (type !== 'application/json' && bytes.length > 0)
    throw new AppError('invalid', `Bad Request. Content-Type must be one of ['application/json'].`, {
      errorCode: 'INVALID_PARAMETER_VALUE',
    })
  const outer = parseJson(bytes)
  const body = typeof outer === 'string' ? parseJson(Buffer.from(outer)) : outer
  const text = bytes.toString('utf8')
  if (body === null) return { source: {}, text }
  if (typeof body !== 'object' || Array.isArray(body))
    throw new AppError('invalid', 'the body must be a JSON object', { errorCode: 'BAD_REQUEST' })
  return { source: body as Record<string, unknown>, text }
}
