import {
  Consumer,
  type ConsumerGroupJoinPayload,
  type Message,
  type MessagesStream,
  ProduceAcks,
  Producer,
  type SASLMechanismValue,
} from '@platformatic/kafka'
import { AppError, messageFrom } from '../../contract/errors.ts'
import { type Clock, sleep } from '../clock.ts'
import type { OpenSource, StreamEvent, StreamSink, StreamSource } from './port.ts'

type Where = { readonly url: string; readonly topic: string }
type Read = Message<Buffer, Buffer, Buffer, Buffer>
type Reader = MessagesStream<Buffer, Buffer, Buffer, Buffer>

const CLIENT_ID = 'setpoint'
const FETCH_WAIT_MS = 100
const FETCH_BYTES = 4 << 20
const REQUEST_TIMEOUT_MS = 10_000
const SESSION_TIMEOUT_MS = 30_000
/** The header by which a consumer tells an output it has seen already. */
const ID_HEADER = 'id'

/**
 * A consumer group; the broker divides the partitions among its members. Offsets are committed only by `ack`. After a change
 * of the group events may come again that were pulled and not acknowledged: the caller passes over those it has.
 */
export async function openKafkaSource(where: Where, clock: Clock, options: OpenSource): Promise<StreamSource> {
  const { topic } = where
  const consumer = new Consumer({ ...connectionFrom(where.url), groupId: options.group, sessionTimeout: SESSION_TIMEOUT_MS })
  let assigned = new Set<string>()
  let failure: unknown
  let wake = () => {}
  consumer.on('consumer:group:join', ({ assignments }: ConsumerGroupJoinPayload) => {
    const now = new Set((assignments ?? []).filter((one) => one.topic === topic).flatMap(({ partitions }) => partitions.map(String)))
    const lost = [...assigned].filter((partition) => !now.has(partition))
    assigned = now
    if (lost.length > 0) options.onLost(lost)
  })
  let reader: Reader
  try {
    reader = (await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: options.from === 'new' ? 'latest' : 'earliest',
      autocommit: false,
      maxWaitTime: FETCH_WAIT_MS,
      maxBytes: FETCH_BYTES,
      highWaterMark: options.maxInFlight,
    })) as Reader
  } catch (error) {
    // Why it could not join says more than why it then could not leave.
    await consumer.close(true).catch(() => undefined)
    throw unavailable(where, error)
  }
  reader.on('readable', () => wake())
  const fail = (error: unknown) => {
    failure ??= error
    wake()
  }
  reader.on('error', fail)
  /** A group that begins with what is new keeps that place from the start, or a crash before its first commit would lose events. */
  function keepPlace(): void {
    const offsets = [...assigned].flatMap((partition) => {
      const offset = reader.offsetsToFetch.get(`${topic}:${partition}`)
      return offset === undefined ? [] : [{ topic, partition: Number(partition), offset, leaderEpoch: 0 }]
    })
    if (offsets.length > 0 && options.from === 'new') consumer.commit({ offsets }).catch(fail)
  }
  reader.on('offsets', keepPlace)
  keepPlace()

  function take(most: number): StreamEvent[] {
    const events: StreamEvent[] = []
    while (events.length < most) {
      const message = reader.read() as Read | null
      if (message === null) break
      if (!assigned.has(String(message.partition))) continue
      events.push({
        partition: String(message.partition),
        position: Number(message.offset),
        atMs: Number(message.timestamp),
        bytes: message.value ?? new Uint8Array(0),
      })
    }
    return events
  }
  const arrival = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        wake = () => {}
        resolve()
      }
      wake = done
      signal.addEventListener('abort', done)
      if (reader.readableLength > 0 || failure !== undefined || signal.aborted) done()
    })

  return {
    async pull(most, lingerMs, signal) {
      for (;;) {
        if (signal.aborted) return []
        if (failure !== undefined) throw unavailable(where, failure)
        const events = take(most)
        if (events.length > 0) {
          if (lingerMs === 0 || events.length === most) return events
          await sleep(clock, lingerMs, signal)
          return [...events, ...take(most - events.length)]
        }
        await arrival(signal)
      }
    },
    async ack(partition, position) {
      if (!assigned.has(partition)) return
      const offset = { topic, partition: Number(partition), offset: BigInt(position) + 1n, leaderEpoch: 0 }
      await consumer.commit({ offsets: [offset] }).catch((error: unknown) => {
        throw unavailable(where, error)
      })
    },
    async sync() {},
    async lag() {
      const partitions = [...assigned].map(Number)
      if (partitions.length === 0) return null
      const ends = (await consumer.listOffsets({ topics: [topic], partitions: { [topic]: partitions } })).get(topic) ?? []
      let lag = 0
      for (const partition of partitions)
        lag += Math.max(0, Number((ends[partition] ?? 0n) - (reader.offsetsToFetch.get(`${topic}:${partition}`) ?? 0n)))
      return lag + reader.readableLength
    },
    missed: () => 0,
    async close() {
      await reader.close()
      await consumer.close(true)
    },
  }
}

/** Publishes with the key and, as the header `id`, the output’s id: Kafka stores a repeat, and its reader passes over it. */
export async function openKafkaSink(where: Where): Promise<StreamSink> {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...connectionFrom(where.url), autocreateTopics: true })
  const header = Buffer.from(ID_HEADER)
  return {
    async publish(events) {
      const messages = events.map(({ id, key, bytes }) => ({
        topic: where.topic,
        key: Buffer.from(key),
        value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        headers: new Map([[header, Buffer.from(id)]]),
      }))
      await producer.send({ messages, acks: ProduceAcks.ALL, idempotent: true }).catch((error: unknown) => {
        throw unavailable(where, error)
      })
      return { duplicates: 0 }
    },
    async sync() {},
    close: () => producer.close(),
  }
}

/** `kafka://user:password@host:9092,other:9092?tls=true&mechanism=SCRAM-SHA-256`; PLAIN when no mechanism is named. */
function connectionFrom(url: string) {
  const match = /^kafka:\/\/(?:([^:@/]+):([^@/]*)@)?([^/?@]+)\/?(?:\?(.*))?$/.exec(url)
  const brokers = match?.[3]?.split(',').map((broker) => broker.trim())
  if (!match || !brokers?.every((broker) => /^[^\s:]+:\d{1,5}$/.test(broker)))
    throw new AppError('invalid', 'a Kafka address looks like kafka://user:password@host:9092,other:9092?tls=true&mechanism=PLAIN')
  const options = new URLSearchParams(match[4])
  const [username, password] = [match[1], match[2]].map((text) => (text === undefined ? undefined : decodeURIComponent(text)))
  return {
    clientId: CLIENT_ID,
    bootstrapBrokers: brokers,
    requestTimeout: REQUEST_TIMEOUT_MS,
    ...(options.get('tls') === 'true' ? { tls: {} } : {}),
    ...(username === undefined
      ? {}
      : { sasl: { mechanism: (options.get('mechanism') ?? 'PLAIN') as SASLMechanismValue, username, password: password ?? '' } }),
  }
}

function unavailable({ topic }: Where, cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  const causes = cause instanceof AggregateError ? [...new Set(cause.errors.map(messageFrom))].join('; ') : ''
  return new AppError('unavailable', `Kafka topic ${topic}: ${messageFrom(cause)}${causes && ` (${causes})`}`, { topic }, cause)
}
