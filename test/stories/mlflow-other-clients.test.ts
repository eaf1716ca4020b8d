import { afterAll, beforeAll, expect, test } from 'vitest'
import { openWorld, type World } from '../world.ts'

// The Java and R clients of MLflow are not to be had in a test; these are the shapes of their requests.
let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('admin')
})
afterAll(() => world.close())

type Reply = { status: number; body: Record<string, never> & { run: { info: Record<string, string>; data: Record<string, unknown> } } }

async function send(method: string, path: string, body: string | undefined, headers: Record<string, string>): Promise<Reply> {
  const response = await fetch(`${world.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: response.status, body: (await response.json()) as never }
}

/** Java: protocol buffers printed as JSON, 64-bit numbers as texts, names in either spelling, Basic authentication. */
const java = (method: string, path: string, body?: object) =>
  send(method, `/api/2.0/mlflow/${path}`, body && JSON.stringify(body), {
    authorization: `Basic ${Buffer.from(`token:${token}`).toString('base64')}`,
    'content-type': 'application/json; charset=UTF-8',
    'user-agent': 'mlflow-java-client/3.17.0',
  })

/** R: every number and every truth as a text, in a list. */
const r = (method: string, path: string, body?: object) =>
  send(method, `/api/2.0/mlflow/${path}`, body && JSON.stringify(body), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/xml, application/xml, */*',
    'user-agent': 'mlflow-r-client/3.17.0',
  })

test('Java: a run with numbers as texts and camelCase names', async () => {
  const made = await java('POST', 'experiments/create', { name: 'from java', artifactLocation: 's3://bucket/java' })
  const { experiment_id } = made.body as unknown as { experiment_id: string }
  const started = await java('POST', 'runs/create', { experiment_id, start_time: '1751968500123', user_id: 'ann' })
  const runId = started.body.run.info.run_id!
  expect(started.body.run.info).toMatchObject({
    start_time: 1_751_968_500_123,
    status: 'RUNNING',
    artifact_uri: `s3://bucket/java/${runId}/artifacts`,
  })
  const metric = { run_uuid: runId, run_id: runId, key: 'loss', value: 'NaN', timestamp: '1751968500124', step: '9' }
  expect((await java('POST', 'runs/log-metric', metric)).status).toBe(200)
  const batch = {
    runId,
    metrics: [{ key: 'acc', value: 0.5, timestamp: '1751968500125', step: '-1' }],
    params: [{ key: 'p', value: '1' }],
    tags: [{ key: 't', value: '' }],
  }
  expect(await java('POST', 'runs/log-batch', batch)).toMatchObject({ status: 200, body: {} })
  expect((await java('POST', 'runs/update', { run_id: runId, status: 'FINISHED', end_time: '1751968600000' })).status).toBe(200)
  const { body } = await java('GET', `runs/get?run_uuid=${runId}&run_id=${runId}`)
  expect(body.run.info).toMatchObject({ status: 'FINISHED', end_time: 1_751_968_600_000 })
  expect(body.run.data).toMatchObject({
    metrics: [
      { key: 'acc', value: 0.5, step: -1 },
      { key: 'loss', value: 'NaN', step: 9 },
    ],
    params: [{ key: 'p', value: '1' }],
  })
  const history = await java('GET', `metrics/get-history?run_id=${runId}&metric_key=acc`)
  expect(history.body).toMatchObject({ metrics: [{ timestamp: 1_751_968_500_125 }] })
  const page = await java('POST', 'runs/search', { experiment_ids: [experiment_id], filter: '', run_view_type: 1, max_results: 1_000 })
  expect((page.body as unknown as { runs: object[] }).runs).toHaveLength(1)
})

test('R: everything is a text, and what is not known is not there', async () => {
  const made = await r('POST', 'experiments/create', { name: 'from R', tags: [{ key: 'lang', value: 'R' }] })
  const { experiment_id } = made.body as unknown as { experiment_id: string }
  const started = await r('POST', 'runs/create', { experiment_id, start_time: '1751968500123', tags: [] })
  const run_id = started.body.run.info.run_id!
  expect((await r('POST', 'runs/log-metric', { run_id, key: 'rmse', value: '0.25', timestamp: '1751968500124', step: '3' })).status).toBe(
    200,
  )
  expect(
    (await r('POST', 'runs/log-metric', { run_id, key: 'odd', value: '-Infinity', timestamp: '1751968500124', step: '0' })).status,
  ).toBe(200)
  expect((await r('POST', 'runs/log-parameter', { run_id, run_uuid: run_id, key: 'alpha', value: '1e-05' })).status).toBe(200)
  const found = await r('POST', 'runs/search', {
    experiment_ids: [experiment_id],
    filter: 'metrics.rmse < 0.3',
    run_view_type: 'ACTIVE_ONLY',
    max_results: '100',
  })
  expect((found.body as unknown as { runs: { data: object }[] }).runs[0]!.data).toMatchObject({
    params: [{ key: 'alpha', value: '1e-05' }],
  })
  const versions = await r('GET', 'registered-models/search?max_results=10')
  expect(versions.status).toBe(200)
  await r('POST', 'registered-models/create', { name: 'r-model' })
  const patched = await r('PATCH', 'registered-models/update', { name: 'r-model', description: 'by R' })
  expect(patched.body).toMatchObject({ registered_model: { description: 'by R' } })
  expect((await r('DELETE', 'registered-models/delete', { name: 'r-model' })).body).toEqual({})
})

test('old clients wrap their JSON in a text, and repeat a key of a query for a list', async () => {
  const wrapped = JSON.stringify(JSON.stringify({ name: 'wrapped' }))
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  expect((await send('POST', '/api/2.0/mlflow/experiments/create', wrapped, headers)).status).toBe(200)
  expect((await send('POST', '/api/2.0/mlflow/experiments/search', '', headers)).status).toBe(400)
  const begun = await send('POST', '/api/2.0/mlflow/traces', JSON.stringify({ experiment_id: '0', timestamp_ms: '1000' }), headers)
  const id = (begun.body as unknown as { trace_info: { request_id: string } }).trace_info.request_id
  expect(begun.body).toMatchObject({ trace_info: { status: 'IN_PROGRESS', timestamp_ms: 1_000, execution_time_ms: 0 } })
  const end = { timestamp_ms: '3000', status: 'OK', request_metadata: [{ key: 'a', value: 'b' }], tags: [] }
  const ended = await send('PATCH', `/api/2.0/mlflow/traces/${id}`, JSON.stringify(end), headers)
  expect(ended.body).toMatchObject({ trace_info: { status: 'OK', execution_time_ms: 2_000, request_metadata: [{ key: 'a', value: 'b' }] } })
  const tagged = await send('PATCH', `/api/2.0/mlflow/traces/${id}/tags`, JSON.stringify({ key: 'x', value: '1' }), headers)
  expect(tagged).toMatchObject({ status: 200, body: {} })
  const gone = await send('DELETE', `/api/2.0/mlflow/traces/${id}/tags`, JSON.stringify({ key: 'x' }), headers)
  expect(gone).toMatchObject({ status: 200, body: {} })
  const query = `experiment_ids=0&experiment_ids=1&order_by=timestamp_ms%20DESC&order_by=request_id%20ASC&max_results=5`
  const searched = await send('GET', `/api/2.0/mlflow/traces?${query}`, undefined, headers)
  expect((searched.body as unknown as { traces: { request_id: string }[] }).traces.map((trace) => trace.request_id)).toEqual([id])
})

test('what is wrong is refused in the words that every client reads', async () => {
  for (const [method, path, body] of [
    ['POST', 'runs/create', { experiment_id: 'not a number' }],
    ['POST', 'runs/log-metric', { run_id: 'x', key: 'm', value: 'much', timestamp: '1' }],
    ['GET', 'runs/get?run_id=none', undefined],
    ['POST', 'registered-models/create', { name: 'a/b' }],
  ] as const) {
    const { status, body: reply } = await java(method, path, body)
    expect([path, status >= 400 && status < 500, Object.keys(reply)]).toEqual([path, true, ['error_code', 'message']])
  }
  const missing = await java('GET', 'nothing/here')
  expect(missing).toMatchObject({ status: 404, body: { error_code: 'ENDPOINT_NOT_FOUND' } })
  const nobody = await send('GET', '/api/2.0/mlflow/experiments/get?experiment_id=0', undefined, {})
  expect(nobody).toMatchObject({ status: 401, body: { error_code: 'UNAUTHENTICATED' } })
})
