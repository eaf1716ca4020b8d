import { AppError } from '../../contract/errors.ts'
import { codeFromStatus } from '../failures.ts'

export type Server = {
  readonly url: string
  readonly token?: string | undefined
  readonly project?: string | undefined
  readonly send?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
}
type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>

/** Requests of the MLflow protocol to one server. Throws the server’s error, or `unavailable` when none answers. */
export function createWire(server: Server) {
  const headers = {
    ...(server.token && { authorization: `Bearer ${server.token}` }),
    ...(server.project && { 'x-setpoint-project': server.project }),
  }

  async function request(path: string, init: RequestInit): Promise<Response> {
    const given = { ...headers, ...(init.headers as Record<string, string> | undefined) }
    const response = await (server.send ?? fetch)(`${server.url}${path}`, { ...init, headers: given }).catch((error: unknown) => {
      throw new AppError('unavailable', `no server answers at ${server.url}`, {}, error)
    })
    if (response.ok) return response
    const text = await response.text()
    throw new AppError(
      codeFromStatus(response.status),
      `${server.url}${path.split('?')[0]} answered ${response.status}: ${messageIn(text)}`,
      {
        status: response.status,
        requestId: response.headers.get('x-request-id') ?? undefined,
      },
    )
  }

  return {
    async get<T>(path: string, query: Query = {}): Promise<T> {
      return (await (await request(`/api/2.0/mlflow/${path}${searchFrom(query)}`, {})).json()) as T
    },
    /** As `get`; undefined when there is no such thing. */
    async find<T>(path: string, query: Query): Promise<T | undefined> {
      return await this.get<T>(path, query).catch((error: unknown) => {
        if (error instanceof AppError && error.details.status === 404) return undefined
        throw error
      })
    },
    async send<T>(method: 'POST' | 'PATCH', path: string, body: object): Promise<T> {
      const init = { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      return (await (await request(`/api/2.0/mlflow/${path}`, init)).json()) as T
    },
    async download(path: string, query: Query): Promise<AsyncIterable<Uint8Array>> {
      const { body } = await request(`${path}${searchFrom(query)}`, {})
      return body ?? emptyStream()
    },
    async upload(path: string, stream: AsyncIterable<Uint8Array>): Promise<void> {
      // The platform sends any async iterable; its types know streams only.
      const body = stream as unknown as NonNullable<RequestInit['body']>
      await request(path, { method: 'PUT', body, duplex: 'half' } as RequestInit)
    },
    /** The SHA-256 that the server names a file by; undefined when it has no such file. */
    async digestOf(path: string): Promise<string | undefined> {
      const response = await request(path, { method: 'HEAD' }).catch((error: unknown) => {
        if (error instanceof AppError && error.details.status === 404) return undefined
        throw error
      })
      return response?.headers.get('etag')?.replaceAll('"', '')
    },
  }
}
export type Wire = ReturnType<typeof createWire>

/** A value in a search; the grammar has two sorts of quotes and no escapes. */
export function quoted(value: string): string {
  return value.includes("'") ? `"${value}"` : `'${value}'`
}

async function* emptyStream(): AsyncIterable<Uint8Array> {}

function searchFrom(query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat()) if (one !== undefined) search.append(name, String(one))
  return search.size > 0 ? `?${search}` : ''
}

function messageIn(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { message?: string; error?: { message?: string } }
    return message ?? error?.message ?? text.slice(0, 200)
  } catch {
    return text.slice(0, 200)
  }
}
