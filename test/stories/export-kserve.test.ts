import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { createPerson, type Person } from '../../src/cli/for-tests.ts'
import { documents } from '../../src/contract/documents.ts'
import { registry } from '../../src/contract/registry.ts'
import { deployModel, deployment, openWorld, type World } from '../world.ts'

let world: World
let person: Person
beforeAll(async () => {
  world = await openWorld()
  await deployModel(world)
  person = createPerson({ url: world.url, token: await world.token('viewer') })
})
afterAll(async () => {
  person.close()
  await world.close()
})

test('a deployment becomes an InferenceService of its champion, whose file can be read where it says', async () => {
  const run = await person.run('export-kserve', 'churn', '--namespace', 'ml', '--image', 'registry.example/setpoint:1')
  expect([run.code, run.notes]).toEqual([0, ''])
  const [runtime, service] = parseAllDocuments(run.out).map((document) => document.toJS())
  const { digest } = await world.admin.call(registry.getVersion, { model: 'churn', version: 1 })
  expect(runtime.spec.containers[0].image).toBe('registry.example/setpoint:1')
  expect(service.metadata).toMatchObject({ name: 'churn', namespace: 'ml', annotations: { 'setpoint/digest': digest } })
  expect(service.spec.predictor.model.runtime).toBe(runtime.metadata.name)
  const file = await fetch(service.spec.predictor.model.storageUri, { headers: { authorization: `Bearer ${await world.token('viewer')}` } })
  const bytes = new Uint8Array(await file.arrayBuffer())
  const hash = await crypto.subtle.digest('SHA-256', bytes)
  expect(Buffer.from(hash).toString('hex')).toBe(digest)
})

test('the file may lie elsewhere', async () => {
  const run = await person.run('export-kserve', 'churn', '--storage-uri', 's3://models/churn.onnx', '--json')
  expect(JSON.parse(run.out)[1].spec.predictor.model.storageUri).toBe('s3://models/churn.onnx')
})

test('what cannot be served or read is said', async () => {
  await world.admin.call(documents.apply, { documents: [deployment('empty', 'nothing')] })
  await world.settle()
  const run = await person.run('export-kserve', 'empty')
  expect([run.code, run.notes]).toEqual([3, expect.stringContaining('model nothing has no champion')])
  for (const [words, message] of [
    [['--storage-uri', '/models/x'], '--storage-uri: KServe does not read'],
    [['--min-replicas', '4'], '--max-replicas: 3 is less'],
  ] as const) {
    const refused = await person.run('export-kserve', 'churn', ...words)
    expect([refused.code, refused.notes]).toEqual([2, expect.stringContaining(message)])
  }
})
