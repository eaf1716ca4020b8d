import { expect, test } from 'vitest'
import { createManualClock } from '../../../test/manual-clock.ts'
import { createIds } from '../ids.ts'
import { createJobs } from '../jobs/index.ts'
import { silentLog } from '../log.ts'
import { eachSql } from '../sql/for-tests.ts'
import type { Sql } from '../sql/index.ts'
import { type BusEvent, createBus, type NewEvent } from './index.ts'

const DAY_MS = 86_400_000
const project = 'p'
const eventOf = (n: number, over: Partial<NewEvent> = {}): NewEvent => ({
  name: 'shop.sold',
  project,
  subject: `thing-${n}`,
  data: { n },
  ...over,
})

eachSql((_name, open) => {
  const clock = createManualClock()
  const ids = createIds(clock)

  /** What one process has; several may share the store on PostgreSQL, one after the other on SQLite. */
  function processOn(sql: Sql) {
    const jobs = createJobs({ sql, clock, ids, random: () => 0.5, log: silentLog, concurrency: 4 })
    const bus = createBus({ sql, jobs, clock, ids, log: silentLog })
    return {
      jobs,
      bus,
      publish: (...events: NewEvent[]) =>
        sql.transaction(async (tx) => void (await Promise.all(events.map((event) => bus.publish(tx, event))))),
      async start() {
        await bus.start()
        await jobs.start()
      },
      async stop() {
        await bus.stop()
        await jobs.stop()
      },
    }
  }

  test('each subscriber handles each event of its name, as it was published', async () => {
    const { bus, publish, start, stop } = processOn(await open())
    const seen: Record<string, BusEvent[]> = { stock: [], mail: [], other: [] }
    for (const name of ['stock', 'mail']) bus.on('shop.sold', name, async (event) => void seen[name]!.push(event))
    bus.on('shop.closed', 'other', async (event) => void seen.other!.push(event))
    await start()
    await publish(eventOf(1))
    await bus.settle()
    const expected = { ...eventOf(1), id: expect.stringMatching(/^event_/), atMs: clock.now(), position: 1 }
    expect(seen).toEqual({ stock: [expected], mail: [expected], other: [] })
    await stop()
  })

  test('an event of a transaction that is rolled back never was', async () => {
    const sql = await open()
    const { bus, start, stop } = processOn(sql)
    await start()
    const failed = sql.transaction(async (tx) => {
      await bus.publish(tx, eventOf(1))
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    await bus.settle()
    expect(await bus.recent({ project, limit: 10 })).toEqual([])
    await stop()
  })

  test('a handler that fails is called again for its own subscriber only', async () => {
    const { bus, publish, start, stop } = processOn(await open())
    const calls: string[] = []
    bus.on('shop.sold', 'shaky', async () => {
      calls.push('shaky')
      if (calls.filter((name) => name === 'shaky').length < 3) throw new Error('not yet')
    })
    bus.on('shop.sold', 'steady', async () => void calls.push('steady'))
    await start()
    await publish(eventOf(1))
    for (let i = 0; i < 4; i++) {
      await bus.settle()
      clock.advance(60_000)
    }
    await bus.settle()
    expect(calls.sort()).toEqual(['shaky', 'shaky', 'shaky', 'steady'])
    await stop()
  })

  test('a handler may publish in turn', async () => {
    const sql = await open()
    const { bus, publish, start, stop } = processOn(sql)
    const seen: number[] = []
    bus.on('shop.sold', 'chain', async ({ data }) => {
      const { n } = data as { n: number }
      seen.push(n)
      if (n < 3) await sql.transaction((tx) => bus.publish(tx, eventOf(n + 1)))
    })
    await start()
    await publish(eventOf(1))
    await bus.settle()
    expect(seen).toEqual([1, 2, 3])
    await stop()
  })

  test('watchers see every event in order and once, from their beginning to their end, and a failing one harms no other', async () => {
    const { bus, publish, start, stop } = processOn(await open())
    const all: number[] = []
    const own: string[] = []
    await start()
    await publish(eventOf(0))
    await bus.settle()
    bus.watch(() => {
      throw new Error('broken')
    })
    const end = bus.watch(({ position }) => all.push(position))
    bus.watch(({ subject }) => own.push(subject), { project: 'q' })
    await publish(...Array.from({ length: 30 }, (_, i) => eventOf(i)))
    await publish(eventOf(99, { project: 'q' }))
    await bus.settle()
    end()
    await publish(eventOf(100))
    await bus.settle()
    expect(all).toEqual(Array.from({ length: 31 }, (_, i) => i + 2))
    expect(own).toEqual(['thing-99'])
    await stop()
  })

  test('what a process published and did not live to hand on is handed on by the next', async () => {
    const sql = await open()
    const first = processOn(sql)
    await first.publish(eventOf(1), eventOf(2))
    const second = processOn(sql)
    const seen: string[] = []
    second.bus.on('shop.sold', 'stock', async ({ subject }) => void seen.push(subject))
    second.bus.watch(({ subject }) => seen.push(`watched ${subject}`))
    await second.start()
    await second.bus.settle()
    expect(seen.sort()).toEqual(['thing-1', 'thing-2', 'watched thing-1', 'watched thing-2'])
    await second.stop()
    const third = processOn(sql)
    third.bus.on('shop.sold', 'stock', async ({ subject }) => void seen.push(subject))
    await third.start()
    await third.bus.settle()
    expect(seen).toHaveLength(4)
    await third.stop()
  })

  test('recent gives the latest of a project, or goes on after a position', async () => {
    const { bus, publish, start, stop } = processOn(await open())
    await start()
    for (let n = 1; n <= 5; n++) await publish(eventOf(n))
    await publish(eventOf(6, { project: 'q' }))
    await bus.settle()
    const subjects = async (filter: { after?: number }) =>
      (await bus.recent({ project, limit: 2, ...filter })).map(({ subject }) => subject)
    expect(await subjects({})).toEqual(['thing-4', 'thing-5'])
    expect(await subjects({ after: 0 })).toEqual(['thing-1', 'thing-2'])
    expect(await subjects({ after: 4 })).toEqual(['thing-5'])
    expect(await subjects({ after: 5 })).toEqual([])
    await stop()
  })

  test('old events are removed, and positions go on', async () => {
    const { bus, publish, start, stop } = processOn(await open())
    await start()
    await publish(eventOf(1))
    await bus.settle()
    clock.advance(8 * DAY_MS)
    await publish(eventOf(2))
    await bus.settle()
    clock.advance(DAY_MS)
    await bus.settle()
    expect((await bus.recent({ project, limit: 10 })).map(({ subject, position }) => [subject, position])).toEqual([['thing-2', 2]])
    await stop()
  })

  test('an event that carries too much is refused', async () => {
    const { bus, publish } = processOn(await open())
    await expect(publish(eventOf(1, { data: 'x'.repeat(262_144) }))).rejects.toMatchObject({ code: 'too_large' })
    expect(bus.health()).toEqual({ status: 'ok', detail: expect.any(String) })
  })
})
