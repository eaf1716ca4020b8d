import { stringify } from 'yaml'
import { AppError } from '../../contract/errors.ts'
import type { Clock } from '../../infra/clock.ts'
import type { Artifacts } from '../../modules/models/artifacts/index.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { pathAt } from './artifact-paths.ts'
import { int64, json, list, message, type Read, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { pairFrom, pairs } from './tracking-fields.ts'
import { id, runJson } from './tracking-json.ts'

const RESULTS = 'eval_results_table.json'
const LOADER = 'mlflow.prompt.promptlab_model'

/** Values come as any JSON; they are kept as texts. */
const parameters = () => list(message({ key: string(), value: json() }))
const fields = {
  experiment_id: id(),
  run_name: string(),
  tags: pairs(),
  prompt_template: string(),
  prompt_parameters: parameters(),
  model_route: string(),
  model_parameters: parameters(),
  model_input: string(),
  model_output: json(),
  model_output_parameters: parameters(),
  mlflow_version: string(),
  user_id: string(),
  start_time: int64(),
}
type Given = Read<typeof fields>
const demanded = ['experiment_id', 'prompt_template', 'prompt_parameters', 'model_route', 'model_input', 'mlflow_version'] as const
type Asked = Given & Required<Pick<Given, (typeof demanded)[number]>>

type Deps = { readonly runs: Runs; readonly artifacts: Artifacts; readonly clock: Clock; readonly mlflowVersion: string }

/** A prompt tried on a model in the protocol’s browser console, kept as a finished run with the prompt as a model and its answer as a table. */
export function promptlabRpcs({ runs, artifacts, clock, mlflowVersion }: Deps): Rpc[] {
  return [
    rpc({
      name: 'createPromptlabRun',
      method: 'POST',
      paths: ['/ajax-api/2.0/mlflow/runs/create-promptlab-run'],
      scope: 'write',
      fields,
      async handle(input, { caller: { project } }) {
        const asked = askedFrom(input)
        const { info } = await runs.createRun(project, {
          experimentId: asked.experiment_id,
          userId: asked.user_id ?? 'unknown',
          startedAt: asked.start_time ?? clock.now(),
          name: asked.run_name,
          tags: asked.tags?.map(pairFrom),
        })
        const close = (status: 'FINISHED' | 'FAILED') => runs.updateRun(project, info.id, { status, endedAt: clock.now() })
        try {
          const { params, tags } = recordsFrom(asked)
          await runs.logBatch({ project, runId: info.id, metrics: [], params, tags })
          const model = modelFrom(asked, { runId: info.id, atMs: clock.now(), mlflowVersion })
          const { artifact_path, run_id, utc_time_created, flavors } = model
          await runs.logModel(project, info.id, { artifact_path, run_id, utc_time_created, flavors })
          for (const [path, text] of filesFrom(asked, model, mlflowVersion))
            await artifacts.put(project, pathAt(info.artifactUri, path), once(Buffer.from(text)))
        } catch (error) {
          await close('FAILED')
          throw error
        }
        await close('FINISHED')
        const made = await runs.run(project, info.id)
        if (!made) throw new AppError('not_found', `Run with id=${info.id} not found`)
        return { run: runJson(made) }
      },
    }),
  ]
}

function askedFrom(input: Given): Asked {
  const absent = demanded.find((name) => input[name] === undefined || input[name].length === 0)
  if (absent) throw new AppError('invalid', `CreatePromptlabRun request must specify ${absent}.`)
  return input as Asked
}

function pairsOf(given: Asked['prompt_parameters'] = []): { key: string; value: string }[] {
  return given.map(({ key = '', value = '' }) => ({ key, value: typeof value === 'string' ? value : JSON.stringify(value) }))
}

function recordsFrom({ model_parameters, model_route, prompt_template }: Asked) {
  const params = [
    ...pairsOf(model_parameters),
    { key: 'model_route', value: model_route },
    { key: 'prompt_template', value: prompt_template },
  ]
  // Spaces as Python writes them: clients compare this text.
  const tables = `[{"path": "${RESULTS}", "type": "table"}]`
  const tags = [
    { key: 'mlflow.loggedArtifacts', value: tables },
    { key: 'mlflow.runSourceType', value: 'PROMPT_ENGINEERING' },
  ]
  return { params, tags }
}

type Made = { readonly runId: string; readonly atMs: number; readonly mlflowVersion: string }

function modelFrom({ prompt_parameters }: Asked, { runId, atMs, mlflowVersion }: Made) {
  const column = (name: string) => ({ type: 'string', name, required: true })
  return {
    artifact_path: 'model',
    run_id: runId,
    utc_time_created: new Date(atMs).toISOString().replace('T', ' ').replace('Z', '000'),
    mlflow_version: mlflowVersion,
    flavors: { python_function: { loader_module: LOADER, parameters_path: 'parameters.yaml' } },
    saved_input_example_info: { artifact_path: 'input_example.json', type: 'json_object' },
    signature: {
      inputs: JSON.stringify(prompt_parameters.map(({ key = '' }) => column(key))),
      outputs: JSON.stringify([column('output')]),
      params: null,
    },
  }
}

/** Files of the run by path, as texts. */
function filesFrom(asked: Asked, model: object, mlflowVersion: string): [string, string][] {
  const prompt = pairsOf(asked.prompt_parameters)
  const results = pairsOf(asked.model_output_parameters)
  const record = (list: readonly { key: string; value: string }[]) => Object.fromEntries(list.map(({ key, value }) => [key, value]))
  const kept = {
    prompt_template: asked.prompt_template,
    prompt_parameters: record(prompt),
    model_parameters: record(pairsOf(asked.model_parameters)),
    model_route: asked.model_route,
  }
  const table = {
    columns: [...prompt.map(({ key }) => key), 'prompt', 'output', ...results.map(({ key }) => key)],
    data: [[...prompt.map(({ value }) => value), asked.model_input, asked.model_output ?? null, ...results.map(({ value }) => value)]],
  }
  return [
    ['model/MLmodel', yaml(model)],
    ['model/parameters.yaml', yaml(kept)],
    ['model/requirements.txt', `mlflow[gateway]==${mlflowVersion}\n`],
    ['model/input_example.json', JSON.stringify({ inputs: prompt.map(({ value }) => value) })],
    [RESULTS, JSON.stringify(table)],
  ]
}

/** All texts quoted: Python’s reader takes a bare `yes` or `12:30` for something else. */
function yaml(value: object): string {
  return stringify(value, { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 })
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
