import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { createBus } from '../../src/infra/bus/index.ts'
import { systemClock } from '../../src/infra/clock.ts'
import { createIds } from '../../src/infra/ids.ts'
import { createJobs } from '../../src/infra/jobs/index.ts'
import { silentLog } from '../../src/infra/log.ts'
import { createSchema, dropSchemas } from '../../src/infra/sql/for-tests.ts'
import { createSql } from '../../src/infra/sql/index.ts'

const provided = inject('postgres')
const server = provided && 'url' in provided ? provided.url : undefined
const worker = fileURLToPath(new URL('../../src/infra/jobs/kill-worker.ts', import.meta.url))
const JOBS = 120
const LEASE_MS = 1_000

describe.skipIf(!server)('several processes on one PostgreSQL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'setpoint-jobs-'))
  const migrations = join(folder, 'migrations')
  cpSync(new URL('../../migrations/sql', import.meta.url), migrations, { recursive: true })
  writeFileSync(join(migrations, '9999-test-effects.sql'), 'CREATE TABLE effects (job TEXT NOT NULL);')
  const schemas: string[] = []
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await dropSchemas(server!, schemas)
  })

  async function newStore(): Promise<string> {
    const { url, schema } = await createSchema(server!)
    schemas.push(schema)
    return url
  }

  async function processOn(url: string) {
    const sql = await createSql({ url, migrations, log: silentLog })
    const ids = createIds(systemClock)
    const jobs = createJobs({ sql, clock: systemClock, ids, random: Math.random, log: silentLog, concurrency: 4 })
    return { sql, jobs, bus: createBus({ sql, jobs, clock: systemClock, ids, log: silentLog }) }
  }

  function startWorker(url: string): ChildProcess {
    return spawn(process.execPath, [worker, url, migrations, String(LEASE_MS)], { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  test('share the jobs, and take over from one that is killed; each job counts once', async () => {
    const url = await newStore()
    const { sql, jobs } = await processOn(url)
    const made: string[] = []
    for (let i = 0; i < JOBS; i++) made.push((await jobs.enqueue(sql, { kind: 'add', project: '', payload: i })).id)
    const [victim, survivor] = [startWorker(url), startWorker(url)]
    await once(victim.stdout!, 'data')
    victim.kill('SIGKILL')
    const [code] = await once(survivor, 'exit')
    expect(code).toBe(0)
    // The victim may have died with jobs in hand whose lease outlived the survivor; whoever comes next gets them.
    const own = sql.db.withTables<{ jobs: { state: string }; effects: { job: string } }>()
    const unfinished = () => own.selectFrom('jobs').select('state').where('state', '!=', 'done').limit(1).executeTakeFirst()
    while (await unfinished()) await once(startWorker(url), 'exit')
    const effects = await own.selectFrom('effects').select('job').orderBy('job').execute()
    expect(effects.map(({ job }) => job)).toEqual(made)
    await sql.close()
  })

  test('see every event in the same order, and handle each once', async () => {
    const url = await newStore()
    const both = [await processOn(url), await processOn(url)]
    const seen: [number[], number[]] = [[], []]
    const handled: string[] = []
    const all = Promise.withResolvers<void>()
    const EVENTS = 100
    const look = () => {
      if (handled.length >= EVENTS && seen.every((positions) => positions.length >= EVENTS)) all.resolve()
    }
    for (const [i, { bus, jobs }] of both.entries()) {
      bus.watch(({ position }) => {
        seen[i]!.push(position)
        look()
      })
      bus.on('shop.sold', 'stock', async ({ id }) => {
        handled.push(id)
        look()
      })
      await bus.start()
      await jobs.start()
    }
    const publish = (n: number) => {
      const { sql, bus } = both[n % 2]!
      return sql.transaction((tx) => bus.publish(tx, { name: 'shop.sold', project: 'p', subject: String(n), data: n }))
    }
    await Promise.all(Array.from({ length: EVENTS }, (_, n) => publish(n)))
    await all.promise
    for (const { bus, jobs, sql } of both) {
      await bus.stop()
      await jobs.stop()
      await sql.close()
    }
    const inOrder = Array.from({ length: EVENTS }, (_, i) => i + 1)
    expect(seen).toEqual([inOrder, inOrder])
    expect(new Set(handled).size).toBe(EVENTS)
    expect(handled).toHaveLength(EVENTS)
  })
})
