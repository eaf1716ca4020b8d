import { sql as raw } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { silentLog } from '../../src/infra/log.ts'
import { createSchema, dropSchemas } from '../../src/infra/sql/for-tests.ts'
import { createSql, type Sql } from '../../src/infra/sql/index.ts'
import { freePort, type Server, startPostgres } from './postgres.ts'

const provided = inject('postgres')
const server = provided && 'url' in provided ? provided.url : undefined
const migrations = new URL('../../migrations/sql', import.meta.url).pathname

describe.skipIf(!server)('PostgreSQL', () => {
  let url = ''
  let schema = ''
  const opened: Sql[] = []
  beforeAll(async () => {
    const made = await createSchema(server!)
    url = made.url
    schema = made.schema
  })
  afterAll(async () => {
    await Promise.all(opened.map((sql) => sql.close()))
    await dropSchemas(server!, [schema])
  })

  async function open(): Promise<Sql> {
    const sql = await createSql({ url, migrations, log: silentLog })
    opened.push(sql)
    return sql
  }

  test('processes that start at once apply each migration once', async () => {
    const all = await Promise.all([open(), open(), open()])
    const { rows } = await raw<{ file: string }>`SELECT file FROM setpoint_migrations ORDER BY file`.execute(all[0]!.db)
    expect(rows.map(({ file }) => file)).toContain('0001-jobs-start.sql')
    expect(new Set(rows.map(({ file }) => file)).size).toBe(rows.length)
  })

  test('a connection that is cut in a statement is unavailable, and the next statement has another', async () => {
    const sql = await open()
    const cut = raw`SELECT pg_terminate_backend(pg_backend_pid())`.execute(sql.db)
    await expect(cut).rejects.toMatchObject({ code: 'unavailable' })
    expect((await sql.health()).status).toBe('ok')
  })

  test('a connection that is cut in a transaction is unavailable, and nothing is stored', async () => {
    const sql = await open()
    await raw`CREATE TABLE cut (id TEXT)`.execute(sql.db)
    const cut = sql.transaction(async (tx) => {
      await raw`INSERT INTO cut VALUES ('a')`.execute(tx.db)
      await raw`SELECT pg_terminate_backend(pg_backend_pid())`.execute(tx.db)
    })
    await expect(cut).rejects.toMatchObject({ code: 'unavailable' })
    expect((await raw`SELECT * FROM cut`.execute(sql.db)).rows).toEqual([])
  })

  test('transactions that lock each other out are run again, and both are stored', async () => {
    const sql = await open()
    await raw`CREATE TABLE pair (id TEXT PRIMARY KEY, n BIGINT)`.execute(sql.db)
    await raw`INSERT INTO pair VALUES ('a', 0), ('b', 0)`.execute(sql.db)
    const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let runs = 0
    const add = (id: string) => (tx: { db: Sql['db'] }) => raw`UPDATE pair SET n = n + 1 WHERE id = ${id}`.execute(tx.db)
    const cross = (first: string, second: string, own: number) =>
      sql.transaction(async (tx) => {
        runs++
        await add(first)(tx)
        both[own]!.resolve()
        await both[1 - own]!.promise
        await add(second)(tx)
      })
    await Promise.all([cross('a', 'b', 0), cross('b', 'a', 1)])
    expect((await raw`SELECT n FROM pair ORDER BY id`.execute(sql.db)).rows).toEqual([{ n: 2 }, { n: 2 }])
    expect(runs).toBeGreaterThan(2)
  })

  test('a notice reaches other processes after the commit, and after the listening connection was cut', async () => {
    const [here, there] = await Promise.all([open(), open()])
    let heard = Promise.withResolvers<void>()
    const stop = there.listen('pots', () => heard.resolve())
    await heard.promise
    heard = Promise.withResolvers()
    await here.transaction((tx) => here.notify(tx, 'pots'))
    await heard.promise
    heard = Promise.withResolvers()
    await raw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'setpoint-listen'`.execute(here.db)
    await heard.promise
    stop()
  })

  test('a text with a zero byte is refused as invalid', async () => {
    const sql = await open()
    await expect(raw`SELECT ${'a\0b'}::text`.execute(sql.db)).rejects.toMatchObject({ code: 'invalid' })
  })
})

test('an address that is none, and a server that is not there, are named without the password', async () => {
  await expect(createSql({ url: 'mysql://x', migrations, log: silentLog })).rejects.toMatchObject({ code: 'invalid' })
  const url = `postgres://me:secret@127.0.0.1:${await freePort()}/app`
  const thrown = await createSql({ url, migrations, log: silentLog }).catch((error: unknown) => error)
  expect(thrown).toMatchObject({ code: 'unavailable', message: expect.stringMatching(/127\.0\.0\.1:\d+\/app is not reachable/) })
  expect(String(thrown)).not.toContain('secret')
})

describe.skipIf(!server)('a PostgreSQL that ends and comes back', () => {
  let own: Server
  beforeAll(async () => {
    const started = await startPostgres()
    if ('skipped' in started) throw new Error(started.skipped)
    own = started
  })
  afterAll(() => own.remove())

  test('is down meanwhile, and up again without a restart of ours', async () => {
    const sql = await createSql({ url: own.url, migrations, log: silentLog })
    await own.kill()
    await expect(sql.transaction(async (tx) => raw`SELECT 1`.execute(tx.db))).rejects.toMatchObject({ code: 'unavailable' })
    expect((await sql.health()).status).toBe('down')
    await own.start()
    expect((await sql.health()).status).toBe('ok')
    await sql.close()
  })
})
