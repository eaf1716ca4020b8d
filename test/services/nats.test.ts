import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBus } from '../../src/infra/bus/index.ts'
import { sleep, systemClock } from '../../src/infra/clock.ts'
import { createIds } from '../../src/infra/ids.ts'
import { createJobs } from '../../src/infra/jobs/index.ts'
import { silentLog } from '../../src/infra/log.ts'
import { createSchema, dropSchemas } from '../../src/infra/sql/for-tests.ts'
import { createSql, type Sql } from '../../src/infra/sql/index.ts'
import { startNats } from './nats.ts'
import { type Server, startPostgres } from './postgres.ts'

const migrations = new URL('../../migrations/sql', import.meta.url).pathname
const nats = await startNats()
if ('skipped' in nats) process.stderr.write(`NATS suites are skipped: ${nats.skipped}\n`)

describe.skipIf('skipped' in nats)('NATS', () => {
  const server = nats as Server
  const sqls: Sql[] = []
  const buses: { stop(): Promise<void> }[] = []
  let postgres: Awaited<ReturnType<typeof startPostgres>>
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(async () => {
    for (const bus of buses) await bus.stop()
    for (const sql of sqls) await sql.close()
    if ('remove' in postgres) await postgres.remove()
    await server.remove()
  })

  async function processOn(where: { url?: string }) {
    const sql = await createSql({ ...where, migrations, log: silentLog })
    sqls.push(sql)
    const ids = createIds(systemClock)
    const jobs = createJobs({ sql, clock: systemClock, ids, random: Math.random, log: silentLog, concurrency: 4 })
    const bus = createBus({ sql, jobs, clock: systemClock, ids, log: silentLog, url: server.url })
    buses.push(bus)
    const publish = (n: number) =>
      sql.transaction((tx) => bus.publish(tx, { name: 'shop.sold', project: 'p.q', subject: String(n), data: n }))
    return { sql, bus, publish }
  }

  /** How many events the stream of the one installation of the server holds; undefined while there is none. */
  async function stored(installation: string): Promise<number | undefined> {
    const connection = await connect({ servers: server.url })
    try {
      const manager = await jetstreamManager(connection)
      return (await manager.streams.info(`SETPOINT_${installation}`)).state.messages
    } finally {
      await connection.close()
    }
  }

  async function installationOf(sql: Sql): Promise<string> {
    const row = await sql.db
      .withTables<{ bus_state: { installation: string } }>()
      .selectFrom('bus_state')
      .selectAll()
      .executeTakeFirstOrThrow()
    return row.installation
  }

  async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
    while (!(await isSo())) await sleep(systemClock, 20)
  }

  test('events wait in the outbox while the server is away, at start and in flight, and are stored once when it is there', async () => {
    await server.kill()
    const { sql, bus, publish } = await processOn({})
    const seen: number[] = []
    bus.watch(({ data }) => seen.push(data as number))
    await bus.start()
    await publish(1)
    await until(() => seen.length === 1)
    await until(() => bus.health().detail.includes('refused'))
    expect(bus.health()).toEqual({ status: 'degraded', detail: expect.stringContaining(server.url) })
    await server.start()
    await until(() => bus.health().status === 'ok')
    const installation = await installationOf(sql)
    await until(async () => (await stored(installation)) === 1)
    await server.kill()
    await until(() => bus.health().status === 'degraded')
    await publish(2)
    await publish(3)
    await until(() => seen.length === 3)
    await server.start()
    await until(() => bus.health().status === 'ok')
    await until(async () => (await stored(installation)) === 3)
    expect(seen).toEqual([1, 2, 3])
  })

  test('every process sees every event once and in order, across a pause of the server', async (context) => {
    if ('skipped' in postgres) return context.skip(postgres.skipped)
    const { url, schema } = await createSchema(postgres.url)
    const both = [await processOn({ url }), await processOn({ url })]
    const seen: number[][] = [[], []]
    for (const [i, { bus }] of both.entries()) {
      bus.watch(({ position }) => seen[i]!.push(position))
      await bus.start()
    }
    await until(() => both.every(({ bus }) => bus.health().status === 'ok'))
    const publishMany = (from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, i) => both[i % 2]!.publish(from + i)))
    await publishMany(0, 40)
    await until(() => seen.every((positions) => positions.length >= 40))
    await server.kill()
    await publishMany(40, 60)
    await server.start()
    await publishMany(60, 80)
    await until(() => seen.every((positions) => positions.length >= 80))
    const inOrder = Array.from({ length: 80 }, (_, i) => i + 1)
    expect(seen).toEqual([inOrder, inOrder])
    const installation = await installationOf(both[0]!.sql)
    await until(async () => (await stored(installation)) === 80)
    for (const { bus, sql } of both) {
      await bus.stop()
      await sql.close()
    }
    await dropSchemas(postgres.url, [schema])
  })
})
