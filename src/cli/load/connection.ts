import net from 'node:net'
import tls from 'node:tls'
import { createResponseParser } from '../../lib/load/response-parser.ts'

export type Target = { readonly host: string; readonly port: number; readonly secure: boolean }

type Handlers = {
  opened(): void
  /** `reusable` is false when the server closes the connection after this reply. */
  replied(status: number, reusable: boolean): void
  /** The connection is gone; `announced` where a reply said that it would be. */
  closed(announced: boolean): void
}

export type LoadConnection = {
  send(request: Buffer): void
  destroy(): void
}

const READ_BYTES = 16_384

/** One connection of HTTP/1.1. A reply that is malformed closes it; after `closed` it is of no more use. */
export function openConnection(target: Target, handlers: Handlers): LoadConnection {
  let announced = false
  const parser = createResponseParser((status, closes) => {
    announced ||= closes
    handlers.replied(status, !closes)
    if (closes) socket.destroy()
  })
  const socket = connect(target, (chunk) => {
    try {
      parser.push(chunk)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      socket.destroy(error)
    }
  })
  socket.once(target.secure ? 'secureConnect' : 'connect', handlers.opened)
  // The close that follows is what counts, whatever the error was.
  socket.once('error', () => undefined)
  socket.once('end', () => parser.end())
  socket.once('close', () => handlers.closed(announced))
  return {
    send: (request) => void socket.write(request),
    destroy: () => void socket.destroy(),
  }
}

function connect({ host, port, secure }: Target, read: (chunk: Buffer) => void): net.Socket {
  if (secure) {
    const socket = tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ALPNProtocols: ['http/1.1'] })
    socket.setNoDelay(true)
    return socket.on('data', read)
  }
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const onread = {
    buffer,
    callback(bytes: number) {
      read(buffer.subarray(0, bytes))
      return true
    },
  }
  return net.connect({ host, port, noDelay: true, onread })
}
