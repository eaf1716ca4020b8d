import fs from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson } from '../../src/cli/for-tests.ts'
import { access } from '../../src/contract/access.ts'
import { type BatchRun, batch } from '../../src/contract/batch.ts'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { deployModel, modelWithCut, openWorld, predict, registerModel, rowsOf, type World } from '../world.ts'

let world: World
let home: string
beforeAll(async () => {
  world = await openWorld()
  home = path.join(world.config.data, 'batch', 'default')
  await deployModel(world)
  fs.mkdirSync(path.join(home, 'in'), { recursive: true })
})
afterAll(() => world.close())

const scoring = (name: string, spec: object) => ({
  apiVersion: 'setpoint/v1',
  kind: 'BatchScoring',
  metadata: { name, owner: 'team@example.com' },
  spec: { model: 'churn', consumers: ['crm'], ...spec },
})
type Given = { source?: object; destination?: object; [field: string]: unknown }
const csv = (name: string, spec: Given = {}) =>
  scoring(name, {
    ...spec,
    source: { kind: 'csv', path: `in/${name}-{ds}.csv`, keyColumn: 'id', ...spec.source },
    destination: { kind: 'csv', path: `out/${name}-{ds}.csv`, ...spec.destination },
  })
const apply = (...given: object[]) => world.admin.call(documents.apply, { documents: given })

/** Rows `r1`, `r2` … with `a` from 0 to 1; every `a` above a half is positive. */
const lines = (count: number, prefix = 'r') =>
  `id,a,b\n${Array.from({ length: count }, (_, i) => `${prefix}${i + 1},${(i + 0.5) / count},${i % 7}\n`).join('')}`
const put = (name: string, text: string) => fs.writeFileSync(path.join(home, 'in', name), text)
const output = (name: string) => fs.readFileSync(path.join(home, 'out', name), 'utf8')
const records = (text: string) =>
  text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))

async function run(name: string, ds: string, more: { force?: boolean } = {}): Promise<BatchRun> {
  const { run: started } = await world.admin.call(batch.startRun, { batch: name, ds, ...more })
  await world.settle()
  return await world.admin.call(batch.getRun, { batch: name, id: started!.id })
}

test('a partition of a CSV is scored step by step, and readers find it in the view', async () => {
  put('first-2026-11-01.csv', lines(1_000))
  await apply(csv('first'))
  const done = await run('first', '2026-11-01')
  expect(done).toMatchObject({
    state: 'succeeded',
    rowsIn: 1_000,
    rowsOut: 1_000,
    deadLetters: 0,
    duplicates: 0,
    version: 1,
    positives: 500,
    problem: null,
  })
  expect(done.steps.map(({ step, state }) => [step, state])).toEqual([
    ['extract_raw_data', 'done'],
    ['build_features', 'done'],
    ['run_scoring', 'done'],
    ['write_predictions', 'done'],
    ['validate_output', 'done'],
  ])
  expect(done.steps[2]!.metrics).toMatchObject({ rows: 1_000, version: 1, host: expect.any(String) })
  const [key, score, prediction, version, runId] = records(output('first-2026-11-01.csv'))[999]!
  expect([key, prediction, version, runId]).toEqual(['r1000', '1', '1', done.id])
  expect(Number(score)).toBeCloseTo(1 / (1 + Math.exp(-3)), 6)
  const view = await world.admin.call(batch.readView, { batch: 'first' })
  expect(view).toMatchObject({
    owner: 'team@example.com',
    consumers: ['crm'],
    partitions: [{ ds: '2026-11-01', run: done.id, version: 1, rows: 1_000 }],
  })
  expect(fs.readdirSync(path.join(home, 'out')).filter((file) => file.includes('.tmp-'))).toEqual([])
})

test('the same version and partition answer with the run that is there; made again by force it is the same, byte by byte', async () => {
  put('twice-2026-11-01.csv', lines(300))
  await apply(csv('twice'))
  const first = await run('twice', '2026-11-01')
  const before = output('twice-2026-11-01.csv')
  expect(await world.admin.call(batch.startRun, { batch: 'twice', ds: '2026-11-01' })).toMatchObject({
    action: 'keep',
    run: { id: first.id },
  })
  await world.settle()
  expect(await world.admin.call(batch.listRuns, { batch: 'twice' })).toHaveLength(1)
  world.clock.advance(5_000)
  const again = await run('twice', '2026-11-01', { force: true })
  expect(again.id).not.toBe(first.id)
  expect(again).toMatchObject({ state: 'succeeded', forced: true, outputDigest: first.outputDigest, scoredBy: first.scoredBy })
  expect(output('twice-2026-11-01.csv')).toBe(before)
  expect(new Set(records(before).map(([key]) => key)).size).toBe(300)
})

test('of rows with the same key the first counts, and rows that cannot be scored become dead letters with their reason', async () => {
  put('dirty-2026-11-01.csv', `${lines(100)}r5,0.9,1\nr7,0.1,1\nx1,many,1\n,0.4,1\nx2,,1\n`)
  await apply(csv('dirty', { source: { required: ['a'] } }))
  const done = await run('dirty', '2026-11-01')
  expect(done).toMatchObject({ state: 'succeeded', rowsIn: 105, rowsOut: 100, duplicates: 2, deadLetters: 3 })
  expect(records(output('dirty-2026-11-01.csv')).find(([key]) => key === 'r5')![2]).toBe('0')
  const letters = await world.admin.call(batch.listDeadLetters, { batch: 'dirty', id: done.id })
  expect(letters).toEqual([
    { row: 103, key: 'x1', reason: 'a: "many" is no number', values: { a: 'many', b: 1 } },
    { row: 104, key: null, reason: 'the key column key is empty', values: { a: expect.closeTo(0.4, 6), b: 1 } },
    { row: 105, key: 'x2', reason: 'a is missing and required', values: { a: null, b: 1 } },
  ])
  const beside = fs.readFileSync(path.join(home, 'out', 'dirty-2026-11-01.csv.dead'), 'utf8')
  expect(
    beside
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(letters)
})

test('more dead letters than allowed fail the run, say why, and are there to be read', async () => {
  put('dead-2026-11-01.csv', `id,a,b\n${Array.from({ length: 20 }, (_, i) => `k${i},oops,1\n`).join('')}`)
  await apply(csv('dead', { maxDeadLetters: 5 }))
  const done = await run('dead', '2026-11-01')
  expect(done).toMatchObject({ state: 'failed', deadLetters: 20, step: 'run_scoring' })
  expect(done.problem).toMatch(/20 rows could not be scored; maxDeadLetters allows 5/)
  expect(fs.existsSync(path.join(home, 'out', 'dead-2026-11-01.csv'))).toBe(false)
  expect(await world.admin.call(batch.listDeadLetters, { batch: 'dead', id: done.id, limit: 3 })).toHaveLength(3)
})

test('predictions that fail their validation are never seen: readers keep the partition as it was, and an alert fires', async () => {
  put('shift-2026-11-01.csv', lines(2_000))
  put('shift-2026-11-02.csv', lines(2_000, 's'))
  await apply(csv('shift'), {
    apiVersion: 'setpoint/v1',
    kind: 'Alert',
    metadata: { name: 'batch-failed', owner: 'team@example.com' },
    spec: { on: ['batch.run_failed'], runbook: 'docs/batch.md', webhook: { url: 'https://chat.example/hook' } },
  })
  await run('shift', '2026-11-01')
  const good = await run('shift', '2026-11-02')
  expect(good).toMatchObject({ state: 'succeeded', scorePsi: 0 })
  const before = output('shift-2026-11-02.csv')
  put('shift-2026-11-02.csv', lines(2_000, 't').replaceAll(/,0\.[0-4]\d*,/g, ',0.99,'))
  const bad = await run('shift', '2026-11-02', { force: true })
  expect(bad).toMatchObject({ state: 'failed', step: 'validate_output' })
  expect(bad.problem).toMatch(/moved by a PSI of \d+\.\d+ against 2026-11-01 .* Readers keep the partition as it was/)
  expect(output('shift-2026-11-02.csv')).toBe(before)
  expect(fs.readdirSync(path.join(home, 'out')).filter((file) => file.includes('.tmp-'))).toEqual([])
  expect((await world.admin.call(batch.readView, { batch: 'shift', ds: '2026-11-02' })).partitions[0]!.run).toBe(good.id)
  expect(world.sent.filter(({ url }) => url === 'https://chat.example/hook').at(-1)!.body).toContain(
    'shift: a partition could not be scored',
  )
})

test('a preview scores a sample and writes nothing', async () => {
  put('look-2026-11-01.csv', lines(500))
  await apply(csv('look'))
  const files = () => fs.readdirSync(home, { recursive: true }).sort()
  const before = files()
  const seen = await world.admin.call(batch.preview, { batch: 'look', ds: '2026-11-01', rows: 4 })
  expect(seen).toMatchObject({ model: 'churn', version: 1, scanned: 500 })
  expect(seen.rows.map(({ key, prediction }) => [key, prediction])).toEqual([
    ['r1', 0],
    ['r126', 0],
    ['r251', 1],
    ['r376', 1],
  ])
  expect(files()).toEqual(before)
  expect(await world.admin.call(batch.listRuns, { batch: 'look' })).toEqual([])
})

test('a backfill says first what it would run, then runs it day by day and reports what is unlike the rest', async () => {
  await apply(csv('past', { retries: 0, validation: { maxScorePsi: 100 } }))
  for (let day = 1; day <= 7; day++) if (day !== 4) put(`past-2026-10-0${day}.csv`, lines(day === 6 ? 50 : 200, `d${day}-`))
  const range = { batch: 'past', from: '2026-10-01', to: '2026-10-07' }
  const dry = await world.admin.call(batch.backfill, { ...range, dryRun: true })
  expect(dry.id).toBeNull()
  expect(dry.plans.map(({ ds, action }) => [ds.slice(-1), action])).toEqual([1, 2, 3, 4, 5, 6, 7].map((day) => [String(day), 'run']))
  await world.settle()
  expect(await world.admin.call(batch.listRuns, { batch: 'past' })).toEqual([])
  await run('past', '2026-10-02')
  const { id, plans } = await world.admin.call(batch.backfill, { ...range, reason: 'a new feature' })
  expect(plans[1]!.action).toBe('keep')
  await world.settle()
  const report = await world.admin.call(batch.getBackfill, { batch: 'past', id: id! })
  expect(report).toMatchObject({ runs: 6, succeeded: 5, failed: 1, underWay: 0, versions: [1], rowsOut: 850 })
  expect(report.anomalies.map(({ ds, what }) => [ds, what])).toEqual([
    ['2026-10-04', expect.stringMatching(/failed: there is no file in\/past-2026-10-04\.csv/)],
    ['2026-10-06', 'rows: 50; the median of the backfill is 200'],
  ])
  const overriding = await world.admin.call(batch.backfill, { ...range, dryRun: true, force: true })
  expect(overriding.plans.map(({ action }) => action)).toEqual([
    'override',
    'override',
    'override',
    'run',
    'override',
    'override',
    'override',
  ])
})

test('the same rows give the same predictions from Parquet, SQLite and recorded requests, to every destination', async () => {
  const rows = rowsOf(world.random, 400)
  const data = (pick: (row: (typeof rows)[number], i: number) => unknown) => rows.map(pick) as never
  const file = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: BigInt64Array.from(rows, (_, i) => 2n ** 53n + BigInt(2 * i + 1)), type: 'INT64' },
      { name: 'alpha', data: data(({ a }) => a), type: 'DOUBLE', nullable: true },
      { name: 'b', data: data(({ b }) => b), type: 'FLOAT' },
    ],
    rowGroupSize: 150,
  })
  fs.writeFileSync(path.join(home, 'in', 'rows-2026-11-05.parquet'), new Uint8Array(file))
  const db = new DatabaseSync(path.join(home, 'in', 'shop.db'))
  db.exec('CREATE TABLE visits (id TEXT, day TEXT, a REAL, b REAL)')
  for (const [i, { a, b }] of rows.entries())
    db.prepare('INSERT INTO visits VALUES (?, ?, ?, ?)').run(`v${String(i).padStart(3, '0')}`, i < 399 ? '2026-11-05' : '2026-11-06', a, b)
  db.close()
  const day = new Date(world.clock.now()).toISOString().slice(0, 10)
  await predict(world, await world.token('operator'), 'churn', rows, 'seen')
  await world.settle()
  await apply(
    scoring('parquet', {
      source: { kind: 'parquet', path: 'in/rows-{ds}*.parquet', keyColumn: 'id', features: { a: 'alpha' } },
      destination: { kind: 'parquet', path: 'out/rows-{ds}.parquet' },
    }),
    scoring('sqlite', {
      source: { kind: 'sql', file: 'in/shop.db', query: 'SELECT id, a, b FROM visits WHERE day = {ds}', keyColumn: 'id' },
      destination: { kind: 'sql', file: 'out/scores.db', table: 'churn_scores' },
    }),
    scoring('columns', { source: { kind: 'columns', deployment: 'churn' }, destination: { kind: 'columns' } }),
  )
  const expected = rows.map(({ a }) => (Math.fround(a) > 0.5 ? 1 : 0))

  expect(await run('parquet', '2026-11-05')).toMatchObject({ state: 'succeeded', rowsOut: 400, problem: null })
  const written = await parquetReadObjects({ file: await asyncBufferFromFile(path.join(home, 'out', 'rows-2026-11-05.parquet')) })
  expect(written.map(({ id, prediction }) => [id, prediction])).toEqual(
    expected.map((prediction, i) => [2n ** 53n + BigInt(2 * i + 1), prediction]),
  )
  expect(written[0]!.scored_at).toBeInstanceOf(Date)

  expect(await run('sqlite', '2026-11-05')).toMatchObject({ state: 'succeeded', rowsOut: 399, problem: null })
  expect(await run('sqlite', '2026-11-06')).toMatchObject({ state: 'succeeded', rowsOut: 1 })
  await run('sqlite', '2026-11-05', { force: true })
  const out = new DatabaseSync(path.join(home, 'out', 'scores.db'))
  const stored = out.prepare('SELECT ds, id, prediction FROM churn_scores ORDER BY id').all()
  expect(stored.map((row) => row.prediction)).toEqual(expected)
  expect(out.prepare("SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table'").get()).toEqual({ tables: 1 })
  out.close()

  for (const force of [false, true])
    expect(await run('columns', day, { force })).toMatchObject({ state: 'succeeded', rowsOut: 400, problem: null })
  const predictions = await world.admin.call(batch.listPredictions, { batch: 'columns', ds: day, limit: 1_000 })
  const byKey = new Map(predictions.map(({ key, prediction }) => [key, prediction]))
  expect(predictions).toHaveLength(400)
  expect(rows.map((_, i) => byKey.get(`seen-${i}`))).toEqual(expected)
})

test('a lookup table is joined at the digest that the document pins', async () => {
  const { digest } = await world.admin.call(registry.uploadArtifact, { body: 'shop,rate\nnorth,0.9\nsouth,0.1\n' as never })
  put('joined-2026-11-01.csv', 'id,shop,b\n1,north,0\n2,south,0\n3,west,0\n')
  const source = { features: { a: 'shops.rate' }, lookups: [{ name: 'shops', digest, key: 'shop', on: 'shop' }], required: ['a'] }
  await apply(csv('joined', { source, validation: { minRowShare: 0.5 } }))
  const done = await run('joined', '2026-11-01')
  expect(done).toMatchObject({ state: 'succeeded', rowsOut: 2, deadLetters: 1, problem: null })
  expect(done.steps[1]!.metrics).toMatchObject({ pipeline: done.pipeline, lookups: `shops@${digest}` })
  expect(records(output('joined-2026-11-01.csv')).map(([id, , prediction]) => [id, prediction])).toEqual([
    ['1', '1'],
    ['2', '0'],
  ])
})

test('a new champion, and predictions another batch waits for, start runs', async () => {
  await registerModel(world.admin, 'risk', modelWithCut(0.5), { alias: 'champion' })
  await registerModel(world.admin, 'risk', modelWithCut(0.2))
  const due = new Date(world.clock.now() - 86_400_000).toISOString().slice(0, 10)
  put(`upstream-${due}.csv`, lines(40))
  fs.mkdirSync(path.join(home, 'out'), { recursive: true })
  await apply(csv('upstream', { model: 'risk', on: { event: 'registry.alias_moved' } }), {
    ...csv('downstream', {
      on: { event: 'batch.run_succeeded', batch: 'upstream' },
      source: { path: 'out/upstream-{ds}.csv', features: { a: 'score', b: 'prediction' } },
    }),
  })
  await world.settle()
  await world.admin.call(registry.moveAlias, { model: 'risk', alias: 'champion', version: 2, reason: 'better' })
  await world.settle()
  const [up] = await world.admin.call(batch.listRuns, { batch: 'upstream' })
  expect(up).toMatchObject({ ds: due, version: 2, trigger: 'event', state: 'succeeded', positives: 32 })
  const [down] = await world.admin.call(batch.listRuns, { batch: 'downstream' })
  expect(down).toMatchObject({ ds: due, trigger: 'event', state: 'succeeded', rowsOut: 40 })
})

test('a run that waits can be cancelled; it stays cancelled and publishes nothing', async () => {
  put('stopped-2026-11-01.csv', lines(50))
  await apply(csv('stopped'))
  const { run: started } = await world.admin.call(batch.startRun, { batch: 'stopped', ds: '2026-11-01' })
  const cancelled = await world.admin.call(batch.cancelRun, { batch: 'stopped', id: started!.id, reason: 'wrong day' })
  expect(cancelled).toMatchObject({ state: 'cancelled', problem: expect.stringMatching(/wrong day/) })
  await world.settle()
  expect((await world.admin.call(batch.readView, { batch: 'stopped' })).partitions).toEqual([])
})

test('a partition that is not there yet is tried again before the run fails', async () => {
  await apply(csv('late', { retries: 2 }))
  const { run: started } = await world.admin.call(batch.startRun, { batch: 'late', ds: '2026-11-01' })
  await world.settle()
  expect(await world.admin.call(batch.getRun, { batch: 'late', id: started!.id })).toMatchObject({ state: 'running' })
  put('late-2026-11-01.csv', lines(30))
  await world.pass(60_000, 10_000)
  expect(await world.admin.call(batch.getRun, { batch: 'late', id: started!.id })).toMatchObject({
    state: 'succeeded',
    rowsOut: 30,
    attempts: 2,
  })
})

test('the command line waits for a run and tells by its exit code how it ended', async () => {
  put('typed-2026-11-01.csv', lines(50))
  await apply(csv('typed', { retries: 0 }))
  const person = createPerson({ url: world.url, token: await world.token('operator') }, { pause: () => world.settle() })
  const good = await person.run('batch', 'run', 'typed', '--ds', '2026-11-01', '--json')
  expect([good.code, JSON.parse(good.out)]).toEqual([0, expect.objectContaining({ state: 'succeeded', rowsOut: 50 })])
  const again = await person.run('batch', 'run', 'typed', '--ds', '2026-11-01')
  expect([again.code, again.notes]).toEqual([0, 'these predictions exist; --force makes them again\n'])
  const bad = await person.run('batch', 'run', 'typed', '--ds', '2026-11-02')
  expect([bad.code, bad.out]).toEqual([1, expect.stringMatching(/there is no file in\/typed-2026-11-02\.csv/)])
  person.close()
})

test('files outside the folders of the project are out of reach, by name, by link and by pattern', async () => {
  const outside = path.join(world.config.data, 'secret.csv')
  fs.writeFileSync(outside, lines(5))
  fs.symlinkSync(outside, path.join(home, 'in', 'link-2026-11-01.csv'))
  fs.symlinkSync(world.config.data, path.join(home, 'in', 'away'))
  await expect(apply(csv('climb', { source: { path: '../secret.csv' } }))).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/may not climb/),
  })
  await apply(
    csv('absolute', { source: { path: outside } }),
    csv('link'),
    csv('write', { source: { path: 'in/first-{ds}.csv' }, destination: { path: 'in/away/{ds}.csv' } }),
    csv('pattern', { source: { path: 'in/away/*.csv' } }),
    csv('nested', { source: { path: 'in/**/*.csv' } }),
  )
  for (const name of ['absolute', 'link', 'write', 'pattern'])
    await expect([name, world.admin.call(batch.startRun, { batch: name, ds: '2026-11-01' })][1]).rejects.toMatchObject({
      code: 'forbidden',
    })
  expect(await run('nested', '2026-11-01')).toMatchObject({ state: 'failed', problem: expect.stringMatching(/lies outside the folders/) })
  expect(fs.existsSync(path.join(world.config.data, '2026-11-01.csv'))).toBe(false)
})

test('another project sees neither runs nor predictions nor files', async () => {
  await world.admin.call(access.createProject, { name: 'other' })
  const other = await world.as('admin', 'other')
  const [known] = await world.admin.call(batch.listRuns, { batch: 'first' })
  expect(await other.call(batch.listRuns, { batch: 'first' })).toEqual([])
  await expect(other.call(batch.getRun, { batch: 'first', id: known!.id })).rejects.toMatchObject({ code: 'not_found' })
  await expect(other.call(batch.listDeadLetters, { batch: 'first', id: known!.id })).rejects.toMatchObject({ code: 'not_found' })
  await expect(other.call(batch.startRun, { batch: 'first', ds: '2026-11-01' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(other.call(batch.readView, { batch: 'first' })).rejects.toMatchObject({ code: 'not_found' })
  await registerModel(other, 'churn', modelWithCut(0.5), { alias: 'champion' })
  await other.call(documents.apply, { documents: [csv('first', { source: { path: path.join(home, 'in/first-{ds}.csv') } })] })
  await expect(other.call(batch.startRun, { batch: 'first', ds: '2026-11-01' })).rejects.toMatchObject({ code: 'forbidden' })
  const viewer = await world.as('viewer')
  await expect(viewer.call(batch.startRun, { batch: 'first', ds: '2026-11-01' })).rejects.toMatchObject({ code: 'forbidden' })
})

test.each([
  ['a schedule that names no time', { schedule: { cron: '0 0 31 2 *' } }, /names no time/],
  ['a destination that every day overwrites', { destination: { path: 'out/all.csv' } }, /put \{ds\} into it/],
  [
    'a variable of the server itself',
    { destination: { kind: 'sql', urlFrom: 'SETPOINT_SQL_URL', table: 't', path: undefined } },
    /urlFrom/,
  ],
  ['a key named like a column of the output', { source: { keyColumn: 'score' } }, /keyColumn/],
])('%s is refused when it is declared', async (_name, spec, message) => {
  await expect(apply(csv('refused', spec))).rejects.toMatchObject({ code: 'invalid', message })
})

test('every change of a run is in the ledger, and the ledger holds', async () => {
  expect((await world.admin.call(ledger.verify, {})).broken).toBeNull()
})
