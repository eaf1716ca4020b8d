import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { streams } from '../../src/contract/streams.ts'
import { systemClock } from '../../src/infra/clock.ts'
import { openNatsSink, openNatsSource } from '../../src/infra/streams/nats.ts'
import type { OpenSource, StreamEvent, StreamSource } from '../../src/infra/streams/port.ts'
import { deployModel, openWorld, type World } from '../world.ts'
import { startNats } from './nats.ts'
import type { Server } from './postgres.ts'
import { declare, eventAt, statusOf, streamDocument, until } from './streams-suite.ts'

const nats = await startNats()
if ('skipped' in nats) process.stderr.write(`NATS suites are skipped: ${nats.skipped}\n`)

describe.skipIf('skipped' in nats)('streams on NATS JetStream', () => {
  const server = nats as Server
  let connection: NatsConnection
  let manager: JetStreamManager
  let world: World
  beforeAll(async () => {
    connection = await connect({ servers: server.url })
    manager = await jetstreamManager(connection)
    world = await openWorld({ SETPOINT_BUS_URL: server.url })
    await deployModel(world)
  })
  afterAll(async () => {
    await world.close()
    await connection.close()
    await server.remove()
  })

  const how = (over: Partial<OpenSource> = {}): OpenSource => ({
    group: 'g',
    from: 'all',
    maxInFlight: 50,
    resumeAfter: async () => undefined,
    onStart: async () => {},
    onLost: () => {},
    ...over,
  })
  const outgoing = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => ({ id: `m${from + i}`, key: '', bytes: Buffer.from(String(from + i)) }))
  const numbers = (events: readonly StreamEvent[]) => events.map(({ bytes }) => Number(Buffer.from(bytes).toString()))
  async function take(source: StreamSource, count: number): Promise<StreamEvent[]> {
    const all: StreamEvent[] = []
    while (all.length < count) all.push(...(await source.pull(count - all.length, 0, AbortSignal.timeout(10_000))))
    return all
  }

  test('a group goes on after the place its reader kept, in order, whatever was under way', async () => {
    const where = { url: server.url, subject: 'port.order' }
    const sink = await openNatsSink(where, systemClock)
    expect(await sink.publish(outgoing(0, 100))).toEqual({ duplicates: 0 })
    expect(await sink.publish(outgoing(90, 110))).toEqual({ duplicates: 10 })
    const first = await openNatsSource(where, systemClock, how())
    const read = await take(first, 40)
    expect(numbers(read)).toEqual(Array.from({ length: 40 }, (_, i) => i))
    await first.ack('0', read[19]!.position)
    await first.close()
    const second = await openNatsSource(where, systemClock, how({ resumeAfter: async () => read[19]!.position }))
    expect(numbers(await take(second, 50))).toEqual(Array.from({ length: 50 }, (_, i) => 20 + i))
    await second.close()
    await sink.close()
  })

  test('no more than the limit are given out before they are acknowledged', async () => {
    const where = { url: server.url, subject: 'port.limit' }
    const sink = await openNatsSink(where, systemClock)
    await sink.publish(outgoing(0, 100))
    const source = await openNatsSource(where, systemClock, how({ maxInFlight: 30 }))
    const read = await take(source, 30)
    expect(await source.pull(10, 0, AbortSignal.timeout(500))).toEqual([])
    expect(await source.lag()).toBe(70)
    await source.ack('0', read[9]!.position)
    expect(numbers(await take(source, 10))).toEqual(Array.from({ length: 10 }, (_, i) => 30 + i))
    await source.close()
    await sink.close()
  })

  test('events come out scored, once for each message id, and what is odd goes to the dead letters', async () => {
    const client = jetstream(connection)
    await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'] })
    await manager.streams.add({ name: 'SCORES', subjects: ['scores.*'] })
    await declare(
      world,
      streamDocument('orders', {
        source: { kind: 'nats', subject: 'orders.new', group: 'scorers', from: 'all' },
        sink: { kind: 'nats', subject: 'scores.orders' },
        deadLetters: { kind: 'nats', subject: 'scores.dead' },
        windows: [{ name: 'b', kind: 'tumbling', sizeMs: 86_400_000, key: 'id', aggregate: 'count' }],
        maxInFlight: 500,
      }),
    )
    const count = 2_000
    for (let from = 0; from < count; from += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, i) => client.publish('orders.new', eventAt(world, `o-${from + i}`, (from + i) % 2))),
      )
    await client.publish('orders.new', Buffer.from('{"id":'))
    await until('2,001 events read', async () => {
      await world.app.streams.settle()
      return (await statusOf(world, 'orders')).counts.read === count + 1
    })
    expect((await statusOf(world, 'orders')).counts).toMatchObject({ published: count, repeated: 0, dead: 1 })
    const scores = await manager.streams.info('SCORES', { subjects_filter: 'scores.*' })
    expect(scores.state.subjects).toEqual({ 'scores.orders': count, 'scores.dead': 1 })
    const last = await manager.streams.getMessage('SCORES', { last_by_subj: 'scores.orders' })
    expect(last!.json()).toMatchObject({ event: `o-${count - 1}`, prediction: 1, derived: { b: 1 } })
    expect((await manager.streams.getMessage('SCORES', { last_by_subj: 'scores.dead' }))!.json()).toMatchObject({ reason: 'it is no JSON' })
    // Dead letters are replayed over the broker too.
    const shown = await world.admin.call(streams.replayDeadLetters, { stream: 'orders', dryRun: true })
    expect(shown.letters.map(({ event }) => event)).toEqual(['{"id":'])
    expect(await world.admin.call(streams.replayDeadLetters, { stream: 'orders' })).toMatchObject({ replayed: 1 })
    await until('the event back among the dead letters', async () => {
      await world.app.streams.settle()
      return (await statusOf(world, 'orders')).counts.dead === 2
    })
    const again = await world.admin.call(streams.replayDeadLetters, { stream: 'orders', dryRun: true })
    expect(again.letters.map(({ event, position }) => [event, position > shown.letters[0]!.position])).toEqual([['{"id":', true]])
  })

  test('a broker that goes away holds the stream up, and loses nothing', async () => {
    const client = jetstream(connection)
    const stored = async () =>
      (await manager.streams.info('SCORES', { subjects_filter: 'scores.orders' })).state.subjects?.['scores.orders']
    const before = (await stored())!
    await server.kill()
    await server.start()
    await until('NATS again', () =>
      client.publish('orders.new', eventAt(world, 'late-0'), { msgID: 'late-0' }).then(
        () => true,
        () => false,
      ),
    )
    for (let i = 1; i < 50; i++) await client.publish('orders.new', eventAt(world, `late-${i}`))
    // What the stream sent before it heard that the broker was gone may have been stored: sent again, it counts as repeated.
    await until('50 more scores', async () => {
      world.clock.advance(200)
      return (await stored()) === before + 50
    })
    await until('every one of them in the counts', async () => {
      world.clock.advance(200)
      const { published, repeated } = (await statusOf(world, 'orders')).counts
      return published + repeated >= before + 50
    })
    expect(await stored()).toBe(before + 50)
  })
})
