import http from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drift } from '../../src/contract/drift.ts'
import { registry } from '../../src/contract/registry.ts'
import { encodeModel } from '../../src/lib/onnx/write-model.ts'
import { modelWithCut, openWorld, registerModel, rowsOf, type World } from '../world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const upload = async (body: Uint8Array | string) => (await world.admin.call(registry.uploadArtifact, { body: body as never })).digest
const register = async (file: Uint8Array | string, features = ['a', 'b']) =>
  await world.admin.call(registry.registerVersion, { model: 'bad', artifact: await upload(file), features })

test('a version records what its file says, and its reference is frozen', async () => {
  const version = await registerModel(world.admin, 'good', modelWithCut(0.5), { rows: rowsOf(world.random, 500), alias: 'champion' })
  expect(version).toMatchObject({
    version: 1,
    format: 'onnx',
    aliases: ['champion'],
    facts: { inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 2] }], operators: { TreeEnsembleRegressor: 1, Sigmoid: 1 } },
  })
  expect(version.warnings).toContain('no code commit')
  await world.settle()
  const profile = await world.admin.call(drift.getProfile, { model: 'good', version: 1 })
  expect(profile.features.map((feature) => feature.name)).toEqual(['a', 'b', 'score'])
  expect(profile.errorRate).toBeLessThan(0.05)
})

test('what is uploaded is what comes back, under its digest', async () => {
  const file = modelWithCut(0.4)
  const version = await registerModel(world.admin, 'same', file)
  const response = await world.admin.download(registry.downloadArtifact, { model: 'same', version: 1 })
  expect(response.headers.get('etag')).toBe(`"${version.digest}"`)
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array(file))
})

const external = () =>
  encodeModel({
    producer: { name: 'x', version: '1' },
    opsets: [{ domain: 'com.example', version: 1 }],
    graphName: 'g',
    inputs: [{ name: 'features', shape: ['N', 2] }],
    outputs: [{ name: 'score', shape: ['N', 1] }],
    nodes: [{ operator: 'Backdoor', domain: 'com.example', inputs: ['features'], outputs: ['score'] }],
  })

test.each([
  ['not ONNX at all', () => 'MZ this is a program', /not a readable ONNX|not an ONNX/],
  ['an empty file', () => '', /empty/],
  ['a file cut off in the middle', () => modelWithCut(0.5).slice(0, 120), /ONNX/],
  ['a file with bytes flipped', () => modelWithCut(0.5).map((byte, i) => (i % 7 === 3 ? byte ^ 0xff : byte)), /ONNX/],
  ['operators of a custom library', external, /custom library: com\.example\.Backdoor/],
])('%s is refused with the reason', async (_name, file, message) => {
  await expect(register(file())).rejects.toMatchObject({ code: 'unsafe', message: expect.stringMatching(message) })
})

test('features that do not fit the model, an artifact or reference never uploaded, a second champion: each is refused', async () => {
  await expect(register(modelWithCut(0.5), ['a'])).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/1 names were given, but the model’s input features has 2 columns/),
  })
  await expect(
    world.admin.call(registry.registerVersion, { model: 'bad', artifact: 'f'.repeat(64), features: ['a'] }),
  ).rejects.toMatchObject({ code: 'not_found' })
  await registerModel(world.admin, 'one', modelWithCut(0.5), { alias: 'champion' })
  await expect(registerModel(world.admin, 'one', modelWithCut(0.6), { alias: 'champion' })).rejects.toMatchObject({ code: 'conflict' })
  expect((await world.admin.call(registry.listVersions, { model: 'one' })).length).toBe(1)
})

test('an upload with another digest than said, too large, or cut off on the way leaves nothing behind', async () => {
  await expect(world.admin.call(registry.uploadArtifact, { digest: 'f'.repeat(64), body: 'hello' as never })).rejects.toMatchObject({
    code: 'invalid',
  })
  const before = await blobCount()
  const token = await world.token('operator')
  await new Promise<void>((resolve) => {
    const call = http.request(`${world.url}/api/v1/artifacts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-length': 1_000_000 },
    })
    call.on('error', () => resolve())
    call.on('close', () => resolve())
    call.write(Buffer.alloc(1_000), () => call.destroy())
  })
  await world.settle()
  expect(await blobCount()).toBe(before)
})

async function blobCount(): Promise<number> {
  let count = 0
  for await (const _blob of world.infra.blobs.list()) count += 1
  return count
}

test('numbers of versions are given once, whoever asks at the same time', async () => {
  const versions = await Promise.all(Array.from({ length: 8 }, (_, i) => registerModel(world.admin, 'many', modelWithCut(0.1 + i / 20))))
  expect(versions.map((version) => version.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})

test('names cannot climb out of their place', async () => {
  for (const name of ['..', 'a/b', 'a:b', 'x'.repeat(257), 'a%2fb', ' ', ''])
    await expect(world.admin.call(registry.listVersions, { model: name })).rejects.toMatchObject({
      code: expect.stringMatching(/invalid|not_found/),
    })
})
