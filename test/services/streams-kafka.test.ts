import { Consumer, type Message, Producer } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/infra/clock.ts'
import { openKafkaSink, openKafkaSource } from '../../src/infra/streams/kafka.ts'
import type { OpenSource, StreamEvent, StreamSource } from '../../src/infra/streams/port.ts'
import { deployModel, openWorld, type World } from '../world.ts'
import { startKafka } from './kafka.ts'
import { declare, eventAt, statusOf, streamDocument, until } from './streams-suite.ts'

const kafka = await startKafka()
if ('skipped' in kafka) process.stderr.write(`Kafka suites are skipped: ${kafka.skipped}\n`)

describe.skipIf('skipped' in kafka)('streams on Kafka', () => {
  const { url, remove } = kafka as Exclude<typeof kafka, { skipped: string }>
  let world: World
  beforeAll(async () => {
    process.env.STREAMS_TEST_URL = url
    world = await openWorld()
    await deployModel(world)
  })
  afterAll(async () => {
    await world.close()
    delete process.env.STREAMS_TEST_URL
    await remove()
  })

  const how = (over: Partial<OpenSource> = {}): OpenSource => ({
    group: 'g',
    from: 'all',
    maxInFlight: 1_000,
    resumeAfter: async () => undefined,
    onStart: async () => {},
    onLost: () => {},
    ...over,
  })
  const outgoing = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ id: `m${i}`, key: `k${i % 20}`, bytes: Buffer.from(String(i)) }))
  const textOf = ({ bytes }: StreamEvent) => String(Buffer.from(bytes))
  async function takeUntil(source: StreamSource, isEnough: (seen: readonly StreamEvent[]) => boolean): Promise<StreamEvent[]> {
    const all: StreamEvent[] = []
    while (!isEnough(all)) {
      const pulled = await source.pull(100, 0, AbortSignal.timeout(20_000))
      if (pulled.length === 0) throw new Error(`after 20 s there are only ${all.length} events`)
      all.push(...pulled)
    }
    return all
  }
  const lastOf = (events: readonly StreamEvent[]) => new Map(events.map(({ partition, position }) => [partition, position]))

  test('a group reads every partition in order, and what it acknowledged is its place at the broker', async () => {
    const where = { url, topic: 'port' }
    const sink = await openKafkaSink(where)
    await sink.publish(outgoing(400))
    const first = await openKafkaSource(where, systemClock, how())
    const read = await takeUntil(first, (seen) => seen.length === 400)
    expect(new Set(read.map(textOf)).size).toBe(400)
    for (const [, events] of Map.groupBy(read, ({ partition }) => partition))
      expect(events.map(({ position }) => position)).toEqual(events.map((_, i) => i))
    const half = read.slice(0, 200)
    for (const [partition, position] of lastOf(half)) await first.ack(partition, position)
    // How a second reader goes on from here cannot be shown: the mock cluster takes no member again into a group that was empty
    // once, and refuses SyncGroup for two. So the place that it would go on from is asked for.
    const reader = new Consumer({ clientId: 'test', groupId: 'g', bootstrapBrokers: [url.replace('kafka://', '')] })
    const partitions = [0, 1, 2, 3]
    const committed = (await reader.listCommittedOffsets({ topics: [{ topic: 'port', partitions }] })).get('port')!
    const expected = partitions.map((partition) => BigInt(lastOf(half).get(String(partition)) ?? -2) + 1n)
    expect(committed).toEqual(expected)
    expect(await first.lag()).toBe(0)
    await reader.close(true)
    await first.close()
    await sink.close()
  })

  test('events come out scored with their ids as keys and headers, and what is odd goes to the dead letters', async () => {
    const place = { kind: 'kafka', urlFrom: 'STREAMS_TEST_URL' }
    const producer = new Producer({ clientId: 'test', bootstrapBrokers: [url.replace('kafka://', '')], autocreateTopics: true })
    const count = 1_000
    const value = (i: number) => eventAt(world, `e-${i}`, i % 2)
    await producer.send({
      messages: [
        ...Array.from({ length: count }, (_, i) => ({ topic: 'in', key: Buffer.from(`c${i % 7}`), value: value(i) })),
        { topic: 'in', key: Buffer.from('odd'), value: Buffer.from('{}') },
      ],
    })
    await declare(
      world,
      streamDocument('orders', {
        source: { ...place, topic: 'in', group: 'scorers', from: 'all' },
        sink: { ...place, topic: 'out' },
        deadLetters: { ...place, topic: 'dead' },
      }),
    )
    await until('1,001 events read', async () => {
      world.clock.advance(1_000)
      return (await statusOf(world, 'orders')).counts.read === count + 1
    })
    const now = await statusOf(world, 'orders')
    expect(now.counts).toMatchObject({ published: count, dead: 1 })
    expect(now.partitions.length).toBeGreaterThan(1)
    const scored = await readTopic('out', count)
    expect(new Set(scored.map(({ key }) => String(key)))).toEqual(new Set(Array.from({ length: count }, (_, i) => `e-${i}`)))
    for (const { value, key, headers } of scored) {
      const output = JSON.parse(String(value)) as { id: string; event: string; prediction: number }
      expect([output.event, output.prediction]).toEqual([String(key), Number(String(key).slice(2)) % 2])
      expect([...headers].map(([name, header]) => [String(name), String(header)])).toEqual([['id', output.id]])
    }
    const [letter] = await readTopic('dead', 1)
    expect(JSON.parse(String(letter!.value))).toMatchObject({ event: '{}', reason: expect.stringContaining('its id must be') })
    await producer.close()
  })

  async function readTopic(topic: string, count: number): Promise<Message[]> {
    const consumer = new Consumer({ clientId: 'test', groupId: `read-${topic}`, bootstrapBrokers: [url.replace('kafka://', '')] })
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 100 })
    const read: Message[] = []
    for await (const message of stream) if (read.push(message) === count) break
    await consumer.close(true)
    return read
  }
})
