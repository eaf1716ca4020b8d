import { AppError } from '../../contract/errors.ts'
import type { LoggedMetric, Runs } from '../../modules/models/runs/index.ts'
import { double, int64, list, message, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { eitherRunId, keyedPairs, pairFrom, runIdFrom } from './tracking-fields.ts'

const base = '/api/2.0/mlflow/runs'
const metricFields = {
  key: string({ required: true }),
  value: double({ required: true }),
  timestamp: int64({ required: true }),
  step: int64(),
  model_id: string(),
  dataset_name: string(),
  dataset_digest: string(),
}
type MetricMessage = {
  readonly key: string
  readonly value: number
  readonly timestamp: number
  readonly step?: number | undefined
  readonly model_id?: string | undefined
  readonly dataset_name?: string | undefined
  readonly dataset_digest?: string | undefined
}

function metricFrom({ key, value, timestamp, step = 0, model_id, dataset_name, dataset_digest }: MetricMessage): LoggedMetric {
  const empty = (text: string | undefined) => (text === '' ? undefined : text)
  return {
    key,
    value,
    at: timestamp,
    step,
    modelId: empty(model_id),
    datasetName: empty(dataset_name),
    datasetDigest: empty(dataset_digest),
  }
}

const nothing = { metrics: [], params: [], tags: [] }

/** What a training loop adds to its run. */
export function loggingRpcs({ runs }: { runs: Runs }): Rpc[] {
  return [
    rpc({
      name: 'logBatch',
      method: 'POST',
      paths: [`${base}/log-batch`],
      scope: 'write',
      fields: {
        run_id: string({ required: true }),
        metrics: list(message(metricFields)),
        params: keyedPairs(),
        tags: keyedPairs(),
      },
      async handle({ run_id, metrics = [], params = [], tags = [] }, { caller }) {
        await runs.logBatch({
          project: caller.project,
          runId: run_id,
          metrics: metrics.map(metricFrom),
          params: params.map(pairFrom),
          tags: tags.map(pairFrom),
        })
        return {}
      },
    }),
    rpc({
      name: 'logMetric',
      method: 'POST',
      paths: [`${base}/log-metric`],
      scope: 'write',
      fields: { ...eitherRunId, ...metricFields },
      async handle(input, { caller }) {
        await runs.logBatch({ ...nothing, project: caller.project, runId: runIdFrom(input), metrics: [metricFrom(input)], single: true })
        return {}
      },
    }),
    rpc({
      name: 'logParam',
      method: 'POST',
      paths: [`${base}/log-parameter`],
      scope: 'write',
      fields: { ...eitherRunId, key: string({ required: true }), value: string() },
      async handle(input, { caller }) {
        await runs.logBatch({ ...nothing, project: caller.project, runId: runIdFrom(input), params: [pairFrom(input)], single: true })
        return {}
      },
    }),
    ...tagging(runs),
    rpc({
      name: 'logModel',
      method: 'POST',
      paths: [`${base}/log-model`],
      scope: 'write',
      fields: { run_id: string({ required: true }), model_json: string({ required: true }) },
      async handle({ run_id, model_json }, { caller }) {
        await runs.logModel(caller.project, run_id, modelFrom(model_json))
        return {}
      },
    }),
  ]
}

function tagging(runs: Runs): Rpc[] {
  return [
    rpc({
      name: 'setTag',
      method: 'POST',
      paths: [`${base}/set-tag`],
      scope: 'write',
      fields: { ...eitherRunId, key: string({ required: true }), value: string() },
      async handle(input, { caller }) {
        await runs.setRunTag(caller.project, runIdFrom(input), pairFrom(input))
        return {}
      },
    }),
    rpc({
      name: 'deleteTag',
      method: 'POST',
      paths: [`${base}/delete-tag`],
      scope: 'write',
      fields: { run_id: string({ required: true }), key: string({ required: true }) },
      async handle({ run_id, key }, { caller }) {
        await runs.deleteRunTag(caller.project, run_id, key)
        return {}
      },
    }),
  ]
}

const modelFields = ['artifact_path', 'flavors', 'utc_time_created', 'run_id']
/** What is kept of a model in the run’s history of models. */
const keptFields = ['run_id', 'utc_time_created', 'artifact_path', 'model_uuid']

function modelFrom(text: string): Record<string, unknown> {
  const model = objectFrom(text)
  const absent = modelFields.filter((name) => !(name in model))
  if (absent.length > 0)
    throw new AppError('invalid', `Model json is missing mandatory fields: {${absent.map((name) => `'${name}'`).join(', ')}}`)
  const flavors = Object.entries(isObject(model.flavors) ? model.flavors : {}).map(([name, flavor]) => {
    if (!isObject(flavor)) return [name, flavor]
    const { config: _, ...kept } = flavor
    return [name, kept]
  })
  const kept = keptFields.filter((name) => model[name] !== undefined).map((name) => [name, model[name]])
  return { ...Object.fromEntries(kept), ...('model_uuid' in model ? {} : { model_uuid: null }), flavors: Object.fromEntries(flavors) }
}

function objectFrom(text: string): Record<string, unknown> {
  const malformed = (cause?: unknown) =>
    new AppError('invalid', `Malformed model info. \n ${text.slice(0, 1_000)} \n is not a valid JSON.`, {}, cause)
  try {
    const model: unknown = JSON.parse(text)
    if (isObject(model)) return model
  } catch (cause) {
    throw malformed(cause)
  }
  throw malformed()
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
