import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { openWorld, type World } from '../world.ts'

let world: World
let token: string
beforeAll(async () => {
  world = await openWorld()
  token = await world.token('admin')
})
afterAll(() => world.close())

async function send(path: string, body: object, key = token): Promise<{ status: number; body: Record<string, never> }> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const response = await fetch(`${world.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as never }
}

const url = '/ajax-api/2.0/mlflow/runs/create-promptlab-run'
const asked = {
  experiment_id: '0',
  run_name: 'greeting',
  prompt_template: 'Say {{word}} at {{at}}',
  prompt_parameters: [
    { key: 'word', value: 'yes' },
    { key: 'at', value: '12:30' },
  ],
  model_route: 'chat',
  model_parameters: [{ key: 'temperature', value: 0.1 }],
  model_input: 'Say yes at 12:30',
  model_output: 'yes!',
  model_output_parameters: [{ key: 'latency', value: '100' }],
  mlflow_version: '3.17.2',
  user_id: 'ann',
  start_time: 456,
}

type Info = { readonly run_id: string; readonly artifact_uri: string }
type Run = { readonly info: Info; readonly data: { readonly params: object[]; readonly tags: object[] } }

test('a prompt tried on a model becomes a finished run with its model and its answer', async () => {
  const { status, body } = await send(url, asked)
  expect(status).toBe(200)
  const { run } = body as unknown as { run: Run }
  expect(run.info).toMatchObject({ run_name: 'greeting', user_id: 'ann', status: 'FINISHED', start_time: 456, experiment_id: '0' })
  expect(run.data.params).toEqual(
    expect.arrayContaining([
      { key: 'temperature', value: '0.1' },
      { key: 'model_route', value: 'chat' },
      { key: 'prompt_template', value: 'Say {{word}} at {{at}}' },
    ]),
  )
  expect(run.data.tags).toEqual(
    expect.arrayContaining([
      { key: 'mlflow.runSourceType', value: 'PROMPT_ENGINEERING' },
      { key: 'mlflow.loggedArtifacts', value: '[{"path": "eval_results_table.json", "type": "table"}]' },
    ]),
  )
  const file = async (path: string) => {
    const query = new URLSearchParams({ run_id: run.info.run_id, path })
    return await (await fetch(`${world.url}/get-artifact?${query}`, { headers: { authorization: `Bearer ${token}` } })).text()
  }
  expect(JSON.parse(await file('eval_results_table.json'))).toEqual({
    columns: ['word', 'at', 'prompt', 'output', 'latency'],
    data: [['yes', '12:30', 'Say yes at 12:30', 'yes!', '100']],
  })
  const parameters = await file('model/parameters.yaml')
  // As YAML 1.1, which Python’s reader speaks, too.
  for (const version of ['1.1', '1.2'] as const)
    expect(parse(parameters, { version })).toEqual({
      prompt_template: 'Say {{word}} at {{at}}',
      prompt_parameters: { word: 'yes', at: '12:30' },
      model_parameters: { temperature: '0.1' },
      model_route: 'chat',
    })
  expect(parse(await file('model/MLmodel'))).toMatchObject({
    run_id: run.info.run_id,
    flavors: { python_function: { loader_module: 'mlflow.prompt.promptlab_model', parameters_path: 'parameters.yaml' } },
  })
})

test.each(['experiment_id', 'prompt_template', 'prompt_parameters', 'model_route', 'model_input', 'mlflow_version'])(
  'without %s nothing is made',
  async (field) => {
    const { [field as 'model_input']: _, ...rest } = asked
    const { status, body } = await send(url, rest)
    expect({ status, body }).toEqual({
      status: 400,
      body: { error_code: 'INVALID_PARAMETER_VALUE', message: `CreatePromptlabRun request must specify ${field}.` },
    })
  },
)

test('what cannot be kept leaves a failed run and says why; a viewer makes none', async () => {
  const { experiment_id } = (await send('/api/2.0/mlflow/experiments/create', { name: 'elsewhere', artifact_location: 's3://bucket/x' }))
    .body as unknown as { experiment_id: string }
  const { status, body } = await send(url, { ...asked, experiment_id })
  expect({ status, body }).toMatchObject({ status: 400, body: { message: expect.stringContaining('only the client reads') } })
  const found = await send('/api/2.0/mlflow/runs/search', { experiment_ids: [experiment_id] })
  expect(found.body.runs).toMatchObject([{ info: { status: 'FAILED' } }])
  expect((await send(url, asked, await world.token('viewer'))).status).toBe(403)
})
