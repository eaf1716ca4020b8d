import http2, { type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { AppError, errorCodes } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Authenticate } from '../http/route.ts'
import type { Ids } from '../ids.ts'
import type { Log } from '../log.ts'
import { createArrivals } from './arrivals.ts'
import { CallCredentials } from './credentials.ts'
import { createFrames, type Framed, framed, type Packing, packingFrom, packings, unpacked, wholeFrame } from './frames.ts'
import type { GrpcCall, GrpcMethod } from './method.ts'
import { deadlineFromTimeout, trailersFrom } from './status.ts'

export type GrpcOptions = {
  readonly methods: readonly GrpcMethod[]
  readonly authenticate: Authenticate
  readonly ids: Ids
  readonly log: Log
  readonly clock: Clock
  /** The largest message, packed and unpacked. */
  readonly messageLimitBytes: number
  /** How long one message may take to arrive. */
  readonly requestTimeoutMs: number
}

export type Grpc = {
  /** Starts listening without encryption (h2c) and returns the port. Throws `unavailable` when the port is taken. */
  listen(host: string, port: number): Promise<number>
  /** Tells clients to go elsewhere, lets calls under way end within `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>
}

const MOST_SESSIONS = 4_096
const IDLE_SESSION_MS = 30 * 60_000
/** Per connection: memory, calls at once, and how fast calls may be reset or frames be wrong before it is closed. */
const limits = {
  maxSessionMemory: 64,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  streamResetBurst: 1_000,
  streamResetRate: 50,
  settings: { maxConcurrentStreams: 1_000, initialWindowSize: 1 << 20, maxHeaderListSize: 16_384, enablePush: false },
} as const
const replyHeaders = { ':status': 200, 'content-type': 'application/grpc+proto', 'grpc-accept-encoding': packings }

/** A server of gRPC over HTTP/2 without a library: length-prefixed messages, statuses as trailers, timeouts, packed requests. */
export function createGrpc(options: GrpcOptions): Grpc {
  const { log, clock } = options
  const sessions = new Set<ServerHttp2Session>()
  const server = http2.createServer(limits)
  server.maxConnections = MOST_SESSIONS
  server.on('stream', createAnswer(options))
  server.on('session', (session) => {
    sessions.add(session)
    session.setTimeout(IDLE_SESSION_MS, () => session.close())
    session.once('close', () => sessions.delete(session))
  })
  // A client that breaks the protocol, floods or goes away ends its own connection and nothing else.
  server.on('sessionError', (error) => log.debug('grpc.session_failed', { error: error.message }))
  return {
    listen: (host, port) => listen(server, host, port),
    close(graceMs) {
      if (!server.listening) return Promise.resolve()
      return new Promise((resolve) => {
        const cancel = clock.after(graceMs, () => {
          for (const session of sessions) session.destroy()
        })
        server.close(() => {
          cancel()
          resolve()
        })
        for (const session of sessions) session.close()
      })
    },
  }
}

function createAnswer(options: GrpcOptions) {
  const methods = new Map(options.methods.map((method) => [method.path, method]))
  const prefix = options.ids('rpc')
  const arrivals = createArrivals(options.clock, options.requestTimeoutMs)
  let calls = 0

  return (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    calls += 1
    const requestId = `${prefix}-${calls.toString(36)}`
    stream.on('error', (error) => options.log.debug('grpc.stream_failed', { requestId, error: error.message }))
    if (!isGrpc(headers)) {
      stream.respond({ ':status': 415, 'content-type': 'text/plain' })
      stream.end('this port speaks gRPC: POST with the content type application/grpc\n')
      return
    }
    answer().catch((thrown: unknown) => fail(asInvalid(thrown)))

    async function answer(): Promise<void> {
      const path = headers[':path']!
      const method = methods.get(path)
      if (!method) throw new AppError('unsupported', `there is no method ${path}`)
      const address = stream.session?.socket.remoteAddress ?? ''
      const found = options.authenticate(new CallCredentials(stream, headers, address, requestId), method.scope)
      const caller = found instanceof Promise ? await found : found
      const packing = packingFrom(headers['grpc-encoding'])
      const call: GrpcCall = { caller, headers, deadlineMs: deadlineFromTimeout(headers['grpc-timeout']), trailers: {} }
      if ('stream' in method) return await answerStream(stream, method.stream, call, packing, options)
      const message = await readOne(stream, packing, options, arrivals)
      const answered = method.unary(message, call)
      const reply = answered instanceof Promise ? await answered : answered
      if (stream.destroyed || stream.closed) return
      stream.respond(replyHeaders, { waitForTrailers: true })
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...call.trailers }))
      stream.end(framed(reply))
    }

    function fail(thrown: unknown): void {
      const error =
        thrown instanceof AppError
          ? thrown
          : new AppError('internal', `something went wrong inside; the log has it under the id ${requestId}`, {}, thrown)
      options.log[errorCodes[error.code].log === 'error' ? 'error' : 'debug']('grpc.failed', {
        requestId,
        path: headers[':path'],
        code: error.code,
        message: error.message,
        cause: error.cause,
      })
      endWith(stream, trailersFrom(error, requestId))
    }
  }
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && /^application\/grpc(\+proto)?(;|$)/.test(String(headers['content-type']))
}

/** Ends a call by its status. What the client still sends is not waited for. */
function endWith(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  if (stream.destroyed || stream.closed) return
  // At once the end of the reading would overtake the status.
  const stopReading = () =>
    setImmediate(() => {
      if (!stream.readableEnded) stream.close(http2.constants.NGHTTP2_NO_ERROR)
    })
  if (!stream.headersSent) {
    stream.respond({ ...replyHeaders, ...trailers }, { endStream: true })
    stopReading()
    return
  }
  stream.once('wantTrailers', () => {
    stream.sendTrailers(trailers)
    stopReading()
  })
  stream.end()
}

/** Malformed messages are the client’s own. */
function asInvalid(error: unknown): unknown {
  return error instanceof RangeError ? new AppError('invalid', `the message is malformed: ${error.message}`, {}, error) : error
}

type Arrivals = ReturnType<typeof createArrivals>

/** The one message of a unary call, once the client has ended its side. */
function readOne(stream: ServerHttp2Stream, packing: Packing, { messageLimitBytes, requestTimeoutMs }: GrpcOptions, arrivals: Arrivals) {
  return new Promise<Buffer>((resolve, reject) => {
    let frames: ReturnType<typeof createFrames> | undefined
    let found: Framed | undefined
    let ended = false
    arrivals.add(stream, () => reject(tooSlow(requestTimeoutMs)))
    stream.on('data', (chunk: Buffer) => {
      try {
        if (!frames && !found) {
          found = wholeFrame(chunk, messageLimitBytes)
          if (found) return
        }
        frames ??= createFrames(messageLimitBytes)
        for (const message of frames.push(chunk)) {
          if (found) throw new AppError('invalid', 'this method takes one message; more were sent')
          found = message
        }
      } catch (error) {
        stream.pause()
        reject(error)
      }
    })
    stream.once('end', () => {
      ended = true
      arrivals.delete(stream)
      try {
        frames?.end()
        if (!found) throw new AppError('invalid', 'the call ended without a message')
        resolve(found.isPacked ? unpacked(found.bytes, packing, messageLimitBytes) : found.bytes)
      } catch (error) {
        reject(error)
      }
    })
    stream.once('close', () => {
      if (ended) return
      arrivals.delete(stream)
      reject(new AppError('cancelled', 'the client ended the call before its message was complete'))
    })
  })
}

function tooSlow(limitMs: number): AppError {
  return new AppError('timeout', `the message did not arrive within ${limitMs} ms`, { limitMs })
}

async function* messagesOf(stream: ServerHttp2Stream, packing: Packing, limitBytes: number): AsyncIterable<Uint8Array> {
  const frames = createFrames(limitBytes)
  // An early end of the reading must leave the stream whole, for its status is still to be sent.
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  try {
    for await (const chunk of chunks)
      for (const { isPacked, bytes } of frames.push(chunk)) yield isPacked ? await unpacked(bytes, packing, limitBytes) : bytes
  } catch (error) {
    if (error instanceof AppError || !stream.destroyed) throw error
    throw new AppError('cancelled', 'the client ended the call', {}, error)
  }
  frames.end()
}

async function answerStream(
  stream: ServerHttp2Stream,
  run: (messages: AsyncIterable<Uint8Array>, call: GrpcCall) => AsyncIterable<readonly Uint8Array[]>,
  call: GrpcCall,
  packing: Packing,
  { messageLimitBytes, clock }: GrpcOptions,
): Promise<void> {
  const waitMs = call.deadlineMs ?? IDLE_SESSION_MS
  const tooLong = new AppError('timeout', `the stream took longer than ${waitMs} ms`, { limitMs: waitMs })
  const cancel = clock.after(waitMs, () => endWith(stream, trailersFrom(tooLong, call.caller.requestId)))
  try {
    stream.respond(replyHeaders, { waitForTrailers: true })
    for await (const reply of run(messagesOf(stream, packing, messageLimitBytes), call)) {
      if (stream.destroyed || stream.closed) return
      if (!stream.write(framed(reply))) await drained(stream)
    }
    if (stream.destroyed || stream.closed) return
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...call.trailers }))
    stream.end()
  } finally {
    cancel()
  }
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done)
      resolve()
    }
    stream.on('drain', done).on('close', done)
  })
}

function listen(server: Http2Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === 'EADDRINUSE' ? 'another program has this port; set SETPOINT_GRPC_PORT to a free one, or to off' : error.message
      reject(new AppError('unavailable', `cannot listen for gRPC on ${host}:${port}: ${hint}`, { host, port }, error))
    })
    server.listen(port, host, 511, () => resolve((server.address() as AddressInfo).port))
  })
}
