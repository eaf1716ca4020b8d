import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type BatchRun, batch } from '../../src/contract/batch.ts'
import { documents } from '../../src/contract/documents.ts'
import { modelWithCut, openWorld, registerModel, type World } from '../world.ts'

const provided = inject('postgres')
const server = provided && 'url' in provided ? provided.url : undefined

describe.skipIf(!server)('batch scoring of a PostgreSQL warehouse', () => {
  let world: World
  let client: Client
  beforeAll(async () => {
    const admin = new Client({ connectionString: server })
    await admin.connect()
    await admin.query('DROP DATABASE IF EXISTS warehouse')
    await admin.query('CREATE DATABASE warehouse')
    await admin.end()
    const url = new URL(server!)
    url.pathname = '/warehouse'
    process.env.WAREHOUSE_URL = url.href
    process.env.OWN_URL = server
    client = new Client({ connectionString: url.href })
    await client.connect()
    await client.query('CREATE TABLE visits (id BIGINT, day DATE, a DOUBLE PRECISION, b NUMERIC, seen_at TIMESTAMPTZ)')
    await client.query(
      `INSERT INTO visits SELECT n, DATE '2026-11-05' + (n / 20000)::int, (n % 100) / 100.0, n, now() FROM generate_series(0, 20009) AS n`,
    )
    world = await openWorld()
    await registerModel(world.admin, 'churn', modelWithCut(0.5), { alias: 'champion' })
  })
  afterAll(async () => {
    await world.close()
    await client.end()
    delete process.env.WAREHOUSE_URL
    delete process.env.OWN_URL
  })

  const apply = (name: string, source: object, destination: object) =>
    world.admin.call(documents.apply, {
      documents: [
        {
          apiVersion: 'setpoint/v1',
          kind: 'BatchScoring',
          metadata: { name },
          spec: { model: 'churn', source: { kind: 'sql', keyColumn: 'id', ...source }, destination, retries: 0 },
        },
      ],
    })
  async function run(name: string, ds: string, force = false): Promise<BatchRun> {
    const { run: started } = await world.admin.call(batch.startRun, { batch: name, ds, force })
    await world.settle()
    return await world.admin.call(batch.getRun, { batch: name, id: started!.id })
  }

  test('a day of a table is read, scored and replaced in one transaction', async () => {
    const destination = { kind: 'sql', urlFrom: 'WAREHOUSE_URL', table: 'public.scores' }
    await apply(
      'visits',
      { urlFrom: 'WAREHOUSE_URL', query: 'SELECT id, a, b FROM visits WHERE day = {ds} AND a IS NOT NULL' },
      destination,
    )
    expect(await run('visits', '2026-11-05')).toMatchObject({ state: 'succeeded', problem: null, rowsIn: 20_000, rowsOut: 20_000 })
    expect(await run('visits', '2026-11-06')).toMatchObject({ state: 'succeeded', problem: null, rowsOut: 10 })
    expect(await run('visits', '2026-11-05', true)).toMatchObject({ state: 'succeeded', problem: null })
    const { rows } = await client.query(
      'SELECT ds, count(*)::int AS rows, sum(prediction)::int AS positives FROM scores GROUP BY ds ORDER BY ds',
    )
    expect(rows).toEqual([
      { ds: '2026-11-05', rows: 20_000, positives: 9_800 },
      { ds: '2026-11-06', rows: 10, positives: 0 },
    ])
    const { rows: tables } = await client.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`)
    expect(tables.map(({ tablename }) => tablename)).toEqual(['scores', 'visits'])
  })

  test('a query can change nothing, and its failure names no address', async () => {
    await apply(
      'evil',
      { urlFrom: 'WAREHOUSE_URL', query: 'WITH gone AS (DELETE FROM visits RETURNING *) SELECT * FROM gone' },
      { kind: 'csv', path: '{ds}.csv' },
    )
    const failed = await run('evil', '2026-11-05')
    expect(failed).toMatchObject({ state: 'failed' })
    expect(failed.problem).not.toMatch(/postgres(ql)?:\/\//)
    expect((await client.query('SELECT count(*)::int AS rows FROM visits')).rows).toEqual([{ rows: 20_010 }])
  })

  test('the database of the product itself is no warehouse', async () => {
    await apply('own', { urlFrom: 'OWN_URL', table: 'jobs' }, { kind: 'csv', path: '{ds}.csv' })
    await expect(world.admin.call(batch.startRun, { batch: 'own', ds: '2026-11-05' })).rejects.toMatchObject({ code: 'forbidden' })
  })
})
