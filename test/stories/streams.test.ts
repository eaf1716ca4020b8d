import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { documents } from '../../src/contract/documents.ts'
import { labels } from '../../src/contract/labels.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { type Stream, streams } from '../../src/contract/streams.ts'
import { telemetry } from '../../src/contract/telemetry.ts'
import { deployModel, deployment, openWorld, rowsOf, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
})
afterAll(() => world.close())

type Event = Record<string, unknown>
type Scored = {
  id: string
  event: string
  score: number
  prediction: number
  modelVersion: number
  late: boolean
  derived: Record<string, number>
}
type Letter = { reason: string; event: string; from: { position: number } }

const document = (name: string, spec: object = {}) => ({
  apiVersion: 'setpoint/v1',
  kind: 'Stream',
  metadata: { name },
  spec: {
    deployment: 'churn',
    source: { kind: 'embedded', subject: `${name}-in`, group: 'scorers', from: 'all' },
    sink: { kind: 'embedded', subject: `${name}-out` },
    deadLetters: { kind: 'embedded', subject: `${name}-dead` },
    delivery: 'at-least-once',
    event: { id: '$.id', time: '$.at', actor: '$.user', features: { b: '$.extra.b' } },
    ...spec,
  },
})
async function declare(...given: object[]): Promise<void> {
  await world.admin.call(documents.apply, { documents: given })
  await world.infra.bus.settle()
}
async function publish(name: string, events: readonly Event[]): Promise<void> {
  for (let from = 0; from < events.length; from += 1_000)
    await world.admin.call(streams.publishEvents, {
      subject: `${name}-in`,
      events: events.slice(from, from + 1_000).map((data) => ({ data })),
    })
  await world.app.streams.settle()
}
async function read<T>(subject: string): Promise<T[]> {
  const all: T[] = []
  for (let after = 0; ; ) {
    const { events } = await world.admin.call(streams.readEvents, { subject, after, limit: 1_000 })
    if (events.length === 0) return all
    all.push(...events.map(({ data }) => data as T))
    after = events.at(-1)!.position
  }
}
const status = (stream: string): Promise<Stream> => world.admin.call(streams.getStream, { stream })
const eventOf = (id: string, a: unknown, over: Event = {}): Event => ({
  id,
  at: world.clock.now(),
  user: 'u1',
  a,
  extra: { b: 0 },
  ...over,
})

test('events that are put in come out scored, in order, are recorded like any prediction, and join with their labels', async () => {
  await declare(document('pay'))
  const rows = rowsOf(world.random, 3_000)
  await publish(
    'pay',
    rows.map(({ a, b }, i) => eventOf(`pay-${i}`, a, { extra: { b } })),
  )
  const out = await read<Scored>('pay-out')
  expect(out.map(({ event }) => event)).toEqual(rows.map((_, i) => `pay-${i}`))
  expect(out.map(({ prediction }) => prediction)).toEqual(rows.map(({ a }) => (Math.fround(a) > 0.5 ? 1 : 0)))
  expect(new Set(out.map(({ id }) => id)).size).toBe(3_000)
  expect(out[0]!.id).toMatch(/^pay-0@[0-9a-f]{12}$/)
  expect(await status('pay')).toMatchObject({
    state: 'running',
    problem: null,
    lag: 0,
    inFlight: 0,
    counts: { read: 3_000, published: 3_000, repeated: 0, dead: 0, late: 0, missed: 0 },
    partitions: [{ partition: 'main', position: 3_000 }],
  })
  await world.settle()
  world.clock.advance(1_000)
  await world.admin.call(labels.recordLabels, {
    deployment: 'churn',
    labels: rows.slice(0, 500).map(({ label }, i) => ({ recordId: `pay-${i}`, label, source: 'desk' })),
  })
  await world.settle()
  const quality = await world.admin.call(labels.measureQuality, { deployment: 'churn', windowMs: 3_600_000 })
  expect(quality.labelled).toBe(500)
  const traffic = await world.admin.call(telemetry.summarizeTraffic, { deployment: 'churn', windowMs: 3_600_000 })
  expect(traffic.deployments[0]!.requests).toBe(3_000)
})

test('an event that cannot be scored goes to the dead letters with its reason and place, and the others go on', async () => {
  await declare(document('odd'))
  const far = world.clock.now() + 7_200_000
  await publish('odd', [
    eventOf('ok-1', 0.9),
    'a text',
    [1],
    eventOf('', 0.9),
    { ...eventOf('no-time', 0.9), at: 'yesterday' },
    { ...eventOf('far', 0.9), at: far },
    eventOf('text', 'high'),
    { id: 'missing', at: world.clock.now(), extra: { b: 1 } },
    eventOf('ok-2', null, { extra: { b: null } }),
    eventOf('ok-3', 0.1),
  ] as Event[])
  expect((await read<Scored>('odd-out')).map(({ event }) => event)).toEqual(['ok-1', 'ok-2', 'ok-3'])
  const letters = await read<Letter>('odd-dead')
  expect(letters.map(({ from, reason }) => [from.position, reason])).toEqual([
    [2, 'it must be a JSON object'],
    [3, 'it must be a JSON object'],
    [4, 'its id must be a text of 1 to 128 letters, or a number; "" was found at $.id'],
    [5, 'its time must be milliseconds or ISO 8601; "yesterday" was found at $.at'],
    [6, 'its time lies 7200000 ms in the future; the stream allows 3600000'],
    [7, 'feature a must be a number or null; "high" was found'],
    [8, 'feature a is missing; send null for a value that is not known'],
  ])
  expect(letters[0]!.event).toBe('"a text"')
  expect((await status('odd')).counts).toMatchObject({ read: 10, published: 3, dead: 7 })
})

test('dead letters are shown, and then put back once', async () => {
  await declare(document('back'), deployment('strict', 'churn', { features: { a: { max: 1 } } }))
  await declare(document('back', { deployment: 'strict' }))
  await world.settle()
  await publish('back', [eventOf('high', 5), eventOf('fine', 0.7), eventOf('higher', 6)])
  const shown = await world.admin.call(streams.replayDeadLetters, { stream: 'back', dryRun: true })
  expect(shown).toMatchObject({ replayed: 0, dryRun: true, unreadable: 0 })
  expect(shown.letters.map(({ reason }) => reason)).toEqual([
    'feature a of row 0 must lie between -Infinity and 1; 5 was sent',
    'feature a of row 0 must lie between -Infinity and 1; 6 was sent',
  ])
  await declare(deployment('strict', 'churn', { features: { a: { max: 5 } } }))
  await world.settle()
  expect(await world.admin.call(streams.replayDeadLetters, { stream: 'back', reason: 'the bound was wrong' })).toMatchObject({
    replayed: 2,
  })
  await world.app.streams.settle()
  expect((await read<Scored>('back-out')).map(({ event }) => event)).toEqual(['fine', 'high'])
  const again = await world.admin.call(streams.replayDeadLetters, { stream: 'back', dryRun: true })
  expect(again.letters.map(({ event }) => (JSON.parse(event) as Event).id)).toEqual(['higher'])
  const entries = await world.admin.call(ledger.listEntries, { subject: 'stream_dead_letters/default/back', limit: 10 })
  expect(entries.map(({ reason }) => reason)).toEqual(['the bound was wrong'])
})

test('a paused stream leaves its events where they are, and goes on after them', async () => {
  await declare(document('rest'))
  await publish('rest', [eventOf('r-1', 1)])
  const paused = await world.admin.call(streams.pauseStream, { stream: 'rest', reason: 'the sink moves' })
  expect(paused).toMatchObject({ state: 'paused', pausedBy: expect.stringContaining('the sink moves') })
  await publish('rest', [eventOf('r-2', 1)])
  expect(await read('rest-out')).toHaveLength(1)
  await world.admin.call(streams.resumeStream, { stream: 'rest', reason: 'it has moved' })
  await world.app.streams.settle()
  expect((await read<Scored>('rest-out')).map(({ event }) => event)).toEqual(['r-1', 'r-2'])
  expect((await world.admin.call(ledger.verify, {})).broken).toBeNull()
})

test('windows over event time, stored last values and joined tables become features', async () => {
  const { digest } = await world.admin.call(registry.uploadArtifact, { body: 'shop,risk\ns1,0.75\ns2,\n' as never })
  await declare(
    document('win', {
      event: { id: 'id', time: 'at' },
      windows: [{ name: 'a', kind: 'sliding', sizeMs: 10_000, panes: 10, key: 'card', aggregate: 'sum', of: 'amount' }],
      enrich: [
        { kind: 'table', name: 'shops', digest, key: 'shop', on: 'shop', features: { b: 'risk' } },
        { kind: 'last', name: 'before', key: 'card', of: 'amount' },
      ],
      late: { allowedMs: 2_000, policy: 'dead-letter' },
    }),
  )
  const t = world.clock.now() - 60_000
  const paid = (id: string, afterMs: number, card: string, amount: number | null, shop = 's1') => ({
    id,
    at: t + afterMs,
    card,
    amount,
    shop,
  })
  await publish('win', [
    paid('1', 0, 'x', 0.2),
    paid('2', 1_000, 'x', 0.2),
    paid('3', 1_000, 'y', 0.1, 's2'),
    paid('4', 2_000, 'x', 0.2, 'unknown'),
    paid('5', 500, 'x', 0.5),
    paid('6', 10_500, 'x', null),
    paid('7', 7_000, 'x', 9),
  ])
  const out = await read<Scored>('win-out')
  const round = (value: number | null) => (value === null ? null : Math.round(value * 100) / 100)
  expect(out.map(({ event, derived }) => [event, round(derived.a!), derived.b, derived.before])).toEqual([
    ['1', 0.2, 0.75, null],
    ['2', 0.4, 0.75, 0.2],
    ['3', 0.1, null, null],
    ['4', 0.6, null, 0.2],
    ['5', 0.7, 0.75, 0.2],
    ['6', 0.4, 0.75, 0.5],
  ])
  expect(out.map(({ prediction }) => prediction)).toEqual([0, 0, 0, 1, 1, 0])
  expect((await read<Letter>('win-dead')).map(({ reason }) => reason)).toEqual(['late: its time is 1500 ms before the watermark'])
  expect(await status('win')).toMatchObject({ watermark: t + 8_500, counts: { late: 1, dead: 1 } })
  // The state comes back with the checkpoint.
  await world.admin.call(streams.pauseStream, { stream: 'win', reason: 'a restart' })
  await world.admin.call(streams.resumeStream, { stream: 'win', reason: 'a restart' })
  await publish('win', [paid('8', 10_900, 'x', 0.1)])
  const last = (await read<Scored>('win-out')).at(-1)!
  expect([last.event, round(last.derived.a!), last.derived.before]).toEqual(['8', 0.5, 0.5])
})

test('late events are dropped and counted, or scored and left out of the windows, as the stream says', async () => {
  const windows = [{ name: 'a', kind: 'tumbling', sizeMs: 60_000, key: 'card', aggregate: 'count' }]
  const event = { id: 'id', time: 'at', features: { b: 'b' } }
  await declare(
    document('drop', { event, windows, late: { allowedMs: 0, policy: 'drop' } }),
    document('keep', { event, windows, late: { allowedMs: 0, policy: 'score' } }),
  )
  const t = Math.floor(world.clock.now() / 60_000) * 60_000
  const events = [0, 5_000, 1_000, 6_000].map((afterMs, i) => ({ id: `l-${i}`, at: t - 60_000 + afterMs, card: 'c', b: 0 }))
  await publish('drop', events)
  await publish('keep', events)
  expect((await read<Scored>('drop-out')).map(({ event, derived }) => [event, derived.a])).toEqual([
    ['l-0', 1],
    ['l-1', 2],
    ['l-3', 3],
  ])
  expect((await read<Scored>('keep-out')).map(({ event, late, derived }) => [event, late, derived.a])).toEqual([
    ['l-0', false, 1],
    ['l-1', false, 2],
    ['l-2', true, 2],
    ['l-3', false, 3],
  ])
  expect((await status('drop')).counts).toMatchObject({ late: 1, dropped: 1, dead: 0, published: 3 })
})

test('the limits of the deployment make a stream wait, and lose nothing', async () => {
  await declare(
    deployment('narrow', 'churn', { limits: { requestsPerSecond: 10 } }),
    document('slow', { deployment: 'narrow', maxInFlight: 20 }),
  )
  await world.settle()
  await publish(
    'slow',
    Array.from({ length: 35 }, (_, i) => eventOf(`s-${i}`, 1)),
  )
  expect(await status('slow')).toMatchObject({ state: 'waiting', problem: expect.stringContaining('over 10 requests a second') })
  expect(await world.admin.call(streams.listStreams, {})).toContainEqual(expect.objectContaining({ name: 'slow', inFlight: 20, lag: 15 }))
  for (let i = 0; i < 60; i++) {
    world.clock.advance(100)
    await world.app.streams.settle()
  }
  expect((await read<Scored>('slow-out')).map(({ event }) => event)).toEqual(Array.from({ length: 35 }, (_, i) => `s-${i}`))
  expect((await status('slow')).counts).toMatchObject({ read: 35, published: 35, dead: 0 })
})

test('a sink that cannot be reached holds the stream up; what waited comes out once it can be', async () => {
  const place = { kind: 'kafka', topic: 't', urlFrom: 'NOWHERE_URL' }
  await declare(document('stuck', { sink: place, maxInFlight: 10 }))
  await publish(
    'stuck',
    Array.from({ length: 30 }, (_, i) => eventOf(`w-${i}`, 1)),
  )
  expect(await status('stuck')).toMatchObject({
    state: 'waiting',
    inFlight: 10,
    problem: expect.stringContaining('NOWHERE_URL'),
    counts: { read: 0 },
  })
  await declare(document('stuck'))
  await world.app.streams.settle()
  expect((await read<Scored>('stuck-out')).map(({ event }) => event)).toEqual(Array.from({ length: 30 }, (_, i) => `w-${i}`))
  expect((await status('stuck')).counts).toMatchObject({ read: 30, published: 30, repeated: 0 })
})

test('a reader over HTTP keeps its place by a group, and can wait for the next event', async () => {
  const { events } = await world.admin.call(streams.readEvents, { subject: 'pay-out', group: 'crm', limit: 10 })
  expect(events.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  await world.admin.call(streams.acknowledgeEvents, { subject: 'pay-out', group: 'crm', position: 10 })
  expect((await world.admin.call(streams.readEvents, { subject: 'pay-out', group: 'crm', limit: 1 })).events[0]!.position).toBe(11)
  const { last } = await world.admin.call(streams.readEvents, { subject: 'pay-out', limit: 1 })
  const waiting = world.admin.call(streams.readEvents, { subject: 'pay-out', after: last, waitMs: 30_000 })
  await publish('pay', [eventOf('pay-next', 1)])
  expect((await waiting).events.map(({ data }) => (data as Scored).event)).toEqual(['pay-next'])
  await expect(world.admin.call(streams.acknowledgeEvents, { subject: 'pay-out', group: 'crm', position: 1e6 })).rejects.toMatchObject({
    code: 'invalid',
  })
})

test('only the source of a stream takes events, and no project sees another’s', async () => {
  const put = (subject: string, client = world.admin) => client.call(streams.publishEvents, { subject, events: [{ data: {} }] })
  await expect(put('pay-out')).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringMatching(/no Stream of project default reads/),
  })
  await world.admin.call(access.createProject, { name: 'other' })
  const other = await world.as('admin', 'other')
  await expect(put('pay-in', other)).rejects.toMatchObject({ code: 'not_found' })
  await expect(world.admin.call(streams.readEvents, { subject: 'nobodys' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(other.call(streams.readEvents, { subject: 'pay-out' })).rejects.toMatchObject({ code: 'not_found' })
  expect(await other.call(streams.listStreams, {})).toEqual([])
})

test.each([
  ['its own output', { sink: { kind: 'embedded', subject: 'bad-in' } }, /sink: it is the source/],
  ['its own dead letters', { deadLetters: { kind: 'embedded', subject: 'bad-in' } }, /deadLetters: it is the source/],
  ['a deployment that is not there', { deployment: 'none' }, /there is no Deployment none/],
  ['no delivery', { delivery: undefined }, /delivery/],
  ['a subject of the server', { source: { kind: 'nats', subject: 'setpoint.x', group: 'g' } }, /the server’s own/],
  ['its settings', { source: { kind: 'kafka', topic: 't', group: 'g', urlFrom: 'SETPOINT_SQL_URL' } }, /not one of the server’s own/],
  ['a sum of nothing', { windows: [{ name: 'a', kind: 'tumbling', sizeMs: 1, key: 'k', aggregate: 'sum' }] }, /sum needs the number/],
  ['no path', { event: { id: '$..id' } }, /write a path/],
])('a stream that would read or use %s is refused', async (_name, spec, message) => {
  await expect(declare(document('bad', spec))).rejects.toMatchObject({ code: 'invalid', message })
})

test('a source that cannot be reached is said in the status', async () => {
  await declare(document('away', { source: { kind: 'kafka', topic: 't', group: 'g', urlFrom: 'NOWHERE_URL' } }))
  await world.app.streams.settle()
  expect(await status('away')).toMatchObject({
    state: 'waiting',
    problem: 'the environment variable NOWHERE_URL is not set where the server runs',
  })
  await world.admin.call(documents.delete, { kind: 'Stream', name: 'away', reason: 'it was a try' })
})
