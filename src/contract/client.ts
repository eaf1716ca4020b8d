import type { z } from 'zod'
import type { Endpoint, Output } from './endpoint.ts'
import { AppError, type ErrorCode, errorCodes } from './errors.ts'

export type Connection = {
  /** Base URL of the server; empty = the page’s own origin. */
  readonly url: string
  readonly token?: string
  readonly project?: string
  readonly send?: (url: string, init: RequestInit) => Promise<Response>
}

type Fields = Record<string, unknown>
export type Client = {
  /** Calls an operation and gives its reply, or throws the server’s error as an `AppError`. */
  call<E extends Endpoint>(endpoint: E, input: z.input<E['input']>): Promise<Output<E>>
  /** Calls an operation whose reply is bytes. */
  download<E extends Endpoint>(endpoint: E, input: z.input<E['input']>): Promise<Response>
  /** Follows an operation whose reply is a stream of server-sent events, until it ends or `signal` aborts. */
  follow<E extends Endpoint>(endpoint: E, input: z.input<E['input']>, signal?: AbortSignal): AsyncGenerator<Output<E>>
}

/** A typed client of the contract, the same for the command line, the console, trainers and tests. */
export function createClient(connection: Connection): Client {
  async function request(endpoint: Endpoint, input: Fields, signal?: AbortSignal): Promise<Response> {
    const { path, rest } = fillPath(endpoint.path, input)
    const headers: Record<string, string> = {}
    if (connection.token) headers.authorization = `Bearer ${connection.token}`
    if (connection.project) headers['x-setpoint-project'] = connection.project
    const { body, query } = bodyOf(endpoint, rest, headers)
    const send = connection.send ?? fetch
    const init = {
      method: endpoint.method,
      headers,
      body,
      signal,
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    } as RequestInit
    const response = await send(`${connection.url}${path}${query}`, init).catch((error: unknown) => {
      if (signal?.aborted) throw error
      throw new AppError('unavailable', `no server answers at ${connection.url || 'this address'}; start one with "setpoint up"`, {}, error)
    })
    if (response.ok) return response
    throw await errorFrom(response)
  }

  return {
    async call(endpoint, input) {
      return (await (await request(endpoint, input as Fields)).json()) as Output<typeof endpoint>
    },
    download: (endpoint, input) => request(endpoint, input as Fields),
    async *follow(endpoint, input, signal) {
      const response = await request(endpoint, input as Fields, signal)
      yield* eventsFrom(response) as AsyncGenerator<Output<typeof endpoint>>
    },
  }
}

function fillPath(template: string, input: Fields): { path: string; rest: Fields } {
  const rest = { ...input }
  const path = template.replace(/:(\w+)/g, (_match, name: string) => {
    const value = rest[name]
    if (value === undefined) throw new AppError('invalid', `${name} is needed`)
    delete rest[name]
    return encodeURIComponent(String(value))
  })
  return { path, rest }
}

function bodyOf(endpoint: Endpoint, fields: Fields, headers: Record<string, string>): { body?: BodyInit; query: string } {
  if (endpoint.accepts === 'bytes') {
    const { body, ...rest } = fields
    headers['content-type'] = 'application/octet-stream'
    return { body: body as BodyInit, query: queryFrom(rest) }
  }
  if (endpoint.method === 'GET') return { query: queryFrom(fields) }
  headers['content-type'] = 'application/json'
  return { body: JSON.stringify(fields), query: '' }
}

function queryFrom(fields: Fields): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields))
    for (const one of [value].flat()) if (one !== undefined) query.append(name, String(one))
  return query.size > 0 ? `?${query}` : ''
}

async function errorFrom(response: Response): Promise<AppError> {
  const text = await response.text()
  try {
    const { error } = JSON.parse(text) as {
      error: { code: ErrorCode; message: string; details: Record<string, unknown>; requestId: string }
    }
    if (error.code in errorCodes) return new AppError(error.code, error.message, { ...error.details, requestId: error.requestId })
  } catch {
    // Not our envelope: a proxy answered, and its text is all there is to say.
  }
  return new AppError('unavailable', `the server answered ${response.status}: ${text.slice(0, 200)}`)
}

async function* eventsFrom(response: Response): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body!) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
    rest = parts.pop()!
    for (const part of parts) {
      const data = part.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
      if (data.length > 0) yield JSON.parse(data.join('\n'))
    }
  }
}
