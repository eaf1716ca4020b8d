import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller, Scope } from '../../contract/endpoint.ts'
import type { AppError } from '../../contract/errors.ts'

/** One request being answered. `params` come from the path, decoded; `search` is the raw query without its `?`. */
export type Exchange = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly params: Readonly<Record<string, string | undefined>>
  readonly search: string
  readonly caller: Caller
}

/** A path of the server. Operations of the contract become routes through `bind`; a protocol writes its own. */
export type Route = {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly scope: Scope
  /** Its replies are streams without an end of their own; they are ended when the server stops. */
  readonly endless?: boolean
  readonly handle: (exchange: Exchange) => Promise<void> | void
  /** Writes an error in the protocol’s own envelope; ours when absent. */
  readonly fail?: (error: AppError, exchange: Pick<Exchange, 'response'> & { readonly requestId: string }) => void
}

/** What is known of a request before its caller is: enough to find out who calls. */
export type Credentials = {
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  readonly project: string | undefined
  readonly address: string
  /** Sent by a program on this machine that meant this machine: not by a page of another origin, not through a proxy. */
  readonly local: boolean
  readonly requestId: string
  readonly signal: AbortSignal | undefined
}

/** Finds the caller, who must hold `scope`. Throws `unauthenticated`, `forbidden` or `throttled`. Answers at once for known keys. */
export type Authenticate = (credentials: Credentials, scope: Scope) => Caller | Promise<Caller>
