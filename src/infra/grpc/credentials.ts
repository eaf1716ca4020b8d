import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Credentials } from '../http/route.ts'
import { isLoopback } from '../loopback.ts'

/** What a call says of its caller, worked out when it is asked for. A class: a literal with getters would be a new shape for every call. */
export class CallCredentials implements Credentials {
  readonly project: string | undefined
  readonly cookie = undefined
  readonly requestId: string
  readonly address: string
  readonly #headers: IncomingHttpHeaders
  readonly #stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, address: string, requestId: string) {
    const project = headers['x-setpoint-project']
    this.project = typeof project === 'string' ? project : undefined
    this.requestId = requestId
    this.address = address
    this.#headers = headers
    this.#stream = stream
  }

  get authorization(): string | undefined {
    const { authorization, 'x-api-key': key } = this.#headers
    return authorization ?? (typeof key === 'string' ? `Bearer ${key}` : undefined)
  }

  get local(): boolean {
    const { 'x-forwarded-for': forwardedFor, forwarded, origin, ':authority': authority } = this.#headers
    if (forwardedFor !== undefined || forwarded !== undefined || origin !== undefined) return false
    return isLoopback(this.address) && isLoopback(authority ?? '')
  }

  get signal(): AbortSignal {
    const controller = new AbortController()
    this.#stream.once('close', () => controller.abort())
    return controller.signal
  }
}
