import { z } from 'zod'

/**
 * What a caller must be allowed to do. `predict` and `label` are apart from `write` so that an application's key can
 * serve traffic without being able to change anything.
 */
export const Scope = z.enum(['read', 'predict', 'label', 'write', 'approve', 'admin', 'public'])
export type Scope = z.infer<typeof Scope>

type Path = `/${string}`

/** One operation of the API. Server, CLI, console client, OpenAPI and reference pages are all derived from it. */
export type Endpoint<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: Path
  readonly summary: string
  readonly scope: Scope
  readonly input: I
  readonly output: O
  /** How the request travels: fields as JSON (default), or fields in the query and `body` as a stream of bytes. */
  readonly accepts?: 'json' | 'bytes'
  /** How the reply travels: JSON (default), a `ByteReply`, or server-sent events, one `output` each. */
  readonly returns?: 'json' | 'bytes' | 'events'
  /** The reply’s field that becomes the session cookie; `null` clears the cookie. */
  readonly cookie?: string | null
  /** Command lines that show the operation in use, printed by `--help` and in the reference. */
  readonly examples?: readonly string[]
}

export type Contract = Readonly<Record<string, Endpoint>>
type Input<E extends Endpoint> = z.output<E['input']>
export type Output<E extends Endpoint> = z.output<E['output']>
type Reply<E extends Endpoint> = E['returns'] extends 'bytes'
  ? ByteReply
  : E['returns'] extends 'events'
    ? AsyncIterable<Output<E>>
    : Output<E>

/** A streamed answer: `sizeBytes` and `digest` (hex SHA-256) where they are known beforehand. */
export type ByteReply = {
  readonly contentType: string
  readonly filename?: string
  readonly sizeBytes?: number
  readonly digest?: string
  readonly stream: AsyncIterable<Uint8Array>
}

/** Who calls, in which project. Every verb sees only what belongs to `project`. */
export type Caller = {
  readonly id: string
  readonly project: string
  readonly scopes: ReadonlySet<Scope>
  readonly requestId: string
  /** Where the request came from; absent for what the server does by itself. */
  readonly address?: string
  /** Present when a console session, not a key, made the call. */
  readonly session?: string
  readonly signal?: AbortSignal
}

/** What a module must provide to serve a contract: one verb per endpoint, of the same name. */
export type Verbs<C extends Contract> = { readonly [K in keyof C]: (input: Input<C[K]>, caller: Caller) => Promise<Reply<C[K]>> }

export function endpoint<I extends z.ZodType, O extends z.ZodType, const E extends Endpoint<I, O>>(definition: E & Endpoint<I, O>): E {
  return definition
}

/** The body of an endpoint that accepts bytes. */
export const ByteBody = z.custom<AsyncIterable<Uint8Array>>(
  (value) => typeof value === 'object' && value !== null && Symbol.asyncIterator in value,
  'a body is needed',
)
