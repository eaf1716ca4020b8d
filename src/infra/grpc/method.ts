import type { IncomingHttpHeaders } from 'node:http2'
import type { Caller, Scope } from '../../contract/endpoint.ts'

/** One call being answered. `trailers` are sent with the status at its end. */
export type GrpcCall = {
  readonly caller: Caller
  readonly headers: IncomingHttpHeaders
  /** How long the caller waits, from now. */
  readonly deadlineMs: number | undefined
  readonly trailers: Record<string, string>
}

/** The parts of a message, encoded, in their order. */
export type GrpcReply = readonly Uint8Array[]

/** A method of a service: `unary` answers one message with one, `stream` many with many. */
export type GrpcMethod = {
  /** `/<package>.<Service>/<Method>` */
  readonly path: string
  readonly scope: Scope
} & (
  | { readonly unary: (message: Uint8Array, call: GrpcCall) => GrpcReply | Promise<GrpcReply> }
  | { readonly stream: (messages: AsyncIterable<Uint8Array>, call: GrpcCall) => AsyncIterable<GrpcReply> }
)
