import type { ServerResponse } from 'node:http'
import type { z } from 'zod'
import { SESSION_COOKIE } from '../../contract/access.ts'
import type { ByteReply, Caller, Contract, Endpoint, Verbs } from '../../contract/endpoint.ts'
import { AppError } from '../../contract/errors.ts'
import { fieldsFromQuery, parseJson, readBody } from './body.ts'
import type { Exchange, Route } from './route.ts'

type Verb = (input: unknown, caller: Caller) => Promise<unknown>

export type BindOptions = {
  readonly bodyLimitBytes: number
  readonly uploadLimitBytes: number
  /** Parses every reply by its schema: on in tests and in development. */
  readonly checkReplies: boolean
}

/** Pairs each endpoint with the verb of the same name; a missing or misspelt verb does not compile. */
export function bind<C extends Contract>(contract: C, verbs: Verbs<C>, options: BindOptions): Route[] {
  return Object.entries(contract).map(([name, endpoint]) => ({
    method: endpoint.method,
    path: endpoint.path,
    scope: endpoint.scope,
    endless: endpoint.returns === 'events',
    handle: (exchange) => answer(endpoint, verbs[name as keyof C] as unknown as Verb, exchange, options),
  }))
}

async function answer(endpoint: Endpoint, verb: Verb, exchange: Exchange, options: BindOptions): Promise<void> {
  const input = parseInput(endpoint.input, await fieldsOf(endpoint, exchange, options))
  const output = await verb(input, exchange.caller)
  switch (endpoint.returns ?? 'json') {
    case 'bytes':
      return sendBytes(exchange.response, output as ByteReply)
    case 'events':
      return sendEvents(exchange.response, output as AsyncIterable<unknown>)
    default:
      if (endpoint.cookie !== undefined) setCookie(exchange.response, endpoint.cookie, output)
      return sendJson(exchange.response, 200, options.checkReplies ? checkedReply(endpoint, output) : output)
  }
}

async function fieldsOf(endpoint: Endpoint, exchange: Exchange, options: BindOptions): Promise<Record<string, unknown>> {
  const fields: Record<string, unknown> = { ...fieldsFromQuery(exchange.search) }
  if (endpoint.accepts === 'bytes') fields.body = limited(exchange.request, options.uploadLimitBytes)
  else if (endpoint.method !== 'GET') {
    const body = parseJson(await readBody(exchange.request, options.bodyLimitBytes))
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new AppError('invalid', 'the body must be a JSON object')
    Object.assign(fields, body)
  }
  return Object.assign(fields, exchange.params)
}

/** Passes an upload through up to its limit. Throws `too_large`, or `cancelled` when the client went away. */
export async function* limited(source: AsyncIterable<Uint8Array>, limitBytes: number): AsyncIterable<Uint8Array> {
  let sizeBytes = 0
  try {
    for await (const chunk of source) {
      sizeBytes += chunk.length
      if (sizeBytes > limitBytes)
        throw new AppError('too_large', `the upload is larger than the limit of ${limitBytes} bytes`, { limitBytes })
      yield chunk
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('cancelled', 'the upload was cut off before it was complete', {}, error)
  }
}

/** Throws `invalid` naming every field that is wrong, the rule it breaks, and the fields that are unknown. */
export function parseInput<S extends z.ZodType>(schema: S, fields: unknown): z.output<S> {
  const parsed = schema.safeParse(fields)
  if (parsed.success) return parsed.data
  throw new AppError('invalid', describeIssues(parsed.error), {
    issues: parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
  })
}

export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message)).join('; ')
}

function setCookie(response: ServerResponse, field: string | null, output: unknown): void {
  const value = field === null ? '; Max-Age=0' : (output as Record<string, unknown>)[field]
  response.setHeader('set-cookie', `${SESSION_COOKIE}=${value}; HttpOnly; SameSite=Strict; Path=/`)
}

function checkedReply(endpoint: Endpoint, output: unknown): unknown {
  const parsed = endpoint.output.safeParse(output)
  if (parsed.success) return output
  throw new AppError(
    'internal',
    `the reply of ${endpoint.method} ${endpoint.path} breaks its own contract: ${describeIssues(parsed.error)}`,
  )
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value ?? null)
  // A text is sent in one write together with the head; a buffer would take two.
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
}

/** What is downloaded is no page of ours: whoever opens it here all the same runs nothing of it, and it fetches nothing. */
const BYTES_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

async function sendBytes(response: ServerResponse, reply: ByteReply): Promise<void> {
  response.setHeader('content-type', reply.contentType)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('content-security-policy', BYTES_POLICY)
  if (reply.sizeBytes !== undefined) response.setHeader('content-length', reply.sizeBytes)
  if (reply.digest) response.setHeader('etag', `"${reply.digest}"`)
  if (reply.filename) response.setHeader('content-disposition', `attachment; filename="${reply.filename.replaceAll(/[^\w.-]/g, '_')}"`)
  await sendStream(response, reply.stream)
}

/** Sends a stream as fast as the client takes it and no faster; stops reading when the client has gone. */
async function sendStream(response: ServerResponse, stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of stream) {
    if (response.destroyed) return
    if (!response.write(chunk)) await drained(response)
  }
  response.end()
}

export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

const HEARTBEAT_MS = 15_000

async function sendEvents(response: ServerResponse, events: AsyncIterable<unknown>): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  response.write(': open\n\n')
  const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS)
  const iterator = events[Symbol.asyncIterator]()
  response.on('close', () => void iterator.return?.())
  try {
    for (let next = await iterator.next(); !next.done && !response.destroyed; next = await iterator.next()) {
      if (!response.write(`data: ${JSON.stringify(next.value)}\n\n`)) await drained(response)
    }
  } finally {
    clearInterval(heartbeat)
    response.end()
  }
}
