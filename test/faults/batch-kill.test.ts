import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { type BatchRun, batch } from '../../src/contract/batch.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { documents } from '../../src/contract/documents.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { registry } from '../../src/contract/registry.ts'
import { type Tree, treeModel } from '../../src/lib/onnx/tree-ensemble.ts'

const ROWS = 1_500_000
const TREES = 300
const DAY = '2026-11-01'
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

let data: string
let home: string
let server: Server
let admin: Client
beforeAll(async () => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-batch-kill-'))
  home = path.join(data, 'batch/default')
  fs.mkdirSync(home, { recursive: true })
  await restart()
})
afterAll(async () => {
  await server.stop()
  fs.rmSync(data, { recursive: true, force: true })
})

async function restart(): Promise<void> {
  server = await startServer(data)
  admin = createClient({ url: server.url, token: server.token })
}

/** Trees deep enough that scoring takes seconds, whose sum says 1 where `a` is above a half. */
function slowModel(): Uint8Array {
  const DEPTH = 6
  const nodes = 2 ** (DEPTH + 1) - 1
  const inner = 2 ** DEPTH - 1
  const tree: Tree = {
    feature: Int32Array.from({ length: nodes }, (_, node) => (node < inner ? 0 : -1)),
    threshold: Float32Array.from({ length: nodes }, (_, node) => {
      const level = Math.floor(Math.log2(node + 1))
      return node < inner ? (node + 1 - 2 ** level + 0.5) / 2 ** level : 0
    }),
    left: Int32Array.from({ length: nodes }, (_, node) => (node < inner ? 2 * node + 1 : 0)),
    right: Int32Array.from({ length: nodes }, (_, node) => (node < inner ? 2 * node + 2 : 0)),
    value: Float32Array.from({ length: nodes }, (_, node) => (node < inner ? 0 : (node - inner < 2 ** (DEPTH - 1) ? -3 : 3) / TREES)),
  }
  return treeModel({ producer: { name: 'test', version: '1' }, features: 2 }, new Array<Tree>(TREES).fill(tree), 0)
}

function writeInput(rows: number): void {
  const a = Float32Array.from({ length: rows }, (_, i) => (((i * 7919) % rows) + 0.5) / rows)
  const file = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: BigInt64Array.from({ length: rows }, (_, i) => BigInt(i)), type: 'INT64', encoding: 'PLAIN' },
      { name: 'a', data: a, type: 'FLOAT', encoding: 'PLAIN' },
      { name: 'b', data: new Float32Array(rows), type: 'FLOAT', encoding: 'PLAIN' },
    ],
    codec: 'UNCOMPRESSED',
    rowGroupSize: 250_000,
  })
  fs.writeFileSync(path.join(home, `in-${DAY}.parquet`), new Uint8Array(file))
}

const read = (id: string): Promise<BatchRun> => admin.call(batch.getRun, { batch: 'big', id })

async function until(id: string, isReached: (run: BatchRun) => boolean): Promise<BatchRun> {
  for (;;) {
    const run = await read(id)
    if (isReached(run) || run.endedAt !== null) return run
    await pause(50)
  }
}

const output = () => path.join(home, `out-${DAY}.parquet`)
/** Parts that are safely on disk, with the time each was written. */
const parts = (id: string) => {
  const folder = path.join(data, 'batch-runs', id, 'scores')
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : []
  const done = names.filter((name) => name.endsWith('.json')).map((name) => name.replace('.json', '.part'))
  return new Map(done.map((name) => [name, fs.statSync(path.join(folder, name)).mtimeMs]))
}

test('a run that is killed again and again goes on with the chunks that are left, and readers see old or new, never half', async () => {
  const { digest } = await admin.call(registry.uploadArtifact, { body: slowModel() as never })
  await admin.call(registry.registerVersion, { model: 'slow', artifact: digest, features: ['a', 'b'], alias: 'champion' })
  const spec = {
    model: 'slow',
    source: { kind: 'parquet', path: 'in-{ds}.parquet', keyColumn: 'id' },
    destination: { kind: 'parquet', path: 'out-{ds}.parquet' },
  }
  await admin.call(documents.apply, {
    documents: [{ apiVersion: 'setpoint/v1', kind: 'BatchScoring', metadata: { name: 'big' }, spec }],
  })
  writeInput(100)
  const first = await admin.call(batch.startRun, { batch: 'big', ds: DAY })
  expect(await until(first.run!.id, () => false)).toMatchObject({ state: 'succeeded', rowsOut: 100 })
  const old = fs.readFileSync(output())

  writeInput(ROWS)
  const { run } = await admin.call(batch.startRun, { batch: 'big', ds: DAY, force: true })
  const id = run!.id
  let before = new Map<string, number>()
  let kills = 0
  for (const chunks of [3, 8, 14]) {
    const seen = await until(id, (now) => now.chunksDone >= chunks && parts(id).size >= chunks)
    if (seen.endedAt !== null) break
    const gone = new Promise((resolve) => server.process.once('exit', resolve))
    server.process.kill('SIGKILL')
    await gone
    kills += 1
    const now = parts(id)
    for (const [name, writtenMs] of before) expect([name, now.get(name)]).toEqual([name, writtenMs])
    expect(now.size).toBeGreaterThanOrEqual(before.size)
    before = now
    expect(fs.readFileSync(output()).equals(old)).toBe(true)
    await restart()
  }
  expect(kills).toBe(3)
  const done = await until(id, () => false)
  expect(done).toMatchObject({ state: 'succeeded', rowsIn: ROWS, rowsOut: ROWS, duplicates: 0, problem: null })
  expect(done.steps[2]!.metrics.chunksResumed).toBeGreaterThanOrEqual(14)
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(output()), columns: ['id', 'prediction'] })
  expect(rows).toHaveLength(ROWS)
  const wrong = rows.filter(
    ({ id: key, prediction }, i) => Number(key) !== i || prediction !== (((i * 7919) % ROWS) + 0.5 > ROWS / 2 ? 1 : 0),
  )
  expect(wrong).toHaveLength(0)
  expect(fs.readdirSync(home).filter((file) => file.includes('.tmp-'))).toEqual([])
  expect((await admin.call(ledger.verify, {})).broken).toBeNull()
  console.log(`${kills} kills, ${done.steps[2]!.metrics.chunksResumed} of ${done.chunks} chunks taken over by the last attempt`)
})
