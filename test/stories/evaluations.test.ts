import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { evaluations } from '../../src/contract/evaluations.ts'
import { ledger } from '../../src/contract/ledger.ts'
import { openWorld, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('admin')
  await world.admin.call(access.createProject, { name: 'fraud' })
})
afterAll(() => world.close())

type Reply = { status: number; body: Record<string, never> & { dataset: Record<string, unknown>; error_code?: string; message?: string } }

async function ask(method: string, path: string, body?: unknown, project = 'default'): Promise<Reply> {
  const response = await fetch(`${world.url}/p/${project}/api/3.0/mlflow${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Reply['body'] }
}

async function createDataset(name: string, more: object = {}): Promise<string> {
  const { body } = await ask('POST', '/datasets/create', { name, ...more })
  return String(body.dataset.dataset_id)
}
const addRecords = (id: string, text: string) => ask('POST', `/datasets/${id}/records`, { records: text })
const recordsOf = async (id: string, query = '') => {
  const { body } = await ask('GET', `/datasets/${id}/records${query}`)
  return { text: String(body.records), next: body.next_page_token as unknown as string | undefined }
}

test('records are one for each inputs, in whatever order their keys come, and keep their numbers as written', async () => {
  const id = await createDataset('questions', { experiment_ids: ['0'], tags: JSON.stringify({ team: 'ml', 'mlflow.user': 'ann' }) })
  const first = await addRecords(
    id,
    '[{"inputs":{"q":"a","k":1.0},"expectations":{"x":1},"tags":{"mlflow.user":"bob"},"source":{"source_type":"trace","source_data":{"trace_id":"tr-1"}}},{"inputs":{"q":"b"},"outputs":12345678901234567890}]',
  )
  expect(first.body).toEqual({ inserted_count: 2, updated_count: 0 })
  const second = await addRecords(id, '[{"inputs":{"k":1.0,"q":"a"},"outputs":"yes","expectations":{"y":2}},{"inputs":{"k":1,"q":"a"}}]')
  expect(second.body).toEqual({ inserted_count: 1, updated_count: 1 })
  const { text } = await recordsOf(id)
  expect(text).toContain('"inputs":{"q":"a","k":1.0}')
  expect(text).toContain('"outputs":12345678901234567890')
  const [record] = JSON.parse(text) as [object]
  expect(record).toMatchObject({ outputs: 'yes', expectations: { x: 1, y: 2 }, created_by: 'bob', source_id: 'tr-1', source_type: 'TRACE' })
  const { body } = await ask('GET', `/datasets/${id}`)
  expect(JSON.parse(String(body.dataset.schema))).toEqual({
    inputs: { q: 'string', k: 'float' },
    outputs: 'integer',
    expectations: { x: 'integer', y: 'integer' },
    version: '1.0',
  })
  expect(body.dataset).toMatchObject({ profile: '{"num_records":3}', created_by: 'ann', experiment_ids: ['0'] })
})

test('records come in pages that lose none, and go by name', async () => {
  const id = await createDataset('many')
  await addRecords(id, JSON.stringify(Array.from({ length: 1_203 }, (_, n) => ({ inputs: { n } }))))
  const seen: number[] = []
  for (let token = ''; ; ) {
    const { text, next } = await recordsOf(id, `?max_results=500&page_token=${encodeURIComponent(token)}`)
    seen.push(...(JSON.parse(text) as { inputs: { n: number } }[]).map(({ inputs }) => inputs.n))
    if (!next) break
    token = next
  }
  expect(seen).toEqual(Array.from({ length: 1_203 }, (_, n) => n))
  const [record] = JSON.parse((await recordsOf(id)).text) as [{ dataset_record_id: string }]
  const gone = await ask('DELETE', `/datasets/${id}/records`, { dataset_record_ids: [record.dataset_record_id, 'dr-none'] })
  expect(gone.body).toEqual({ deleted_count: 1 })
  expect((await world.admin.call(evaluations.getDataset, { dataset: id })).recordCount).toBe(1_202)
})

test('data sets are found by name, tag and experiment, and belong to experiments for as long as somebody says so', async () => {
  const one = await createDataset('alpha', { experiment_ids: ['0'], tags: '{"kind":"x"}' })
  world.clock.advance(5)
  const two = await createDataset('beta', { tags: '{"kind":"y"}' })
  const search = async (asked: object) =>
    (((await ask('POST', '/datasets/search', asked)).body.datasets ?? []) as { dataset_id: string }[]).map(({ dataset_id }) => dataset_id)
  expect(await search({ filter_string: "name = 'alpha'" })).toEqual([one])
  expect(await search({ filter_string: "tags.kind LIKE '_' AND name IN ('alpha', 'beta')" })).toEqual([two, one])
  expect(await search({ filter_string: 'created_time > 0', order_by: ['name DESC'], max_results: 1 })).not.toEqual([one])
  await ask('PATCH', `/datasets/${two}/tags`, { tags: '{"kind":"z","n":7,"none":null}' })
  expect((await world.admin.call(evaluations.getDataset, { dataset: two })).tags).toEqual({ kind: 'z', n: '7' })
  expect((await ask('DELETE', `/datasets/${two}/tags/n`)).body).toEqual({})
  expect((await ask('POST', `/datasets/${two}/add-experiments`, { experiment_ids: ['0'] })).body.dataset.experiment_ids).toEqual(['0'])
  expect(await search({ experiment_ids: ['0'], filter_string: "tags.kind = 'z'" })).toEqual([two])
  expect((await ask('POST', `/datasets/${two}/add-experiments`, { experiment_ids: ['77'] })).status).toBe(404)
  await ask('POST', `/datasets/${two}/remove-experiments`, { experiment_ids: ['0', '5'] })
  expect((await ask('GET', `/datasets/${two}/experiment-ids`)).body).toEqual({ experiment_ids: [] })
  expect((await ask('DELETE', `/datasets/${two}`)).status).toBe(200)
  expect((await ask('DELETE', `/datasets/${two}`)).status).toBe(200)
  expect((await ask('GET', `/datasets/${two}`)).body).toMatchObject({ error_code: 'RESOURCE_DOES_NOT_EXIST' })
})

test('scorers have versions that are numbered on and deleted one by one or all', async () => {
  const register = (definition: string) =>
    ask('POST', '/scorers/register', { experiment_id: '0', name: 'judge', serialized_scorer: definition })
  expect((await register('{"a":1}')).body).toMatchObject({ version: 1, name: 'judge', experiment_id: '0' })
  expect((await register('{"a":2}')).body).toMatchObject({ version: 2 })
  expect((await ask('GET', '/scorers/list?experiment_id=0')).body).toMatchObject({ scorers: [{ scorer_version: 2, experiment_id: 0 }] })
  expect((await ask('GET', '/scorers/get?experiment_id=0&name=judge&version=1')).body).toMatchObject({
    scorer: { serialized_scorer: '{"a":1}' },
  })
  await ask('DELETE', '/scorers/delete', { experiment_id: '0', name: 'judge', version: 1 })
  expect((await ask('GET', '/scorers/versions?experiment_id=0&name=judge')).body).toMatchObject({ scorers: [{ scorer_version: 2 }] })
  await ask('DELETE', '/scorers/delete', { experiment_id: '0', name: 'judge' })
  expect((await ask('GET', '/scorers/versions?experiment_id=0&name=judge')).status).toBe(404)
  expect((await register('{broken')).body).toMatchObject({ error_code: 'INVALID_PARAMETER_VALUE' })
})

test.each([
  ['POST', '/datasets/create', { name: 'x'.repeat(256) }],
  ['POST', '/datasets/create', { name: ' ' }],
  ['POST', '/datasets/create', { name: 'a', tags: '[1]' }],
  ['POST', '/datasets/search', { filter_string: "secret = 'x'" }],
  ['POST', '/datasets/search', { filter_string: "name = 'x' OR name = 'y'" }],
  ['POST', '/datasets/search', { order_by: ['tags.x'] }],
  ['POST', '/datasets/search', { page_token: 'xx' }],
  ['POST', '/datasets/search', { max_results: -1 }],
  ['POST', '/scorers/register', { experiment_id: '0', name: ' ', serialized_scorer: '{}' }],
])('%s %s %j is refused in the protocol’s words', async (method, path, body) => {
  expect(await ask(method, path, body)).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
})

test.each(['{', '{}', '[1]', '[{"inputs":[]}]', '[{"inputs":{},"tags":3}]', '[{"inputs":{},"source":{"source_type":"moon"}}]'])(
  'records %s are refused, and none is kept',
  async (text) => {
    const id = await createDataset('hostile')
    expect(await addRecords(id, text)).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    expect((await recordsOf(id)).text).toBe('[]')
  },
)

test('another project sees nothing of it and changes nothing', async () => {
  const id = await createDataset('ours')
  await addRecords(id, '[{"inputs":{"a":1}}]')
  expect((await ask('GET', `/datasets/${id}`, undefined, 'fraud')).status).toBe(404)
  expect((await ask('GET', `/datasets/${id}/records`, undefined, 'fraud')).status).toBe(404)
  expect((await ask('POST', `/datasets/${id}/records`, { records: '[{"inputs":{}}]' }, 'fraud')).status).toBe(404)
  expect((await ask('PATCH', `/datasets/${id}/tags`, { tags: '{"a":"b"}' }, 'fraud')).status).toBe(404)
  expect((await ask('POST', '/datasets/search', {}, 'fraud')).body).toEqual({ datasets: [] })
  await ask('DELETE', `/datasets/${id}`, undefined, 'fraud')
  expect((await recordsOf(id)).text).not.toBe('[]')
})

test('every change of a data set is in the ledger, and the ledger verifies', async () => {
  expect(await world.admin.call(ledger.verify, {})).toMatchObject({ intact: true })
})
