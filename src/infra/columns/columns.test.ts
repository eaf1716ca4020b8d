import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppError } from '../../contract/errors.ts'
import { systemClock } from '../clock.ts'
import { silentLog } from '../log.ts'
import { type Columns, createColumns } from './columns.ts'
import { defaultColumnsLimits } from './limits.ts'
import { createSupervisor } from './supervisor.ts'

const folder = mkdtempSync(join(tmpdir(), 'setpoint-columns-'))
const migrations = join(folder, 'migrations')
const data = join(folder, 'data')
const open = (over: object = {}) => createColumns({ folder: data, migrations, log: silentLog, clock: systemClock, ...over })
const table = `CREATE TABLE IF NOT EXISTS points (at DateTime64(3, 'UTC'), name LowCardinality(String), features Array(Float32), score Float64, extra UInt8 DEFAULT 7)
ENGINE = MergeTree ORDER BY at SETTINGS non_replicated_deduplication_window = 1000;\n`
let columns: Columns

beforeAll(async () => {
  mkdirSync(migrations)
  writeFileSync(join(migrations, '0001-test-points.sql'), table)
  columns = await open()
})
afterAll(async () => {
  await columns.close()
  rmSync(folder, { recursive: true, force: true })
})

const count = async (name: string) =>
  (await columns.query<{ n: number }>('SELECT count() AS n FROM points WHERE name = {name:String}', { name }))[0]!.n
const row = (name: string, at = 1_700_000_000_123) => ({ at, name, features: [1.5, 2.5], score: 0.25 })

describe('reading and writing', () => {
  test('rows come back as they went in, with defaults filled', async () => {
    await columns.insert('points', [row('back')], { token: 'back' })
    const rows = await columns.query(
      'SELECT toUnixTimestamp64Milli(at) AS at, name, features, score, extra FROM points WHERE name = {name:String}',
      { name: 'back' },
    )
    expect(rows).toEqual([{ ...row('back'), extra: 7 }])
  })

  test('a block comes back as it went in', async () => {
    await columns.insertBlock(
      'points',
      {
        rows: 2,
        columns: [
          { name: 'at', type: 'Instant', values: Float64Array.of(1_700_000_000_123, 1_700_000_000_124) },
          { name: 'name', type: 'String', values: ['blöck', 'blöck'] },
          { name: 'features', type: 'Floats', values: Float32Array.of(1, 0, -2.5), ends: Uint32Array.of(1, 3) },
          { name: 'score', type: 'Float64', values: Float64Array.of(0.1, Number.NaN) },
        ],
      },
      { token: 'block' },
    )
    const rows = await columns.query(
      'SELECT toUnixTimestamp64Milli(at) AS at, features, score FROM points WHERE name = {n:String} ORDER BY at',
      {
        n: 'blöck',
      },
    )
    expect(rows).toEqual([
      { at: 1_700_000_000_123, features: [1], score: 0.1 },
      { at: 1_700_000_000_124, features: [0, -2.5], score: null },
    ])
  })

  test('a token counts once, in rows and in blocks', async () => {
    for (let i = 0; i < 3; i++) await columns.insert('points', [row('once'), row('once', 5)], { token: 'once' })
    expect(await count('once')).toBe(2)
    const block = { rows: 1, columns: [{ name: 'name', type: 'String' as const, values: ['once-block'] }] }
    for (let i = 0; i < 3; i++) await columns.insertBlock('points', block, { token: 'once-block' })
    expect(await count('once-block')).toBe(1)
    await columns.insertBlock('points', block, { token: 'another' })
    expect(await count('once-block')).toBe(2)
  })

  test('parameters are values, whatever they hold', async () => {
    const nasty = `'); DROP TABLE points; --\t\n\\ "ü" \0 {name:String}`
    await columns.insert('points', [row(nasty)], { token: 'nasty' })
    expect(await count(nasty)).toBe(1)
    const rows = await columns.query('SELECT {a:Array(String)} AS a, {n:Nullable(String)} AS n, {f:Float64} AS f', {
      a: ["x'", 'y'],
      n: null,
      f: -1.5,
    })
    expect(rows).toEqual([{ a: ["x'", 'y'], n: null, f: -1.5 }])
  })

  test('side by side, each query keeps its own parameters', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => columns.query<{ v: number }>('SELECT {v:UInt32} AS v', { v: i }).then((rows) => rows[0]!.v)),
    )
    expect(answers).toEqual(Array.from({ length: 60 }, (_, i) => i))
    await expect(columns.query('SELECT {v:UInt32} AS v')).rejects.toThrow()
  })
})

describe('bounds', () => {
  test('a runaway query is ended, and a light one does not wait for it', async () => {
    const runaway = columns.query('SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1', {}, { maxMs: 1_500 })
    const ended = expect(runaway).rejects.toMatchObject({ code: 'timeout' })
    expect(await columns.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    await ended
  })

  test('an aborted query stops in the engine', async () => {
    const abort = new AbortController()
    const heavy = columns.query('SELECT count() FROM numbers(1000000000001) WHERE sipHash64(number) = 1', {}, { signal: abort.signal })
    const ended = expect(heavy).rejects.toMatchObject({ code: 'cancelled' })
    const running = async () =>
      (
        await columns.query<{ n: number }>(
          "SELECT count() AS n FROM system.processes WHERE query LIKE '%1000000000001%' AND query NOT LIKE '%system%'",
        )
      )[0]!.n
    await expect.poll(running, { timeout: 10_000 }).toBe(1)
    abort.abort()
    await ended
    await expect.poll(running, { timeout: 10_000 }).toBe(0)
  })

  test('a query that needs too much memory is refused', async () => {
    const greedy = 'SELECT length(groupArray(number)) AS n FROM numbers(400000000)'
    await expect(columns.query(greedy)).rejects.toMatchObject({ code: 'too_large' })
  })

  test('a faulty statement says what is wrong', async () => {
    await expect(columns.query('SELECT nothing FROM points')).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('nothing'),
    })
    await expect(columns.insert('absent', [{ a: 1 }], { token: 'x' })).rejects.toThrow(/absent/)
  })
})

describe('hostile statements in a reading session', () => {
  const hostile = [
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT FILE /* x */ ('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    'SELECT "\\x66ile"(\'/etc/passwd\')',
    "SELECT file\u200b('/etc/passwd')",
    "DESCRIBE file('/etc/passwd')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/a/b', 'LineAsString')",
    "SELECT * FROM sqlite('/tmp/x.db', 't')",
    "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT 1 INTO OUTFILE '/tmp/setpoint-out'",
    "SELECT 1 into/**/outfile '/tmp/setpoint-out'",
    'SELECT 1; DROP TABLE points',
    'DROP TABLE points',
    "INSERT INTO points (name) VALUES ('x')",
    "WITH 1 AS x INSERT INTO points (name) SELECT 'x'",
    'KILL QUERY WHERE 1 ASYNC',
    'USE system',
    'SET readonly = 0',
    'SYSTEM SHUTDOWN',
    'SELECT 1 SETTINGS readonly = 0',
    'SELECT 1 SETTINGS max_execution_time = 0',
    'SELECT sleep(3)',
  ]
  test.each(hostile)('%s', async (sql) => {
    await expect(columns.query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/forbidden|internal/) })
  })

  test('what looks alike but is harmless runs', async () => {
    expect(await columns.query("WITH 'a file' AS profile SELECT profile, format('{}-{}', 'x', 'y') AS f, number FROM numbers(1)")).toEqual([
      { profile: 'a file', f: 'x-y', number: 0 },
    ])
  })
})

describe('the process that holds the store', () => {
  test('kill -9 during inserts loses nothing and counts nothing twice', async () => {
    const before = (await columns.health()).restarts
    const inserts = Array.from({ length: 30 }, (_, i) =>
      columns.insert('points', [row('killed', i), row('killed', i + 1000)], { token: `killed-${i}` }),
    )
    process.kill((await columns.health()).pid!, 'SIGKILL')
    await Promise.all(inserts)
    for (let i = 0; i < 30; i += 7) await columns.insert('points', [row('killed', i), row('killed', i + 1000)], { token: `killed-${i}` })
    expect(await count('killed')).toBe(60)
    expect((await columns.health()).restarts).toBe(before + 1)
  })

  test('a folder opens once', async () => {
    const { pid } = await columns.health()
    await expect(open()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(String(pid)) })
    expect(await count('killed')).toBe(60)
  })

  test('a folder left behind by kill -9 opens again, with everything in it', async () => {
    await columns.close()
    await expect(columns.query('SELECT 1')).rejects.toMatchObject({ code: 'unavailable' })
    columns = await open()
    expect(await count('killed')).toBe(60)
  })

  test('a server ended by kill -9 takes the store with it, and the next one opens the same folder', async () => {
    const own = join(folder, 'orphan')
    const place = JSON.stringify({ folder: own, migrations })
    const program = `
      import { createColumns } from ${JSON.stringify(new URL('./columns.ts', import.meta.url).href)}
      const quiet = () => {}
      const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
      const clock = { now: Date.now, after(ms, run) { const timer = setTimeout(run, ms); return () => clearTimeout(timer) } }
      const columns = await createColumns({ ...${place}, log, clock })
      await columns.insert('points', [{ name: 'orphan' }], { token: 'orphan' })
      columns.query('SELECT count() FROM numbers(1000000000003) WHERE sipHash64(number) = 1')
      process.send((await columns.health()).pid)
      setInterval(quiet, 1000)`
    const server = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const [pid] = (await once(server, 'message')) as [number]
    server.kill('SIGKILL')
    const next = await open({ folder: own })
    expect(await next.query('SELECT count() AS n FROM points')).toEqual([{ n: 1 }])
    expect((await next.health()).pid).not.toBe(pid)
    await next.close()
  })

  test('closing does not wait for a long query', async () => {
    const own = await open({ folder: join(folder, 'closing') })
    const long = expect(own.query('SELECT count() FROM numbers(1000000000002) WHERE sipHash64(number) = 1')).rejects.toThrow(AppError)
    await expect.poll(async () => (await own.query('SELECT count() AS n FROM system.processes'))[0]).toEqual({ n: 2 })
    await own.close()
    await long
  })

  test('while it is down, a request fails once its patience is over', async () => {
    const own = await open({ folder: join(folder, 'own'), limits: { waitMs: 1 } })
    process.kill((await own.health()).pid!, 'SIGKILL')
    await expect(own.query('SELECT 1')).rejects.toMatchObject({ code: 'unavailable' })
    await own.close()
  })
})

describe('migrations', () => {
  const refused = (message: RegExp, code = 'conflict') =>
    expect(open({ folder: join(folder, 'migrated') })).rejects.toMatchObject({ code, message: expect.stringMatching(message) })

  test('a changed or missing file is refused by its name', async () => {
    const file = join(migrations, '0001-test-points.sql')
    await (await open({ folder: join(folder, 'migrated') })).close()
    writeFileSync(file, `${table}SELECT 1;\n`)
    await refused(/0001-test-points\.sql has changed/)
    rmSync(file)
    await refused(/0001-test-points\.sql, which is not in/)
    writeFileSync(file, table)
    writeFileSync(join(migrations, 'later.sql'), 'SELECT 1;')
    await refused(/later\.sql needs a name/, 'invalid')
    rmSync(join(migrations, 'later.sql'))
  })
})

test('a server by its address takes the same statements', async () => {
  const supervisor = await createSupervisor({
    folder: join(folder, 'server'),
    limits: defaultColumnsLimits,
    clock: systemClock,
    log: silentLog,
  })
  const { url, secret } = await supervisor.address(0)
  const address = url.replace('http://', `http://setpoint:${secret}@`)
  const remote = await open({ url: `${address}/setpoint`, folder: '' })
  for (let i = 0; i < 2; i++) await remote.insert('points', [row('remote')], { token: 'remote' })
  expect(await remote.query('SELECT name, score FROM points WHERE score < {max:Float64}', { max: 1 })).toEqual([
    { name: 'remote', score: 0.25 },
  ])
  expect(await remote.health()).toMatchObject({ up: true, kind: 'clickhouse' })
  await expect(remote.query("SELECT * FROM file('/etc/passwd')")).rejects.toMatchObject({ code: 'forbidden' })
  await expect(open({ url: url.replace('http://', 'http://setpoint:wrong@'), folder: '' })).rejects.toThrow(/secret/)
  await remote.close()
  await supervisor.close()
})

test('a server that is not there is named', async () => {
  await expect(open({ url: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('127.0.0.1:1'),
  })
})
