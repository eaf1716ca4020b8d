import { AckPolicy, DeliverPolicy, type JetStreamManager, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, createInbox as createReplySubject, headers, type Msg, type NatsConnection, nanos } from '@nats-io/transport-node'
import { AppError, messageFrom } from '../../contract/errors.ts'
import type { Clock } from '../clock.ts'
import { createInbox } from './inbox.ts'
import type { OpenSource, Outgoing, StreamEvent, StreamSink, StreamSource } from './port.ts'

const CONNECT_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 5_000
/** A reader that says nothing for so long is given its events again. */
const ACK_WAIT_MS = 120_000
const STREAM_AGE_MS = 7 * 86_400_000
const STREAM_SIZE_LIMIT_BYTES = 1_073_741_824
/** An output sent again within this is stored once, in the streams that are made here. */
const DUPLICATE_WINDOW_MS = 120_000
const PUBLISH_TIMEOUT_MS = 30_000
const NO_RESPONDERS = 503
const PARTITION = '0'

type Where = { readonly url: string; readonly subject: string }

/**
 * A durable pull consumer, named for the group, of the JetStream stream that holds the subject (made where there is none). It is
 * made anew at every opening, from the place that the reader has kept, else from what the group has acknowledged: what was under
 * way would else come again late and out of order. Positions are the stream’s sequence numbers.
 */
export async function openNatsSource(where: Where, clock: Clock, options: OpenSource): Promise<StreamSource> {
  const { manager, connection, stream } = await reach(where)
  try {
    const after = await options.resumeAfter(PARTITION)
    await makeConsumer(manager, stream, where.subject, options, after)
    return await readFrom({ connection, manager, stream, group: options.group, maxInFlight: options.maxInFlight, clock })
  } catch (error) {
    await connection.close()
    throw unavailable(where, error)
  }
}

async function makeConsumer(manager: JetStreamManager, stream: string, subject: string, options: OpenSource, after?: number) {
  const { config } = await manager.streams.info(stream)
  if (config.retention === 'interest')
    throw new AppError(
      'unsupported',
      `JetStream stream ${stream} keeps events by interest and drops them when a consumer is made anew; use the retention limits or workqueue`,
    )
  const known = await manager.consumers.info(stream, options.group).catch(notFound)
  const place = after ?? known?.ack_floor.stream_seq
  if (known) await manager.consumers.delete(stream, options.group)
  const isQueue = config.retention === 'workqueue'
  await manager.consumers.add(stream, {
    durable_name: options.group,
    filter_subject: subject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
    max_ack_pending: options.maxInFlight,
    ...(isQueue || (place === undefined && options.from === 'all')
      ? { deliver_policy: DeliverPolicy.All }
      : place === undefined
        ? { deliver_policy: DeliverPolicy.New }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: place + 1 }),
  })
}

function notFound(error: unknown): undefined {
  if (/not found/i.test(messageFrom(error))) return undefined
  throw error
}

type Reading = {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  readonly stream: string
  readonly group: string
  readonly maxInFlight: number
  readonly clock: Clock
}

async function readFrom({ connection, manager, stream, group, maxInFlight, clock }: Reading): Promise<StreamSource> {
  const consumer = await jetstream(connection, { timeout: REQUEST_TIMEOUT_MS }).consumers.get(stream, group)
  const inbox = createInbox<JsMsg>(clock)
  const unacknowledged: JsMsg[] = []
  let seen = 0
  let acknowledged = 0
  const messages = await consumer.consume({
    max_messages: maxInFlight,
    callback(message) {
      if (message.seq > seen) {
        seen = message.seq
        inbox.add(message)
      } else if (message.seq <= acknowledged) message.ack()
    },
  })
  const gone = (error: unknown) =>
    inbox.fail(new AppError('unavailable', `consumer ${group} of JetStream stream ${stream} ended: ${messageFrom(error)}`))
  messages.closed().then((error) => gone(error ?? 'closed'), gone)

  return {
    async pull(most, lingerMs, signal) {
      const pulled = await inbox.take(most, lingerMs, signal)
      unacknowledged.push(...pulled)
      return pulled.map(
        (message): StreamEvent => ({
          partition: PARTITION,
          position: message.seq,
          atMs: Math.floor(message.info.timestampNanos / 1e6),
          bytes: message.data,
        }),
      )
    },
    async ack(_partition, position) {
      acknowledged = Math.max(acknowledged, position)
      let count = 0
      for (; count < unacknowledged.length && unacknowledged[count]!.seq <= position; count++) unacknowledged[count]!.ack()
      unacknowledged.splice(0, count)
    },
    async sync() {},
    async lag() {
      const { num_pending, num_ack_pending } = await manager.consumers.info(stream, group)
      return num_pending + Math.max(0, num_ack_pending - unacknowledged.length)
    },
    missed: () => 0,
    async close() {
      await messages.close()
      await connection.close()
    },
  }
}

type Batch = { left: number; duplicates: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }
type Stored = { readonly duplicate?: boolean; readonly error?: { readonly description?: string } }

/**
 * Publishes with the output’s id as `Nats-Msg-Id`: within the stream’s duplicate window the same id is stored once. All events of
 * one call share a reply subject, on which the server answers for each: a request for each would cost a third of the processor.
 */
export async function openNatsSink(where: Where, clock: Clock): Promise<StreamSink> {
  const { connection } = await reach(where)
  const inbox = createReplySubject()
  const batches = new Map<string, Batch>()
  let made = 0
  connection.subscribe(`${inbox}.*`, {
    callback(error, message) {
      const batch = batches.get(message.subject)
      if (error || !batch) return
      const problem = problemOf(message)
      if (problem !== undefined) return batch.reject(new Error(problem))
      if (message.json<Stored>().duplicate) batch.duplicates += 1
      batch.left -= 1
      if (batch.left === 0) batch.resolve()
    },
  })

  async function publish(events: readonly Outgoing[]): Promise<{ duplicates: number }> {
    const reply = `${inbox}.${made++}`
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const batch: Batch = { left: events.length, duplicates: 0, resolve, reject }
    const cancel = clock.after(PUBLISH_TIMEOUT_MS, () => reject(new Error(`no answer for ${batch.left} of ${events.length} events`)))
    batches.set(reply, batch)
    try {
      for (const { id, bytes } of events) {
        const named = headers()
        named.set('Nats-Msg-Id', id)
        connection.publish(where.subject, bytes, { headers: named, reply })
      }
      await promise
      return { duplicates: batch.duplicates }
    } finally {
      cancel()
      batches.delete(reply)
    }
  }

  return {
    async publish(events) {
      try {
        return await publish(events)
      } catch (error) {
        throw unavailable(where, error)
      }
    },
    async sync() {},
    async close() {
      await connection.close()
    },
  }
}

/** Why the server did not store an event; undefined when it did. */
function problemOf(message: Msg): string | undefined {
  if (message.headers?.code === NO_RESPONDERS) return 'no JetStream stream takes the subject any more'
  const { error } = message.json<Stored>()
  return error && (error.description ?? 'the server refused the event')
}

async function reach(where: Where) {
  const { servers, user, pass } = serversFrom(where.url)
  let connection: NatsConnection | undefined
  try {
    connection = await connect({ servers, user, pass, name: 'setpoint-streams', timeout: CONNECT_TIMEOUT_MS, maxReconnectAttempts: -1 })
    const manager = await jetstreamManager(connection, { timeout: REQUEST_TIMEOUT_MS })
    return { connection, manager, stream: await streamOf(manager, where.subject) }
  } catch (error) {
    await connection?.close()
    throw unavailable(where, error)
  }
}

async function streamOf(manager: JetStreamManager, subject: string): Promise<string> {
  const found = await manager.streams.find(subject).catch((error: unknown) => {
    if (/no stream matches/i.test(messageFrom(error))) return undefined
    throw error
  })
  if (found) return found
  const name = `STREAM_${subject.replaceAll('.', '_')}`
  await manager.streams.add({
    name,
    subjects: [subject],
    max_age: nanos(STREAM_AGE_MS),
    max_bytes: STREAM_SIZE_LIMIT_BYTES,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  })
  return name
}

/** Several servers are parted by commas; user and password come with the first. */
function serversFrom(url: string): { servers: string[]; user?: string; pass?: string } {
  const all = url.split(',').map((text) => URL.parse(text.trim()))
  const [first] = all
  if (!first || all.some((one) => one === null || !/^(nats|tls):$/.test(one.protocol)))
    throw new AppError('invalid', 'a NATS address looks like nats://user:password@host:4222')
  const servers = all.map((one) => `${one!.protocol}//${one!.host}`)
  if (!first.username) return { servers }
  return { servers, user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) }
}

function unavailable({ subject }: Where, cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  return new AppError('unavailable', `NATS subject ${subject}: ${messageFrom(cause)}`, { subject }, cause)
}
