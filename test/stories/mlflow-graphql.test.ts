import { afterAll, beforeAll, expect, test } from 'vitest'
import { access } from '../../src/contract/access.ts'
import { openWorld, type World } from '../world.ts'

let world: World
let token: string
let runId: string
let experimentId: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('admin')
  const made = await call<{ experiment_id: string }>('/api/2.0/mlflow/experiments/create', { name: 'asked by graph' })
  experimentId = made.experiment_id
  const started = await call<{ run: { info: { run_id: string } } }>('/api/2.0/mlflow/runs/create', {
    experiment_id: experimentId,
    start_time: 1_751_968_500_123,
  })
  runId = started.run.info.run_id
  const metrics = [
    { key: 'loss', value: 0.25, timestamp: 1, step: 3 },
    { key: 'gone', value: 'NaN', timestamp: 2, step: 4 },
  ]
  await call('/api/2.0/mlflow/runs/log-batch', { run_id: runId, metrics })
})
afterAll(() => world.close())

async function call<T>(path: string, body: object, as = token): Promise<T> {
  const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json' }
  const response = await fetch(`${world.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  expect(response.status).toBe(200)
  return (await response.json()) as T
}

const graph = (query: string, variables?: object) =>
  call<{ data: object | null; errors: string[] | null }>('/graphql', { query, variables })

test('a run, its metrics, its experiment and its model versions in one question', async () => {
  const query = `query Run($input: MlflowGetRunInput!) { mlflowGetRun(input: $input) {
    apiError { message }
    run {
      info { runId status startTime endTime }
      data { metrics { key value step timestamp } params { key } }
      experiment { name }
      modelVersions { name }
    }
  } }`
  const { data, errors } = await graph(query, { input: { runId } })
  expect(errors).toBeNull()
  expect(data).toEqual({
    mlflowGetRun: {
      apiError: null,
      run: {
        info: { runId, status: 'RUNNING', startTime: '1751968500123', endTime: '0' },
        data: {
          metrics: expect.arrayContaining([
            { key: 'loss', value: 0.25, step: '3', timestamp: '1' },
            { key: 'gone', value: null, step: '4', timestamp: '2' },
          ]),
          params: [],
        },
        experiment: { name: 'asked by graph' },
        modelVersions: [],
      },
    },
  })
})

test('searches are mutations; each error is told beside what could be answered', async () => {
  const query = `mutation { found: mlflowSearchRuns(input: {experimentIds: ["${experimentId}"], runViewType: ACTIVE_ONLY, maxResults: 5}) { runs { info { runId } } }
    wrong: mlflowSearchRuns(input: {experimentIds: ["${experimentId}"], filter: "metrics.loss >"}) { runs { info { runId } } }
    mlflowSearchDatasets(input: {experimentIds: ["${experimentId}"]}) { datasetSummaries { name } } }`
  const { data, errors } = await graph(query)
  expect(data).toEqual({ found: { runs: [{ info: { runId } }] }, wrong: null, mlflowSearchDatasets: { datasetSummaries: [] } })
  expect(errors).toEqual([expect.stringContaining('metrics.loss >')])
  expect(await graph('{ mlflowGetRun { run { info { runId } } } }')).toEqual({
    data: { mlflowGetRun: null },
    errors: [expect.stringContaining('run_id')],
  })
})

test('what does not hold against the schema, and what asks for too much, is not begun', async () => {
  expect(await graph('{ mlflowGetRun(input: {secret: 1}) { run { info { runId } } } }')).toEqual({
    data: null,
    errors: ["Field 'secret' is not defined by 'Query.mlflowGetRun(input)'."],
  })
  const many = Array.from({ length: 11 }, (_, i) => `a${i}: test(inputString: "x") { output }`).join(' ')
  expect((await graph(`{ ${many} }`)).errors).toEqual(['GraphQL queries should have at most 10 root fields, got 11 root fields.'])
  expect((await graph('{ test', {})).data).toBeNull()
  expect((await graph('{ test(inputString: "x") { output } }', [])).errors).toEqual(['Variables must be an object.'])
})

test('another project sees nothing of it; nobody asks without a key', async () => {
  await world.admin.call(access.createProject, { name: 'other' })
  const other = await world.token('admin', 'other')
  const query = `{ mlflowGetRun(input: {runId: "${runId}"}) { run { info { runId } } } }`
  const { data, errors } = await call<{ data: object; errors: string[] }>('/graphql', { query }, other)
  expect(data).toEqual({ mlflowGetRun: null })
  expect(errors).toEqual([`Run with id=${runId} not found`])
  const refused = await fetch(`${world.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  expect(refused.status).toBe(401)
})
