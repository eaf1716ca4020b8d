import { parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { experiments } from '../../src/contract/experiments.ts'
import { runs } from '../../src/contract/runs.ts'
import { openWorld, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('operator')
})
afterAll(() => world.close())

type Reply = { status: number; body: Record<string, unknown> }

async function send(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  fields: object = {},
  options: { prefix?: string; key?: string } = {},
) {
  const { prefix = '', key = token } = options
  const query = method === 'GET' ? `?${new URLSearchParams(fields as Record<string, string>)}` : ''
  const response = await fetch(`${world.url}${prefix}${path.startsWith('/') ? path : `/api/2.0/mlflow/${path}`}${query}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: JSON.stringify(fields) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> } satisfies Reply
}
const post = (path: string, fields: object = {}) => send('POST', path, fields)
const get = (path: string, fields: object = {}) => send('GET', path, fields)
const refusal = (status: number, code: string, message: string | RegExp) => ({
  status,
  body: { error_code: code, message: expect.stringMatching(message) },
})

async function newExperiment(name: string): Promise<string> {
  return (await post('experiments/create', { name })).body.experiment_id as never
}
async function newRun(experiment: string | number, more: object = {}): Promise<string> {
  const { body } = await post('runs/create', { experiment_id: experiment, start_time: world.clock.now(), ...more })
  return (body as { run: { info: { run_id: string } } }).run.info.run_id
}

test('an experiment is made, found, renamed, tagged, deleted and restored', async () => {
  const made = await post('experiments/create', { name: 'Churn', tags: [{ key: 'team', value: 'risk' }] })
  expect(made).toEqual({ status: 200, body: { experiment_id: expect.stringMatching(/^\d+$/) } })
  const { experiment_id } = made.body
  expect((await get('experiments/get', { experiment_id })).body).toEqual({
    experiment: {
      experiment_id,
      name: 'Churn',
      artifact_location: `mlflow-artifacts:/${experiment_id}`,
      lifecycle_stage: 'active',
      creation_time: expect.any(Number),
      last_update_time: expect.any(Number),
      tags: [{ key: 'team', value: 'risk' }],
    },
  })
  expect(await post('experiments/create', { name: 'Churn' })).toEqual(refusal(400, 'RESOURCE_ALREADY_EXISTS', /already exists/))
  expect(await get('experiments/get-by-name', { experiment_name: 'nope' })).toEqual(
    refusal(404, 'RESOURCE_DOES_NOT_EXIST', /Could not find experiment with name 'nope'/),
  )
  expect((await post('experiments/update', { experiment_id, new_name: 'Leavers' })).body).toEqual({})
  await post('experiments/set-experiment-tag', { experiment_id, key: 'a/b', value: '' })
  await post('experiments/delete-experiment-tag', { experiment_id, key: 'team' })
  expect((await get('experiments/get-by-name', { experiment_name: 'Leavers' })).body).toMatchObject({
    experiment: { tags: [{ key: 'a/b', value: '' }] },
  })
  await post('experiments/delete', { experiment_id })
  expect(await post('experiments/update', { experiment_id, new_name: 'x' })).toEqual(refusal(500, 'INVALID_STATE', /non-active/))
  const deleted = await post('experiments/search', { max_results: 10, view_type: 'DELETED_ONLY' })
  expect(deleted.body).toMatchObject({ experiments: [{ name: 'Leavers', lifecycle_stage: 'deleted' }] })
  expect(await get('experiments/search', { max_results: '10', view_type: 'DELETED_ONLY' })).toEqual(deleted)
  await post('experiments/restore', { experiment_id })
  expect((await post('experiments/search', { max_results: 10, filter: "name = 'none'" })).body).toEqual({})
})

test('a training loop: run, metrics with NaN and infinities, params, tags, history, end', async () => {
  const experiment = await newExperiment('loop')
  const run_id = await newRun(Number(experiment), { run_name: 'first', user_id: 'ann', tags: [{ key: 'k', value: 'v' }] })
  await post('runs/log-metric', { run_id, key: 'loss', value: 0.5, timestamp: 1, step: 1 })
  await post('runs/log-metric', { run_uuid: run_id, key: 'loss', value: 'NaN', timestamp: '2', step: '2' })
  await post('runs/log-parameter', { run_id, key: 'lr', value: '0.1' })
  const batch = {
    run_id,
    metrics: [
      { key: 'up', value: 'Infinity', timestamp: 1 },
      { key: 'acc', value: 1, timestamp: 3, step: -1 },
    ],
    params: [{ key: 'depth', value: '' }],
    tags: [{ key: 'k', value: 'w' }],
  }
  expect(await post('runs/log-batch', batch)).toEqual({ status: 200, body: {} })
  await post('runs/log-batch', batch)
  await post('runs/update', { run_id, status: 'FINISHED', end_time: 99 })
  const { run } = (await get('runs/get', { run_id })).body as { run: object }
  expect(run).toEqual({
    info: {
      run_id,
      run_uuid: run_id,
      run_name: 'first',
      experiment_id: experiment,
      user_id: 'ann',
      status: 'FINISHED',
      start_time: expect.any(Number),
      end_time: 99,
      artifact_uri: `mlflow-artifacts:/${experiment}/${run_id}/artifacts`,
      lifecycle_stage: 'active',
    },
    data: {
      metrics: [
        { key: 'acc', value: 1, timestamp: 3, step: -1 },
        { key: 'loss', value: 'NaN', timestamp: 2, step: 2 },
        { key: 'up', value: Number.MAX_VALUE, timestamp: 1, step: 0 },
      ],
      params: [
        { key: 'depth', value: '' },
        { key: 'lr', value: '0.1' },
      ],
      tags: [
        { key: 'k', value: 'w' },
        { key: 'mlflow.runName', value: 'first' },
      ],
    },
    inputs: {},
    outputs: {},
  })
  expect((await get('metrics/get-history', { run_id, metric_key: 'loss' })).body).toEqual({
    metrics: [
      { key: 'loss', value: 0.5, timestamp: 1, step: 1 },
      { key: 'loss', value: 'NaN', timestamp: 2, step: 2 },
    ],
  })
  expect(await get('metrics/get-history', { run_id, metric_key: 'none' })).toEqual({ status: 200, body: {} })
  const bulk = await get('/ajax-api/2.0/mlflow/metrics/get-history-bulk', { run_id, metric_key: 'acc' })
  expect(bulk.body).toEqual({ metrics: [{ key: 'acc', value: 1, timestamp: 3, step: -1, run_id }] })
  const interval = await get('/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval', {
    run_ids: run_id,
    metric_key: 'loss',
    max_results: 1,
  })
  expect(interval.body).toEqual({ metrics: [{ key: 'loss', value: 'NaN', timestamp: 2, step: 2, run_id }] })
  const found = await post('runs/search', { experiment_ids: [experiment], filter: "params.lr = '0.1'", order_by: ['metrics.acc DESC'] })
  expect(found.body).toEqual({ runs: [run] })
})

test('inputs, outputs and logged models hang together', async () => {
  const experiment = await newExperiment('models')
  const run_id = await newRun(experiment)
  const dataset = { name: 'd', digest: 'abc', source_type: 'local', source: '{}' }
  const tags = [{ key: 'mlflow.data.context', value: 'training' }]
  const made = await post('logged-models', {
    experiment_id: experiment,
    name: 'net',
    source_run_id: run_id,
    tags: [{ key: 't', value: '1' }],
  })
  const model_id = (made.body as { model: { info: { model_id: string } } }).model.info.model_id
  await post('runs/log-inputs', { run_id, datasets: [{ dataset, tags }], models: [{ model_id }] })
  await post('runs/outputs', { run_id, models: [{ model_id, step: 2 }] })
  expect((await get('runs/get', { run_id })).body).toMatchObject({
    run: {
      inputs: { dataset_inputs: [{ dataset, tags }], model_inputs: [{ model_id }] },
      outputs: { model_outputs: [{ model_id, step: 2 }] },
    },
  })
  expect((await post('experiments/search-datasets', { experiment_ids: [experiment] })).body).toEqual({
    dataset_summaries: [{ experiment_id: experiment, name: 'd', digest: 'abc', context: 'training' }],
  })
  const metric = { key: 'acc', value: 0.75, timestamp: 5, step: 0, model_id, dataset_name: 'd', dataset_digest: 'abc' }
  await post('runs/log-metric', { run_id, ...metric })
  await send('PATCH', `logged-models/${model_id}`, { status: 'LOGGED_MODEL_READY' })
  await send('PATCH', `logged-models/${model_id}/tags`, { tags: [{ key: 'u', value: '2' }] })
  await send('DELETE', `logged-models/${model_id}/tags/t`)
  await post(`logged-models/${model_id}/params`, { params: [{ key: 'lr', value: '1' }] })
  const model = {
    info: {
      model_id,
      experiment_id: experiment,
      name: 'net',
      creation_timestamp_ms: expect.any(Number),
      last_updated_timestamp_ms: expect.any(Number),
      artifact_uri: `mlflow-artifacts:/${experiment}/models/${model_id}/artifacts`,
      status: 'LOGGED_MODEL_READY',
      model_type: '',
      source_run_id: run_id,
      tags: [{ key: 'u', value: '2' }],
    },
    data: { params: [{ key: 'lr', value: '1' }], metrics: [{ ...metric, run_id }] },
  }
  expect((await get(`logged-models/${model_id}`)).body).toEqual({ model })
  const search = { experiment_ids: [experiment], filter: 'metrics.acc > 0.5', datasets: [{ dataset_name: 'd' }] }
  expect((await post('logged-models/search', search)).body).toEqual({ models: [model] })
  expect(await send('DELETE', `logged-models/${model_id}`)).toEqual({ status: 200, body: {} })
  expect(await get(`logged-models/${model_id}`)).toEqual(refusal(404, 'RESOURCE_DOES_NOT_EXIST', /not found/))
  expect((await get(`logged-models/${model_id}`, { allow_deleted: 'True' })).status).toBe(200)
})

test('the history of logged models that older clients read', async () => {
  const run_id = await newRun('0')
  const model = { artifact_path: 'm', flavors: { sklearn: { code: 'c', config: { secret: 1 } } }, utc_time_created: 'now', run_id }
  await post('runs/log-model', { run_id, model_json: JSON.stringify({ ...model, signature: { inputs: '[]' } }) })
  await post('runs/log-model', { run_id, model_json: JSON.stringify({ ...model, artifact_path: 'n' }) })
  const { run } = (await get('runs/get', { run_id })).body as { run: { data: { tags: { key: string; value: string }[] } } }
  const history = JSON.parse(run.data.tags.find((tag) => tag.key === 'mlflow.log-model.history')!.value)
  expect(history).toEqual([
    { artifact_path: 'm', flavors: { sklearn: { code: 'c' } }, utc_time_created: 'now', run_id, model_uuid: null },
    expect.objectContaining({ artifact_path: 'n' }),
  ])
  expect(await post('runs/log-model', { run_id, model_json: '{' })).toEqual(refusal(400, 'INVALID_PARAMETER_VALUE', /Malformed model info/))
  expect(await post('runs/log-model', { run_id, model_json: '{"run_id": "x"}' })).toEqual(
    refusal(400, 'INVALID_PARAMETER_VALUE', /missing mandatory fields/),
  )
})

test('what is wrong is refused in the words that clients look for', async () => {
  const run_id = await newRun('0')
  const invalid = (message: RegExp) => refusal(400, 'INVALID_PARAMETER_VALUE', message)
  const metric = { key: 'm', value: 1, timestamp: 1 }
  expect(await post('runs/log-metric', { ...metric, run_id: 31 })).toEqual(invalid(/Invalid value 31 for parameter 'run_id' supplied/))
  expect(await post('runs/log-metric', { ...metric, run_id: null })).toEqual(invalid(/Missing value for required parameter 'run_id'/))
  expect(await post('runs/log-metric', { ...metric, run_id, step: 'x' })).toEqual(
    invalid(/Invalid value "x" for parameter 'step' supplied/),
  )
  expect(await post('runs/log-metric', { ...metric, run_id, key: '../m' })).toEqual(invalid(/would resolve to '..\/m'/))
  expect(await post('runs/log-metric', { ...metric, run_id, timestamp: -1 })).toEqual(invalid(/Timestamp must be a nonnegative long/))
  expect(await post('runs/log-metric', { ...metric, run_id, step: '9223372036854775807' })).toEqual(invalid(/parameter 'step'/))
  for (const [path, fields] of [
    ['runs/create', { start_time: '9223372036854775807' }],
    ['runs/update', { run_id, end_time: 2 ** 60 }],
    ['runs/outputs', { run_id, models: [{ model_id: 'm', step: 2 ** 60 }] }],
  ] as const)
    expect(await post(path, fields)).toEqual(invalid(/It must be a whole number/))
  expect(await post('runs/log-batch', { run_id, metrics: 'foo' })).toEqual(invalid(/Invalid value "foo" for parameter 'metrics' supplied/))
  expect(await post('runs/log-batch', { run_id, metrics: [{ key: 'a', value: 1 }] })).toEqual(
    invalid(/Missing value for required parameter 'metrics\[0\].timestamp'/),
  )
  expect(await post('runs/set-tag', { run_id, key: 'k', value: 41 })).toEqual(invalid(/Invalid value 41 for parameter 'value' supplied/))
  expect(await post('runs/search', { experiment_ids: ['0'], max_results: 123_456_789 })).toEqual(
    invalid(/Invalid value 123456789 for parameter 'max_results' supplied/),
  )
  expect(await post('runs/search', { experiment_ids: ['0'], filter: 'a = 1' })).toEqual(invalid(/Invalid attribute key/))
  expect(await post('runs/search', { experiment_ids: ['x'] })).toEqual(invalid(/Experiment ID must be a valid integer/))
  expect(await post('experiments/search-datasets', {})).toEqual(invalid(/at least one experiment_id/))
  expect(await get('metrics/get-history', { run_id, metric_key: 'm', max_results: 0 })).toEqual(invalid(/must be a positive integer/))
  expect(await get('/ajax-api/2.0/mlflow/metrics/get-history-bulk', { metric_key: 'm' })).toEqual(invalid(/at least one run_id/))
  expect(await get('metrics/get-history-bulk-interval', { run_ids: run_id, metric_key: 'm', start_step: 2, end_step: 1 })).toEqual(
    invalid(/end_step must be greater than start_step/),
  )
  await post('runs/log-parameter', { run_id, key: 'lr', value: '1' })
  expect(await post('runs/log-parameter', { run_id, key: 'lr', value: '2' })).toEqual(
    invalid(/Changing param values is not allowed. Param with key='lr' was already logged with value='1'/),
  )
  await post('runs/delete', { run_id })
  expect(await post('runs/set-tag', { run_id, key: 'k', value: 'v' })).toEqual(invalid(/must be in the 'active' state/))
  await post('runs/restore', { run_id })
  expect(await post('runs/delete-tag', { run_id, key: 'none' })).toEqual(refusal(404, 'RESOURCE_DOES_NOT_EXIST', /No tag with name: none/))
  expect(await get('runs/get', { run_id: 'none' })).toEqual(refusal(404, 'RESOURCE_DOES_NOT_EXIST', /Run with id=none not found/))
})

test('people search, compare and export what training code logged', async () => {
  const experiment = await newExperiment('people, "quoted"')
  const ids = []
  for (const [i, model] of ['tree', 'net'].entries()) {
    const run_id = await newRun(experiment, { run_name: `r${i}` })
    const metrics = [0, 1, 2].map((step) => ({
      key: 'loss',
      value: step === 2 && i === 1 ? 'NaN' : 1 / (step + 1 + i),
      timestamp: step,
      step,
    }))
    await post('runs/log-batch', {
      run_id,
      metrics,
      params: [
        { key: 'model', value: model },
        { key: 'note', value: 'a,"b"\nc' },
      ],
    })
    ids.push(run_id)
  }
  const call = world.admin.call
  const found = await call(runs.search, { experiments: ['people, "quoted"'], filter: 'params.model = "tree"', orderBy: ['metrics.loss'] })
  expect(found).toMatchObject({ runs: [{ id: ids[0], experiment, metrics: { loss: 1 / 3 }, params: { model: 'tree' } }], next: null })
  expect(await call(runs.get, { run: ids[1]! })).toMatchObject({ name: 'r1', metrics: { loss: null } })
  expect(await call(runs.history, { run: ids[0]!, metric: 'loss', points: 2 })).toEqual([
    { step: 0, at: 0, value: 1 },
    { step: 2, at: 2, value: 1 / 3 },
  ])
  expect(await call(runs.compare, { runs: ids, curves: ['loss'] })).toMatchObject({
    params: [
      { key: 'model', differs: true, values: ['tree', 'net'] },
      { key: 'note', differs: false },
    ],
    metrics: [{ key: 'loss', values: [1 / 3, null] }],
    coordinates: { axes: [{ key: 'model', categories: ['net', 'tree'] }, { key: 'loss' }] },
    curves: [
      { metric: 'loss', run: ids[0], points: [{ value: 1 }, { value: 0.5 }, { value: 1 / 3 }] },
      { metric: 'loss', run: ids[1], points: [{ value: 0.5 }, { value: 1 / 3 }, { value: null }] },
    ],
  })
  const csv = await (await world.admin.download(runs.export, { experiments: [experiment], orderBy: ['run_name'] })).text()
  const [head, first, , second] = csv.split(/\r\n|\n/)
  expect(head).toBe(
    'id,name,experiment,status,user,startedAt,endedAt,lifecycle,artifactUri,params.model,params.note,metrics.loss,tags.mlflow.runName',
  )
  expect(first).toMatch(new RegExp(`^${ids[0]},r0,${experiment},RUNNING,,\\d+,,active,mlflow-artifacts:/.*,tree,"a,""b""$`))
  expect(second).toMatch(new RegExp(`^${ids[1]},r1,`))
  expect(csv).toContain('c",NaN,r1')
  const lines = await (await world.admin.download(runs.export, { experiments: [experiment], format: 'jsonl' })).text()
  expect(
    lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id)
      .sort(),
  ).toEqual([...ids].sort())
  const parquet = await world.admin.download(runs.export, { experiments: [experiment], format: 'parquet', orderBy: ['run_name'] })
  const rows = await parquetReadObjects({ file: await parquet.arrayBuffer() })
  expect(rows).toMatchObject([
    { id: ids[0], name: 'r0', startedAt: expect.any(Date), endedAt: null, 'params.model': 'tree', 'metrics.loss': 1 / 3 },
    { id: ids[1], name: 'r1', 'metrics.loss': Number.NaN, 'tags.mlflow.runName': 'r1' },
  ])
  expect(await call(runs.delete, { run: ids[0]! })).toMatchObject({ lifecycle: 'deleted' })
  expect((await call(runs.search, { experiments: [experiment] })).runs).toHaveLength(1)
  expect(await call(experiments.search, { filter: "name LIKE 'people%'" })).toMatchObject({ experiments: [{ id: experiment, runs: 1 }] })
  await call(runs.restore, { run: ids[0]! })
  expect(await call(experiments.rename, { experiment: 'people, "quoted"', name: 'plain' })).toMatchObject({ id: experiment, name: 'plain' })
  expect(await call(experiments.delete, { experiment: 'plain' })).toMatchObject({ lifecycle: 'deleted' })
  expect(await call(experiments.restore, { experiment })).toMatchObject({ lifecycle: 'active' })
  await expect(call(experiments.get, { experiment: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(call(runs.compare, { runs: ['none'] })).rejects.toMatchObject({ code: 'not_found' })
  await expect(call(runs.search, { filter: 'nonsense' })).rejects.toMatchObject({ code: 'invalid' })
})

test('no project sees, changes or finds what another tracks', async () => {
  await world.admin.call(access.createProject, { name: 'rival' })
  const rival = { prefix: '/p/rival', key: await world.token('admin', 'rival') }
  const experiment = await newExperiment('secret')
  const run_id = await newRun(experiment)
  const made = await post('logged-models', { experiment_id: experiment })
  const model_id = (made.body as { model: { info: { model_id: string } } }).model.info.model_id
  for (const [method, path, fields] of [
    ['GET', 'experiments/get', { experiment_id: experiment }],
    ['GET', 'experiments/get-by-name', { experiment_name: 'secret' }],
    ['GET', 'runs/get', { run_id }],
    ['POST', 'runs/update', { run_id, status: 'FAILED' }],
    ['POST', 'runs/delete', { run_id }],
    ['POST', 'runs/log-batch', { run_id, tags: [{ key: 'a', value: 'b' }] }],
    ['POST', 'runs/log-metric', { run_id, key: 'm', value: 1, timestamp: 1 }],
    ['POST', 'runs/log-inputs', { run_id, models: [{ model_id }] }],
    ['POST', 'runs/create', { experiment_id: experiment }],
    ['GET', `logged-models/${model_id}`, {}],
    ['PATCH', `logged-models/${model_id}`, { status: 'LOGGED_MODEL_READY' }],
    ['DELETE', `logged-models/${model_id}`, {}],
  ] as const)
    expect([path, (await send(method, path, fields, rival)).status]).toEqual([path, 404])
  for (const [path, fields] of [
    ['runs/search', { experiment_ids: [experiment] }],
    ['logged-models/search', { experiment_ids: [experiment] }],
    ['experiments/search', { max_results: 10, filter: "name = 'secret'" }],
  ] as const)
    expect([path, (await send('POST', path, fields, rival)).body]).toEqual([path, {}])
  expect((await send('GET', 'runs/get', { run_id }, { prefix: '/p/rival' })).status).toBeGreaterThanOrEqual(401)
  expect((await send('POST', 'runs/log-batch', { run_id }, { key: await world.token('viewer') })).status).toBe(403)
  expect((await get('runs/get', { run_id })).body).toMatchObject({ run: { info: { status: 'RUNNING', lifecycle_stage: 'active' } } })
})
