import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import { type Blobs, createBlobs } from '../../../infra/blobs/blobs.ts'
import { createLog } from '../../../infra/log.ts'
import type { LoadedModel } from './model.ts'
import { createModelFolders } from './model-folders.ts'
import { createRuntimes, type Runtimes } from './runtimes.ts'

// The supervisor with processes that speak the worker’s messages without Python; the real worker is proven in test/clients.
const clock = createManualClock()
const log = createLog('error', () => {})
const trees = new Map<string, { path: string; digest: string; sizeBytes: number }[]>()
let folder: string
let interpreter: string
let blobs: Blobs
let runtimes: Runtimes
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-python-'))
  blobs = await createBlobs({ folder: path.join(folder, 'blobs'), url: undefined, credentials: undefined, log, clock })
  interpreter = path.join(folder, 'interpreter')
  const double = path.join(import.meta.dirname, 'fixtures/worker.mjs')
  fs.writeFileSync(interpreter, `#!/bin/sh\nexec "${process.execPath}" "${double}" "$@"\n`, { mode: 0o755 })
  runtimes = open(interpreter)
})
afterAll(async () => {
  await runtimes.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const open = (named: string | undefined) =>
  createRuntimes({
    blobs,
    clock,
    log,
    random: () => 0.5,
    memoryBytes: 1e9,
    remote: { hosts: [], readSecret: () => undefined },
    python: {
      folders: createModelFolders({ blobs, folder: path.join(folder, 'models'), filesOf: async (tree) => trees.get(tree) ?? [] }),
      interpreter: named,
      environment: () => ({ PATH: '/usr/bin:/bin' }),
    },
  })

/** A version with a frozen folder whose MLmodel file holds `text`. */
async function versionOf(text: string) {
  const files = await Promise.all(
    [
      ['MLmodel', text],
      ['data/model.pkl', 'weights'],
    ].map(async ([name, content]) => ({ path: name!, ...(await blobs.put(Readable.from([Buffer.from(content!)]))) })),
  )
  const artifact = Buffer.from(text.padEnd(32, '.').slice(0, 32)).toString('hex')
  trees.set(artifact, files)
  const manifest = { artifact, commit: null, dataSnapshot: null, parent: null, training: null }
  return {
    model: text,
    version: 1,
    format: 'mlflow',
    digest: null,
    features: ['a', 'b'],
    sizeBytes: 1,
    signature: null,
    processing: null,
    manifest,
  }
}
const python = { kind: 'python', processes: 1, startTimeoutMs: 10_000, timeoutMs: 1_000, queue: 2 } as const
const score = async (model: LoadedModel, a: number) => (await model.score(Float32Array.of(a, 0), 1))[0]
/** Lets time pass until it is so: what is waited for happens in other processes. */
const passUntil = (isSo: () => boolean, stepMs = 100) =>
  expect
    .poll(
      () => {
        clock.advance(stepMs)
        return isSo()
      },
      { timeout: 10_000, interval: 20 },
    )
    .toBe(true)
const isWell = (model: LoadedModel) => model.health!().problem === null

test('a frozen folder is put on the disk, loaded by a worker, scored, and removed with its last user', async () => {
  const version = await versionOf('plain')
  const model = await runtimes.load(version, python)
  expect(model).toMatchObject({ tabular: true, features: 2, platform: 'python_pyfunc', scoreOutput: 'score' })
  expect(Array.from(await model.score(Float32Array.of(1, 2, 3, 4), 2))).toEqual([1, 3])
  expect(model.health!()).toEqual({ problem: null, workers: { wanted: 1, ready: 1, restarts: 0, waiting: 0 } })
  const at = path.join(folder, 'models', version.manifest.artifact)
  expect(fs.readFileSync(path.join(at, 'data/model.pkl'), 'utf8')).toBe('weights')
  const again = await runtimes.load(version)
  await model.release()
  expect(await score(again, 0.5)).toBe(0.5)
  await again.release()
  expect(fs.existsSync(at)).toBe(false)
  expect(runtimes.loaded()).toEqual([])
})

test('a folder that was left behind is used again as far as it is what it should be', async () => {
  const version = await versionOf('left behind')
  const at = path.join(folder, 'models', version.manifest.artifact)
  fs.mkdirSync(path.join(at, 'data'), { recursive: true })
  fs.writeFileSync(path.join(at, 'MLmodel'), 'left behind')
  fs.writeFileSync(path.join(at, 'data/model.pkl'), 'tamper!')
  const model = await runtimes.load(version, python)
  expect(fs.readFileSync(path.join(at, 'data/model.pkl'), 'utf8')).toBe('weights')
  await model.release()
})

test('a worker that is killed fails the call under way; the next is served by another', async () => {
  const model = await runtimes.load(await versionOf('killed'), python)
  await expect(score(model, 13)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/ended with SIGKILL/) })
  await passUntil(() => isWell(model))
  expect(await score(model, 0.25)).toBe(0.25)
  expect(model.health!().workers).toMatchObject({ ready: 1, restarts: 1 })
  await model.release()
})

test('a call that takes too long ends its worker, and only its own caller waits in vain', async () => {
  const model = await runtimes.load(await versionOf('slow'), { ...python, processes: 2 })
  const slow = score(model, 14)
  expect(await score(model, 0.75)).toBe(0.75)
  clock.advance(1_000)
  await expect(slow).rejects.toMatchObject({
    code: 'timeout',
    message: expect.stringMatching(/did not answer within 1000 ms; its worker was replaced/),
  })
  expect(await score(model, 0.5)).toBe(0.5)
  await passUntil(() => model.health!().workers!.ready === 2)
  await model.release()
})

test('calls wait for a worker, up to the length of the queue', async () => {
  const model = await runtimes.load(await versionOf('queue'), python)
  const calls = [0.1, 0.2, 0.3].map((a) => score(model, a))
  await expect(score(model, 0.4)).rejects.toMatchObject({
    code: 'throttled',
    message: expect.stringMatching(/2 calls wait for the 1 workers/),
  })
  expect((await Promise.all(calls)).map((one) => one!.toFixed(1))).toEqual(['0.1', '0.2', '0.3'])
  const giveUp = new AbortController()
  const silent = score(model, 14)
  const tensor = { name: 'features', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) } as const
  const given = model.infer([tensor], { outputs: [], signal: giveUp.signal })
  giveUp.abort()
  await expect(given).rejects.toMatchObject({ code: 'cancelled' })
  clock.advance(1_000)
  await expect(silent).rejects.toMatchObject({ code: 'timeout' })
  await model.release()
})

test('a fault of the model is told to its caller, and costs no worker', async () => {
  const model = await runtimes.load(await versionOf('fault'), python)
  await expect(score(model, 15)).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/model fault version 1: fifteen is not taken/),
  })
  expect(model.health!().workers).toMatchObject({ ready: 1, restarts: 0 })
  await model.release()
})

test('a worker that writes what is no message is replaced', async () => {
  const model = await runtimes.load(await versionOf('noise'), python)
  await expect(score(model, 17)).rejects.toMatchObject({ code: 'internal', message: expect.stringMatching(/sends no messages/) })
  await passUntil(() => isWell(model))
  expect(await score(model, 0.5)).toBe(0.5)
  await model.release()
})

test.runIf(fs.existsSync('/proc/self/status'))('a worker that holds more than it may is replaced', async () => {
  const model = await runtimes.load(await versionOf('memory'), { ...python, memoryBytes: 200 * 1024 * 1024 })
  expect(await score(model, 16)).toBe(16)
  await passUntil(() => model.health!().workers!.restarts === 1 && isWell(model))
  expect(await score(model, 0.5)).toBe(0.5)
  await model.release()
})

test('a model that cannot be loaded says why, in the worker’s last words, and nothing of it is kept', async () => {
  await expect(runtimes.load(await versionOf('broken'), python)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/ended with code 7; it last printed: loading/),
  })
  let refused: unknown
  runtimes.load(await versionOf('endless'), python).catch((error: unknown) => {
    refused = error
  })
  await passUntil(() => refused !== undefined, 1_000)
  expect(refused).toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/was not loaded within 10000 ms; it last printed: loading/),
  })
  expect(runtimes.loaded()).toEqual([])
  expect(fs.readdirSync(path.join(folder, 'models'))).toEqual([])
})

test('workers that end again and again are left alone for five minutes, and the model says so', async () => {
  const model = await runtimes.load(await versionOf('hopeless'), python)
  for (let i = 0; i < 5; i++) {
    await passUntil(() => isWell(model))
    await expect(score(model, 13)).rejects.toMatchObject({ code: 'unavailable' })
  }
  await passUntil(() => !isWell(model))
  expect(model.health!().problem).toMatch(/has no worker: 5 in a row came to nothing/)
  await expect(score(model, 0.5)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/5 in a row/) })
  clock.advance(300_000)
  await passUntil(() => isWell(model))
  expect(await score(model, 0.5)).toBe(0.5)
  await model.release()
})

test('what ends with the server: workers, their folders; and nothing starts without an interpreter', async () => {
  const mine = open(interpreter)
  const model = await mine.load(await versionOf('stopped'), { ...python, processes: 2 })
  await mine.close()
  await expect(score(model, 0.5)).rejects.toMatchObject({ code: 'unavailable' })
  expect(fs.readdirSync(path.join(folder, 'models'))).toEqual([])
  await expect(open(undefined).load(await versionOf('none'), python)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/SETPOINT_PYTHON/),
  })
  await expect(open('/no/such/python').load(await versionOf('wrong'), python)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/cannot be started: .*ENOENT/),
  })
})
