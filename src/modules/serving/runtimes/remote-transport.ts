import http from 'node:http'
import https from 'node:https'
import { AppError, messageFrom } from '../../../contract/errors.ts'

export type RemoteRequest = {
  readonly method: 'GET' | 'POST'
  /** From the base URL on, beginning with a slash, encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}
export type RemoteReply = { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer }

export type Transport = {
  /** One exchange. Throws `unavailable`, with `began: false` among its details while no answer had begun; `too_large`; and the reason of the signal. */
  send(request: RemoteRequest, signal: AbortSignal): Promise<RemoteReply>
  close(): void
}

const MOST_REPLY_BYTES = 64 * 1024 * 1024
/** How long a connection that is not used is kept. */
const IDLE_MS = 30_000

/** Requests over at most `connections` connections that are kept open. Redirects are answers like any other: they are not followed. */
export function createTransport(base: URL, headers: Readonly<Record<string, string>>, connections: number): Transport {
  const client = base.protocol === 'https:' ? https : http
  const agent = new client.Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections, timeout: IDLE_MS })
  const prefix = base.pathname.replace(/\/+$/, '')
  // A URL keeps the brackets of an IPv6 address; a connection is made without.
  const target = { hostname: base.hostname.replace(/^\[(.*)\]$/, '$1'), port: base.port, agent }

  return {
    send({ method, path, headers: own, body }, signal) {
      const length = body === undefined ? {} : { 'content-length': String(body.length) }
      return new Promise<RemoteReply>((resolve, reject) => {
        let began = false
        const fail = (error: unknown) => {
          if (signal.aborted) return reject(signal.reason)
          if (error instanceof AppError) return reject(error)
          reject(new AppError('unavailable', `${base.host} did not answer: ${messageFrom(error) || String(error)}`, { began }, error))
        }
        if (signal.aborted) return fail(signal.reason)
        const request = client.request(
          { ...target, method, path: `${prefix}${path}` || '/', headers: { ...headers, ...own, ...length }, signal },
          (answer) => {
            began = true
            const pieces: Buffer[] = []
            let sizeBytes = 0
            answer.on('data', (piece: Buffer) => {
              sizeBytes += piece.length
              if (sizeBytes > MOST_REPLY_BYTES)
                request.destroy(
                  new AppError('too_large', `the answer of ${base.host} is larger than ${MOST_REPLY_BYTES} bytes; ask for fewer outputs`),
                )
              else pieces.push(piece)
            })
            answer.once('error', fail)
            answer.once('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(pieces) }))
            answer.once('close', () => fail(new Error('the connection ended within the answer')))
          },
        )
        request.once('error', fail)
        request.end(body)
      })
    },
    close: () => agent.destroy(),
  }
}
