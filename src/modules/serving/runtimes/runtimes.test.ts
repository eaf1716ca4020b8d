import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createManualClock } from '../../../../test/manual-clock.ts'
import { modelWithCut } from '../../../../test/world.ts'
import { type Blobs, createBlobs } from '../../../infra/blobs/blobs.ts'
import { createLog } from '../../../infra/log.ts'
import { encodeModel } from '../../../lib/onnx/write-model.ts'
import type { Tensor } from '../../../lib/tensors/tensor.ts'
import { createModelFolders } from './model-folders.ts'
import { createRuntimes } from './runtimes.ts'

const clock = createManualClock()
let folder: string
let blobs: Blobs
const log = createLog('error', () => {})
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-runtimes-'))
  blobs = await createBlobs({ folder, url: undefined, credentials: undefined, log, clock })
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

async function versionOf(file: Uint8Array, features: readonly string[] = ['a', 'b']) {
  const { digest } = await blobs.put(Readable.from([file]))
  return {
    model: 'm',
    version: 1,
    format: 'onnx',
    digest,
    features: [...features],
    sizeBytes: file.length,
    signature: null,
    processing: null,
    manifest,
  }
}
const manifest = { commit: null, dataSnapshot: null, parent: null, training: null }
/** Runtimes that may call nobody and start nothing. */
const open = (memoryBytes: number) =>
  createRuntimes({
    blobs,
    clock,
    log,
    random: () => 0.5,
    memoryBytes,
    remote: { hosts: [], readSecret: () => undefined },
    python: {
      folders: createModelFolders({ blobs, folder: path.join(folder, 'models'), filesOf: async () => [] }),
      interpreter: undefined,
      environment: () => ({}),
    },
  })
const floats = (name: string, shape: number[], values: number[]): Tensor => ({
  name,
  datatype: 'FP32',
  shape,
  data: Float32Array.from(values),
})
const sum = encodeModel({
  producer: { name: 'test', version: '1' },
  opsets: [{ domain: '', version: 13 }],
  graphName: 'sum',
  inputs: [
    { name: 'left', shape: ['n', 2] },
    { name: 'right', shape: ['n', 2] },
  ],
  outputs: [
    { name: 'total', shape: ['n', 2] },
    { name: 'negative', shape: ['n', 2] },
  ],
  nodes: [
    { operator: 'Add', inputs: ['left', 'right'], outputs: ['total'] },
    { operator: 'Neg', inputs: ['total'], outputs: ['negative'] },
  ],
})

test('a thread of its own gives the same scores, and releases with its last user', async () => {
  const runtimes = open(1e9)
  const version = await versionOf(modelWithCut(0.5))
  const shared = await runtimes.load(version)
  const own = await runtimes.load(version, { kind: 'onnx', thread: 'own' })
  const rows = Float32Array.from({ length: 2 * 3_000 }, (_, i) => ((i * 37) % 101) / 100)
  expect(await own.score(rows, 3_000)).toEqual(await shared.score(rows, 3_000))
  expect(runtimes.loaded()).toHaveLength(2)
  const again = await runtimes.load(version, { kind: 'onnx', thread: 'own' })
  await own.release()
  expect(await again.score(rows.subarray(0, 2), 1)).toHaveLength(1)
  await again.release()
  await shared.release()
  expect(runtimes.loaded()).toEqual([])
  await runtimes.close()
})

test.each(['shared', 'own'] as const)('any tensors go through a model, in a %s thread, checked first', async (thread) => {
  const runtimes = open(1e9)
  const model = await runtimes.load(await versionOf(sum, []), { kind: 'onnx', thread })
  expect(model).toMatchObject({
    tabular: false,
    scoreOutput: null,
    inputs: [{ name: 'left', datatype: 'FP32', shape: [-1, 2] }, { name: 'right' }],
  })
  const inputs = [floats('right', [1, 2], [1, 2]), floats('left', [1, 2], [10, 20])]
  expect(await model.infer(inputs, { outputs: ['negative'] })).toEqual([floats('negative', [1, 2], [-11, -22])])
  expect((await model.infer(inputs, { outputs: [] })).map(({ name }) => name)).toEqual(['total', 'negative'])
  const refused = (tensors: Tensor[], outputs: string[] = []) => expect(model.infer(tensors, { outputs })).rejects
  await refused([inputs[0]!]).toThrow(/left is missing/)
  await refused([...inputs, floats('middle', [1], [1])]).toThrow(/middle is unknown/)
  await refused([inputs[0]!, inputs[0]!, inputs[1]!]).toThrow(/a name of its own/)
  await refused([floats('right', [1, 3], [1, 2, 3]), inputs[1]!]).toThrow(/takes shape \[-1, 2\]; \[1, 3\] was sent/)
  await refused([{ ...inputs[0]!, datatype: 'INT32' }, inputs[1]!]).toThrow(/takes FP32; INT32 was sent/)
  await refused(inputs, ['nothing']).toThrow(/nothing is unknown; the model gives total, negative/)
  await expect(model.score(new Float32Array(2), 1)).rejects.toMatchObject({ code: 'unsupported' })
  await runtimes.close()
})

test('models beyond the memory are put aside, the longest idle first, and come back when they are asked', async () => {
  const files = [0.2, 0.4, 0.6].map(modelWithCut)
  const versions = await Promise.all(files.map((file) => versionOf(file)))
  const runtimes = open(files[0]!.length * 2)
  const [first, second] = [await runtimes.load(versions[0]!), await runtimes.load(versions[1]!)]
  clock.advance(1_000)
  await first.score(Float32Array.of(0.3, 0), 1)
  clock.advance(1_000)
  const third = await runtimes.load(versions[2]!)
  expect(runtimes.loaded().map(({ resident }) => resident)).toEqual([true, false, true])
  const before = await third.score(Float32Array.of(0.5, 0), 1)
  clock.advance(1_000)
  const scores = await Promise.all([second, second, first].map((model) => model.score(Float32Array.of(0.3, 0), 1)))
  expect(scores.map(([score]) => score! > 0.5)).toEqual([false, false, true])
  expect(runtimes.loaded().filter(({ resident }) => resident)).toHaveLength(2)
  expect(await third.score(Float32Array.of(0.5, 0), 1)).toEqual(before)
  await runtimes.close()
})

test('a file that is no model is refused, and nothing of it is kept', async () => {
  const runtimes = open(1e9)
  const broken = await versionOf(Buffer.from('not a model'))
  for (const thread of ['shared', 'own'] as const)
    await expect(runtimes.load(broken, { kind: 'onnx', thread })).rejects.toMatchObject({ code: 'unsafe' })
  expect(runtimes.loaded()).toEqual([])
  await runtimes.close()
})

test('a version that nothing here can run says why', async () => {
  const runtimes = open(1e9)
  const version = { ...(await versionOf(Buffer.from('x'))), digest: null, format: 'pickle' }
  await expect(runtimes.load(version)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/register it with an ONNX file/),
  })
  const frozen = { ...version, manifest: { ...manifest, artifact: 'a'.repeat(64) } }
  await expect(runtimes.load(frozen)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringMatching(/nor an MLflow folder/) })
  await runtimes.close()
})
