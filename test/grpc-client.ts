import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { framed } from '../src/infra/grpc/frames.ts'

export type GrpcReply = {
  readonly status: number
  readonly message: string
  readonly messages: readonly Buffer[]
  readonly trailers: IncomingHttpHeaders
}

/** A client of gRPC without a library: one connection, one call at a time or many. */
export function connectGrpc(port: number, headers: Record<string, string> = {}) {
  const session: ClientHttp2Session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => session.destroy())

  /** Sends messages, already framed when they are told to be, and reads the answer to its end. */
  function call(path: string, messages: readonly Uint8Array[], extra: Record<string, string> = {}, areFramed = false): Promise<GrpcReply> {
    return new Promise((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
        ...extra,
      })
      const chunks: Buffer[] = []
      let trailers: IncomingHttpHeaders = {}
      stream.on('response', (found) => {
        trailers = { ...trailers, ...found }
      })
      stream.on('trailers', (found) => {
        trailers = { ...trailers, ...found }
      })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('error', reject)
      stream.once('close', () =>
        resolve({
          status: Number(trailers['grpc-status'] ?? -1),
          message: decodeURIComponent(String(trailers['grpc-message'] ?? '')),
          messages: messagesIn(Buffer.concat(chunks)),
          trailers,
        }),
      )
      for (const message of messages) stream.write(areFramed ? message : framed([message]))
      stream.end()
    })
  }

  return { session, call, close: () => session.close() }
}

function messagesIn(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1)
    found.push(bytes.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  return found
}
