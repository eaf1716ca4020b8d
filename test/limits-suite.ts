import { afterAll, describe, expect, test } from 'vitest'
import { createIds } from '../src/infra/ids.ts'
import { createLog, type Log, silentLog } from '../src/infra/log.ts'
import type { Sql } from '../src/infra/sql/index.ts'
import { encodeModel } from '../src/lib/onnx/write-model.ts'
import { createChallengers } from '../src/modules/serving/deployments/challengers.ts'
import { createExchange } from '../src/modules/serving/deployments/exchange.ts'
import { createLimits } from '../src/modules/serving/deployments/limits.ts'
import type { Live } from '../src/modules/serving/deployments/live.ts'
import { createBuckets } from '../src/modules/serving/deployments/token-bucket.ts'
import { openOnnx } from '../src/modules/serving/runtimes/onnx-runtime.ts'
import { createManualClock } from './manual-clock.ts'

const STEP_MS = 10
const INTERVAL_S = 0.5
const LIMIT = 20
const KEY = 'p/d/all/'

type Process = ReturnType<typeof processOn>

/** One process on a clock of its own: clocks of machines do not agree, and that of a dead one stands still. */
function processOn(sql: Sql, number: number, log = silentLog) {
  const clock = createManualClock(1_750_000_000_000 + number * 60_000)
  const limits = createLimits({ sql, clock, ids: createIds(clock), shared: true, node: `n${number}` })
  const challengers = createChallengers({ clock, log })
  const parts = [...limits.parts, { name: 'challengers', run: () => challengers.exchange(sql) }]
  const exchange = createExchange({ clock, log, parts })
  let owed = 0
  let admitted = 0
  return {
    sql,
    clock,
    challengers,
    exchange,
    /** Asks as often as falls due in `ms`; `ask` answers whether it was let in. */
    async run(ms: number, perSecond: number, ask: () => boolean) {
      clock.advance(ms)
      await exchange.idle()
      for (owed += (perSecond * ms) / 1_000; owed >= 1; owed--) if (ask()) admitted += 1
    },
    takeToken: (key = KEY, perSecond = LIMIT) => limits.buckets.take(key, perSecond, 1) === 0,
    takeQuota(requests: number, caller = 'me') {
      try {
        limits.quotas.take({ project: 'p', name: 'd' }, caller, { requests, per: 'hour' })
        return true
      } catch {
        return false
      }
    },
    /** How many were let in since it was last asked. */
    admitted() {
      const before = admitted
      admitted = 0
      return before
    },
  }
}

/** Asks every process at its own rate for `seconds`; answers how many all of them let in. */
async function load(processes: readonly Process[], perSecond: readonly number[], seconds: number, ask = (one: Process) => one.takeToken()) {
  for (let ms = 0; ms < seconds * 1_000; ms += STEP_MS)
    await Promise.all(processes.map((one, i) => one.run(STEP_MS, perSecond[i]!, () => ask(one))))
  return processes.reduce((sum, one) => sum + one.admitted(), 0)
}

/** Looks the row’s first value up in a table of one score; fails for any number but 0. */
const fragile = encodeModel({
  producer: { name: 'test', version: '1' },
  opsets: [{ domain: '', version: 13 }],
  graphName: 'fragile',
  inputs: [{ name: 'features', shape: ['rows', 1] }],
  outputs: [{ name: 'score', shape: ['rows', 1] }],
  initializers: [{ name: 'table', shape: [1], values: Float32Array.of(0.5) }],
  nodes: [
    { operator: 'Cast', inputs: ['features'], outputs: ['index'], attributes: { to: { kind: 'integer', value: 7 } } },
    { operator: 'Gather', inputs: ['table', 'index'], outputs: ['score'] },
  ],
})

/** Declares what limits promise to several processes; `open` answers so many connections to one empty store. */
export function limitsSuite(where: string, open: (connections: number) => Promise<readonly Sql[]>) {
  const running: Process[] = []
  afterAll(() => Promise.all(running.map(({ exchange }) => exchange.stop())))

  /** Processes that serve from one store and have heard of each other. */
  async function start(count: number, log?: Log): Promise<{ processes: Process[]; stores: readonly Sql[] }> {
    const stores = await open(count)
    const processes = stores.map((sql, i) => processOn(sql, i, log))
    running.push(...processes)
    for (const { exchange } of processes) {
      exchange.start()
      await exchange.idle()
    }
    await load(
      processes,
      processes.map(() => 0),
      1,
    )
    return { processes, stores }
  }

  describe(`limits of several processes ${where}`, () => {
    test.each([
      ['two, evenly', [30, 30]],
      ['two, unevenly', [55, 5]],
      ['two, one far below the limit', [40, 1]],
      ['three, evenly', [20, 20, 20]],
      ['three, unevenly', [50, 8, 2]],
    ])('hold for steady demand: %s', async (_, demand) => {
      const { processes } = await start(demand.length)
      const over = (await load(processes, demand, 20)) - LIMIT * 20
      expect(Math.abs(over)).toBeLessThanOrEqual(LIMIT * INTERVAL_S * demand.length)
    })

    test('do not drift with time, nor where a process is asked less than once in an interval', async () => {
      const { processes } = await start(4)
      const one = (process: Process) => process.takeToken(KEY, 1)
      const admitted = await load(processes, [0.9, 0.7, 0.5, 0.3], 200, one)
      // A token each may hold goes beyond the limit; a bucket of one token that is full loses what comes until it is asked.
      expect(admitted).toBeLessThanOrEqual(200 + 4)
      expect(admitted).toBeGreaterThan(200 * 0.75)
    })

    test('refuse nothing while all together stay below', async () => {
      const { processes } = await start(3)
      expect(await load(processes, [15, 2, 1], 20)).toBeGreaterThanOrEqual(18 * 20 - 3)
    })

    test('follow a burst from one process to another and back', async () => {
      const { processes } = await start(2)
      let admitted = await load(processes, [60, 0], 7)
      admitted += await load(processes, [0, 60], 7)
      admitted += await load(processes, [60, 0], 6)
      // Two sudden shifts, and the start.
      expect(Math.abs(admitted - LIMIT * 20)).toBeLessThanOrEqual(LIMIT * INTERVAL_S * 3)
    })

    test('take in a process that comes later', async () => {
      const { processes, stores } = await start(2)
      await load(processes, [30, 30], 4)
      const third = processOn(stores[0]!, 7)
      running.push(third)
      third.exchange.start()
      await third.exchange.idle()
      const over = (await load([...processes, third], [30, 30, 30], 20)) - LIMIT * 20
      expect(Math.abs(over)).toBeLessThanOrEqual(LIMIT * INTERVAL_S * 3)
    })

    test('go to those that live within two seconds of a death, and at once after a stop', async () => {
      const { processes } = await start(3)
      await load(processes, [30, 30, 30], 4)
      const [first, , leaving] = processes as [Process, Process, Process]
      await load([first, leaving], [30, 30], 2)
      const without = await load([first, leaving], [30, 30], 4)
      expect(Math.abs(without - LIMIT * 4)).toBeLessThanOrEqual(2)
      await leaving.exchange.stop()
      await load([first], [30], INTERVAL_S)
      expect(Math.abs((await load([first], [30], 4)) - LIMIT * 4)).toBeLessThanOrEqual(2)
    })

    test('are divided key by key', async () => {
      const { processes } = await start(2)
      const keys = ['p/d/key/a', 'p/d/key/b']
      const byKey = (turn: number) => load(processes, [turn === 0 ? 60 : 5, 60], 0.5, (one) => one.takeToken(keys[turn]))
      const admitted = [0, 0]
      for (let i = 0; i < 40; i++) admitted[i % 2]! += await byKey(i % 2)
      // Each key is asked for half of the time.
      for (const one of admitted) expect(one).toBeGreaterThan(LIMIT * 10)
      for (const one of admitted) expect(one).toBeLessThanOrEqual(LIMIT * 20 + LIMIT * INTERVAL_S * 2)
    })

    test('cost a process by itself nothing: it writes that it is there, and admits as ever', async () => {
      const { processes, stores } = await start(1)
      const alone = createBuckets(processes[0]!.clock)
      let without = 0
      const both = (one: Process) => {
        if (alone.take(KEY, LIMIT, 1) === 0) without += 1
        return one.takeToken()
      }
      expect(await load(processes, [60], 20, both)).toBe(without)
      const rows = await stores[0]!.db
        .withTables<{ serving_demand: { node: string; body: string; at: number } }>()
        .selectFrom('serving_demand')
        .selectAll()
        .execute()
      expect(rows).toMatchObject([{ body: '{}', at: processes[0]!.clock.now() - 21_000 }])
    })

    test('go on with the last shares while the store is away, and say so once', async () => {
      const said: string[] = []
      const log = createLog('warn', (line) => said.push((JSON.parse(line) as { message: string }).message))
      const { processes, stores } = await start(2, log)
      await load(processes, [30, 10], 4)
      await Promise.all(stores.map((sql) => sql.close()))
      const over = (await load(processes, [30, 10], 20)) - LIMIT * 20
      expect(Math.abs(over)).toBeLessThanOrEqual(LIMIT * INTERVAL_S * 2)
      expect(said).toEqual(['serving.exchange_failed', 'serving.exchange_failed'])
      // What was idle gets its equal part.
      expect(await load(processes, [0, 60], 4, (one) => one.takeToken('p/d/key/new'))).toBeGreaterThanOrEqual((LIMIT / 2) * 4)
    })
  })

  quotaSuite(where, start, running)
  healthSuite(where, start)
}

type Start = (count: number) => Promise<{ processes: Process[]; stores: readonly Sql[] }>

function quotaSuite(where: string, start: Start, running: Process[]) {
  const QUOTA = 100
  const ask = (one: Process) => one.takeQuota(QUOTA)
  describe(`quotas of several processes ${where}`, () => {
    test('hold over all of them, but for one interval’s requests', async () => {
      const { processes } = await start(3)
      const admitted = await load(processes, [20, 10, 5], 10, ask)
      expect(admitted).toBeGreaterThanOrEqual(QUOTA)
      expect(admitted).toBeLessThanOrEqual(QUOTA + 35 * INTERVAL_S * 2)
      expect(await load(processes, [20, 10, 5], 5, ask)).toBe(0)
    })

    test('are known after a restart, and begin anew with the period', async () => {
      const { processes, stores } = await start(1)
      expect(await load(processes, [50], 5, ask)).toBe(QUOTA)
      await processes[0]!.exchange.stop()
      const again = processOn(stores[0]!, 0)
      running.push(again)
      again.exchange.start()
      await again.exchange.idle()
      expect(await load([again], [50], 5, ask)).toBeLessThanOrEqual(50 * INTERVAL_S)
      again.clock.advance(3_600_000)
      expect(await load([again], [50], 5, ask)).toBe(QUOTA)
    })

    test('of periods that are over are forgotten', async () => {
      const { processes, stores } = await start(1)
      const periods = () =>
        stores[0]!.db
          .withTables<{ serving_quotas: { period: string } }>()
          .selectFrom('serving_quotas')
          .select('period')
          .distinct()
          .execute()
      for (let hour = 0; hour < 5; hour++) {
        await load(processes, [10], 1, ask)
        processes[0]!.clock.advance(3_600_000)
        await processes[0]!.exchange.idle()
      }
      expect(await periods()).toHaveLength(2)
    })
  })
}

function healthSuite(where: string, start: Start) {
  test(`a challenger’s health is that of all processes ${where}`, async () => {
    const { processes } = await start(3)
    const [first, second, third] = processes as [Process, Process, Process]
    const model = await openOnnx(fragile, 1)
    const live = { project: 'p', name: 'd', salt: 'rollout_1', challenger: { version: 2, features: ['a'], model } } as unknown as Live
    const good = new Float32Array(60)
    const bad = new Float32Array(40).fill(9)
    expect(await first.challengers.scores(live, good, 60)).toHaveLength(60)
    expect(await second.challengers.scores(live, bad, 40)).toBeNull()
    const health = ({ challengers, sql }: Process) => challengers.health(sql, 'p', 'd', 'rollout_1')
    expect(await health(second)).toEqual({ rows: 40, failures: 40 })
    await load(processes, [0, 0, 0], 1)
    expect(await Promise.all(processes.map(health))).toEqual(Array(3).fill({ rows: 100, failures: 40 }))
    await third.challengers.scores(live, good, 60)
    expect(await health(third)).toEqual({ rows: 160, failures: 40 })
    expect(await third.challengers.health(third.sql, 'p', 'd', 'rollout_2')).toEqual({ rows: 0, failures: 0 })
    await model.release()
  })
}
