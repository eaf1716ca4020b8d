import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type Msg, type NatsConnection, nanos } from '@nats-io/transport-node'
import { AppError, messageFrom } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { BusEvent } from './event.ts'
import type { BusHealth, Transport } from './transport.ts'

const CONNECT_TIMEOUT_MS = 5_000
const PUBLISH_TIMEOUT_MS = 5_000
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 30_000
const PING_EVERY_MS = 10_000
/** For readers outside the house; the house itself reads what it missed from its outbox. */
const STREAM_AGE_MS = 7 * 86_400_000
const STREAM_SIZE_LIMIT_BYTES = 1_073_741_824
/** An event sent again within this is stored once. */
const DUPLICATE_WINDOW_MS = 120_000

/**
 * Events on `setpoint.<installation>.<project>.<event name>`, kept in a JetStream stream of the installation with the
 * event's id against duplicates. `url` may list several servers, separated by commas, with user and password.
 */
export function createNats({ url, clock, log }: { url: string; clock: Clock; log: Log }): Transport {
  const { servers, user, pass } = serversFrom(url)
  const where = `the NATS server ${servers.join(', ')}`
  let connection: NatsConnection | undefined
  let stream: JetStreamClient | undefined
  let problem = 'not connected yet'
  let isStopped = false
  let cancelRetry = () => {}
  let installation = ''
  let on: Parameters<Transport['start']>[1] = { event() {}, connected() {} }

  async function open(attempt: number): Promise<void> {
    try {
      const opened = await connect({
        servers,
        user,
        pass,
        name: 'setpoint',
        timeout: CONNECT_TIMEOUT_MS,
        pingInterval: PING_EVERY_MS,
        maxReconnectAttempts: -1,
      })
      if (isStopped) return await opened.close()
      connection = opened
      opened.subscribe(`setpoint.${installation}.>`, { callback: (error, message) => receive(error, message) })
      await prepare(opened)
      watchStatus(opened).catch((error) => lose(messageFrom(error)))
    } catch (error) {
      const broken = connection
      connection = undefined
      lose(messageFrom(error))
      await broken?.close().catch((thrown) => log.debug('bus.nats_close_failed', { error: messageFrom(thrown) }))
      if (!isStopped) cancelRetry = clock.after(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt), () => void open(attempt + 1))
    }
  }

  /** The stream may have gone with the server's disk, so it is looked for after every connect. */
  async function prepare(opened: NatsConnection): Promise<void> {
    await makeStream(opened, installation)
    stream = jetstream(opened, { timeout: PUBLISH_TIMEOUT_MS })
    log.info('bus.nats_connected', { servers })
    on.connected()
  }

  async function watchStatus(opened: NatsConnection): Promise<void> {
    for await (const status of opened.status()) {
      if (status.type === 'disconnect') lose('disconnected')
      else if (status.type === 'reconnect') await prepare(opened).catch((error) => lose(messageFrom(error)))
    }
    if (isStopped) return
    lose('closed by the server')
    connection = undefined
    await open(0)
  }

  function lose(why: string) {
    if (stream || problem !== why) log.warn('bus.nats_unavailable', { servers, error: why })
    stream = undefined
    problem = why
  }

  /** What cannot be read is no loss: the tail sees the gap and reads the outbox. */
  function receive(error: Error | null, message: Msg) {
    try {
      if (error) throw error
      on.event(message.json<BusEvent>())
    } catch (thrown) {
      log.warn('bus.message_unreadable', { error: thrown })
    }
  }

  return {
    start(name, callbacks) {
      installation = name
      on = callbacks
      void open(0)
    },
    isConnected: () => stream !== undefined,
    async send(events) {
      if (!stream) throw new AppError('unavailable', `${where} is not reachable: ${problem}`)
      const client = stream
      const sent = events.map((event) => client.publish(subjectOf(installation, event), JSON.stringify(event), { msgID: event.id }))
      await Promise.all(sent).catch((cause) => {
        throw new AppError('unavailable', `${where} did not take the events: ${messageFrom(cause)}`, {}, cause)
      })
    },
    health(): BusHealth {
      if (stream) return { status: 'ok', detail: `connected to ${where}` }
      return { status: 'degraded', detail: `${where} is not reachable (${problem}); events go through the outbox until it is` }
    },
    async stop() {
      isStopped = true
      cancelRetry()
      stream = undefined
      await connection?.close()
    },
  }
}

function serversFrom(url: string): { servers: string[]; user?: string; pass?: string } {
  try {
    const all = url.split(',').map((text) => new URL(text.trim()))
    const [first] = all
    const servers = all.map(({ protocol, host }) => `${protocol}//${host}`)
    if (!first?.username) return { servers }
    return { servers, user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }
  } catch (cause) {
    throw new AppError('invalid', 'the NATS address must look like nats://host:4222', {}, cause)
  }
}

async function makeStream(connection: NatsConnection, installation: string): Promise<void> {
  const manager = await jetstreamManager(connection, { timeout: PUBLISH_TIMEOUT_MS })
  const name = `SETPOINT_${installation}`
  await manager.streams.info(name).catch(() =>
    manager.streams.add({
      name,
      subjects: [`setpoint.${installation}.>`],
      max_age: nanos(STREAM_AGE_MS),
      max_bytes: STREAM_SIZE_LIMIT_BYTES,
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    }),
  )
}

/** A project may hold dots, which part a subject; an event's name parts it on purpose. */
function subjectOf(installation: string, { project, name }: BusEvent): string {
  return `setpoint.${installation}.${project.replaceAll('.', '_') || '_house'}.${name}`
}
