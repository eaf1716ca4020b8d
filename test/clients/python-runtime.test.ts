import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Server, startServer } from '../../examples/phishing/demo/server.ts'
import { type Client, createClient } from '../../src/contract/client.ts'
import { deployments } from '../../src/contract/deployments.ts'
import { documents } from '../../src/contract/documents.ts'
import type { ModelVersion } from '../../src/contract/model-record.ts'
import { registry } from '../../src/contract/registry.ts'
import { createBlobs } from '../../src/infra/blobs/blobs.ts'
import { systemClock } from '../../src/infra/clock.ts'
import { createLog } from '../../src/infra/log.ts'
import { readMlmodel } from '../../src/lib/model-files/mlmodel.ts'
import type { Tensor } from '../../src/lib/tensors/tensor.ts'
import { createModelFolders, createRuntimes, type LoadedModel } from '../../src/modules/serving/runtimes/index.ts'
import { clientPython } from './python.ts'

// Real models of MLflow in real Python workers: what they score and predict, and what the server does when they misbehave.
const MEGABYTE = 1024 * 1024
const python = clientPython()
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-models-'))
type Expected = { readonly rows: number[][]; readonly scores: number[]; readonly kinds: number[] }
let expected: Record<'binary' | 'array' | 'three' | 'converted', Expected>

if ('skipped' in python) test.skip(`models in Python workers, skipped: ${python.skipped}`, () => {})
else
  describe('models in Python workers', () => {
    beforeAll(() => {
      const script = path.join(import.meta.dirname, 'runtimes/save_models.py')
      const environment = { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' }
      const made = spawnSync(python.python, [script, home], { encoding: 'utf8', cwd: home, env: environment })
      if (made.status !== 0) throw new Error(made.stderr)
      expected = JSON.parse(fs.readFileSync(path.join(home, 'expected.json'), 'utf8'))
    }, 120_000)
    afterAll(() => fs.rmSync(home, { recursive: true, force: true }))
    describe('as the runtime loads them', () => asLoaded(python.python))
    describe('as a server serves them', () => asServed(python.python))
  })

const filesIn = (folder: string) =>
  fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => fs.statSync(path.join(folder, file)).isFile())

function asLoaded(interpreter: string): void {
  const log = createLog('error', (line) => process.stderr.write(line))
  const names = new Map<string, string>()
  let runtimes: ReturnType<typeof createRuntimes>
  beforeAll(async () => {
    const blobs = await createBlobs({ folder: path.join(home, 'blobs'), log })
    const filesOf = async (tree: string) => {
      const folder = path.join(home, names.get(tree)!)
      return await Promise.all(
        filesIn(folder).map(async (file) => ({ path: file, ...(await blobs.put(fs.createReadStream(path.join(folder, file)))) })),
      )
    }
    runtimes = createRuntimes({
      blobs,
      clock: systemClock,
      log,
      random: Math.random,
      memoryBytes: 1e9,
      remote: { hosts: [], readSecret: () => undefined },
      python: {
        folders: createModelFolders({ blobs, folder: path.join(home, 'materialised'), filesOf }),
        interpreter,
        environment: () => ({ PATH: process.env.PATH ?? '', HOME: home }),
      },
    })
  })
  afterAll(() => runtimes.close())

  async function load(name: string, features: readonly string[]): Promise<LoadedModel> {
    const artifact = Buffer.from(name.padEnd(32, '.')).toString('hex')
    names.set(artifact, name)
    const facts = readMlmodel(fs.readFileSync(path.join(home, name, 'MLmodel')))
    const signature = 'problem' in facts ? null : facts.signature
    const manifest = { artifact, commit: null, dataSnapshot: null, parent: null, training: null }
    const version = {
      model: name,
      version: 1,
      format: 'mlflow',
      digest: null,
      features: [...features],
      sizeBytes: 1,
      signature,
      processing: null,
      manifest,
    }
    return await runtimes.load(version as Parameters<typeof runtimes.load>[0])
  }
  const scoresOf = async (model: LoadedModel, rows: readonly number[][]) =>
    Array.from(await model.score(Float32Array.from(rows.flat()), rows.length))
  const close = (numbers: readonly number[]) => numbers.map((number) => expect.closeTo(number, 5))

  test('a classifier of two classes gives the probability of the second, its columns in their types', async () => {
    const model = await load('binary', ['a', 'b', 'c', 'd', 'n'])
    const { rows, scores } = expected.binary
    expect(await scoresOf(model, rows)).toEqual(close(scores))
    expect(model.inputs.map(({ datatype }) => datatype)).toEqual(['FP64', 'FP32', 'FP64', 'FP64', 'INT64'])
    await expect(model.score(Float32Array.of(1, 2, 3, 4, Number.NaN), 1)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/column n holds whole numbers/),
    })
    const columns: Tensor[] = model.inputs.map(({ name, datatype }, i) => ({
      name,
      datatype: datatype as Tensor['datatype'],
      shape: [2],
      data:
        datatype === 'INT64'
          ? BigInt64Array.from(rows.slice(0, 2), (row) => BigInt(row[i]!))
          : datatype === 'FP32'
            ? Float32Array.from(rows.slice(0, 2), (row) => row[i]!)
            : Float64Array.from(rows.slice(0, 2), (row) => row[i]!),
    }))
    const outputs = await model.infer(columns, { outputs: [] })
    expect(outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape }))).toEqual([
      { name: 'output-0', datatype: 'INT64', shape: [2] },
      { name: 'score', datatype: 'FP32', shape: [2] },
    ])
    expect(Array.from(outputs[1]!.data as Float32Array)).toEqual(close(scores.slice(0, 2)))
    expect((await model.infer(columns, { outputs: ['score'] })).map(({ name }) => name)).toEqual(['score'])
    await model.release()
  })

  test('a model of arrays takes the matrix; one without a signature takes its features by name', async () => {
    const array = await load('array', ['a', 'b'])
    expect(await scoresOf(array, expected.array.rows)).toEqual(close(expected.array.scores))
    await array.release()
    const bare = await load('bare', ['a', 'b', 'c', 'd', 'n'])
    expect(await scoresOf(bare, expected.binary.rows)).toEqual(close(expected.binary.scores))
    await bare.release()
  })

  test('a classifier of three classes gives no score, and predicts by its own tensors', async () => {
    const { rows, kinds } = expected.three
    const names = ['sepal length (cm)', 'sepal width (cm)', 'petal length (cm)', 'petal width (cm)']
    const model = await load('three', names)
    expect(model.tabular).toBe(false)
    await expect(model.score(new Float32Array(4), 1)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/tells 3 classes apart/),
    })
    const inputs = names.map((name, i): Tensor => ({ name, datatype: 'FP64', shape: [3], data: Float64Array.from(rows, (row) => row[i]!) }))
    const [output] = await model.infer(inputs, { outputs: [] })
    expect(Array.from(output!.data as BigInt64Array, Number)).toEqual(kinds)
    await model.release()
  })

  test('texts, whole numbers and dates go in, texts and truth values come out', async () => {
    const model = await load('shout', [])
    const inputs: Tensor[] = [
      { name: 'text', datatype: 'BYTES', shape: [2], data: [Buffer.from('straße'), Buffer.from('ab')] },
      { name: 'times', datatype: 'INT64', shape: [2], data: BigInt64Array.of(3n, 3n) },
      { name: 'day', datatype: 'BYTES', shape: [2], data: [Buffer.from('2026-02-28T12:00:00'), Buffer.from('2024-02-29')] },
    ]
    const found = Object.fromEntries((await model.infer(inputs, { outputs: [] })).map(({ name, data }) => [name, data]))
    const texts = (data: unknown) => (data as Uint8Array[]).map((bytes) => Buffer.from(bytes).toString())
    expect(texts(found.loud)).toEqual(['STRASSE', 'AB'])
    expect(Array.from(found.long as Uint8Array)).toEqual([1, 0])
    expect(texts(found.day)).toEqual(['2026-02-28', '2024-02-29'])
    await model.release()
  })
}

function asServed(interpreter: string): void {
  let server: Server
  let admin: Client
  beforeAll(async () => {
    server = await startServer(path.join(home, 'data'), { environment: { SETPOINT_PYTHON: interpreter } })
    admin = createClient({ url: server.url, token: server.token })
  }, 60_000)
  afterAll(() => server.stop())

  const workers = () => {
    const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(server.process.pid)], { encoding: 'utf8' })
    return stdout
      .split('\n')
      .filter((line) => line.includes('worker.py'))
      .map((line) => Number(line.trim().split(' ')[0]))
  }

  /** Registers the folder of a saved model as the champion of its name and serves it. */
  async function serve(name: string, runtime: object, given: object = {}): Promise<ModelVersion> {
    for (const file of filesIn(path.join(home, name))) {
      const put = await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/saved/${name}/${file}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${server.token}` },
        body: fs.readFileSync(path.join(home, name, file)),
      })
      expect(put.status).toBe(200)
    }
    const source = `mlflow-artifacts:/saved/${name}`
    const version = await admin.call(registry.registerVersion, { model: name, source, alias: 'champion', ...given })
    const spec = { model: name, runtime }
    await admin.call(documents.apply, { documents: [{ apiVersion: 'setpoint/v1', kind: 'Deployment', metadata: { name }, spec }] })
    await expect.poll(() => read(name), { timeout: 60_000, interval: 200 }).toMatchObject({ ready: true, problem: null })
    return version
  }
  const read = (deployment: string) => admin.call(deployments.getDeployment, { deployment })
  const ask = async (deployment: string, features: object) =>
    (await admin.call(deployments.predict, { deployment, features: features as never })).score
  const moody = (a: number) => ask('moody', { a, b: 0 })
  const isBack = () => expect.poll(() => moody(8).catch(() => 0), { timeout: 30_000, interval: 200 }).toBe(4)

  test('a registered folder has the features of its signature and is scored as its makers score it', async () => {
    const version = await serve('binary', { kind: 'auto' })
    expect(version).toMatchObject({ digest: null, features: ['a', 'b', 'c', 'd', 'n'] })
    const { rows, scores } = expected.binary
    for (const [i, row] of rows.slice(0, 5).entries()) {
      const features = Object.fromEntries(version.features.map((name, column) => [name, row[column]]))
      expect(await ask('binary', features)).toBeCloseTo(scores[i]!, 5)
    }
    expect((await read('binary')).runtime).toMatchObject({ platform: 'python_pyfunc', workers: { wanted: 1, ready: 1 } })
  })

  test('a model that was converted to ONNX needs no worker, and gives the same scores', async () => {
    const version = await serve('converted', { kind: 'auto' }, { features: ['a', 'b', 'c', 'd'] })
    expect(version.format).toBe('onnx')
    const before = workers()
    const { rows, scores } = expected.converted
    for (const [i, row] of rows.entries()) {
      const [a, b, c, d] = row
      expect(await ask('converted', { a, b, c, d })).toBeCloseTo(scores[i]!, 5)
    }
    expect((await read('converted')).runtime).toBeNull()
    expect(workers()).toEqual(before)
  })

  test('what a model prints and reads does not disturb it, and what it raises is told', async () => {
    await serve('moody', { kind: 'python', timeoutMs: 5_000, memoryBytes: 400 * MEGABYTE })
    expect(await moody(8)).toBe(4)
    expect(await moody(18)).toBe(9)
    await expect(moody(15)).rejects.toMatchObject({ code: 'internal', message: expect.stringMatching(/ValueError: fifteen is too much/) })
    expect((await read('moody')).runtime!.workers).toMatchObject({ ready: 1, restarts: 0 })
  })

  test('a worker killed from outside in the middle of calls is replaced, and no call hangs', async () => {
    const [pid] = workers().slice(-1)
    const calls = Array.from({ length: 50 }, () => moody(8).then(String, (error: { code: string }) => error.code))
    process.kill(pid!, 'SIGKILL')
    const outcomes = new Set(await Promise.all(calls))
    expect([...outcomes].filter((outcome) => !['4', 'unavailable'].includes(outcome))).toEqual([])
    await isBack()
    expect(workers()).not.toContain(pid)
  }, 60_000)

  test('a call that kills its worker, hangs, or takes the memory of the machine costs that call and nothing else', async () => {
    await expect(moody(13)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/SIGKILL/) })
    await isBack()
    await expect(moody(14)).rejects.toMatchObject({ code: 'timeout' })
    await isBack()
    await expect(moody(17)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/more memory than the worker may have/),
    })
    await isBack()
    await moody(16).catch(() => undefined)
    await isBack()
    expect((await read('moody')).runtime!.workers!.restarts).toBeGreaterThanOrEqual(4)
  }, 120_000)

  test('workers end with the server, also when it is killed', async () => {
    const before = workers()
    expect(before.length).toBeGreaterThanOrEqual(2)
    server.process.kill('SIGKILL')
    await expect.poll(() => before.filter((pid) => fs.existsSync(`/proc/${pid}`)), { timeout: 10_000 }).toEqual([])
    server = await startServer(path.join(home, 'data'), { environment: { SETPOINT_PYTHON: interpreter } })
    admin = createClient({ url: server.url, token: server.token })
    await isBack()
    const after = workers()
    await server.stop()
    expect(after.filter((pid) => fs.existsSync(`/proc/${pid}`))).toEqual([])
    expect(fs.readdirSync(path.join(home, 'data/models'))).toEqual([])
  }, 120_000)
}
