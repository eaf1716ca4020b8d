import type { Dataset, DatasetInput, Experiment, LoggedModel, Metric, Pair, Run, RunInfo } from '../../modules/models/runs/index.ts'
import { type Field, string } from './fields.ts'

/** A number as the protocol writes it: NaN and the infinities are texts. */
function numberJson(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

/** Lists are left out when they are empty, as the reference server does. */
export function listJson<T>(name: string, items: readonly T[]): Record<string, readonly T[]> {
  return items.length === 0 ? {} : { [name]: items }
}

/** An id that clients write as text or as a number. */
export const id = (): Field<string, false> => ({ ...string(), read: readId })
export const requiredId = (): Field<string, true> => ({ ...string({ required: true }), read: readId })

function readId(value: unknown, path: string): string {
  return string().read(Number.isSafeInteger(value) ? String(value) : value, path)
}

export function experimentJson(experiment: Experiment): object {
  return {
    experiment_id: experiment.id,
    name: experiment.name,
    artifact_location: experiment.artifactLocation,
    lifecycle_stage: experiment.lifecycle,
    last_update_time: experiment.updatedAt,
    creation_time: experiment.createdAt,
    ...listJson<Pair>('tags', experiment.tags),
  }
}

export function runInfoJson(info: RunInfo): object {
  return {
    run_uuid: info.id,
    run_id: info.id,
    run_name: info.name,
    experiment_id: info.experimentId,
    user_id: info.userId,
    status: info.status,
    start_time: info.startedAt,
    ...(info.endedAt ? { end_time: info.endedAt } : {}),
    artifact_uri: info.artifactUri,
    lifecycle_stage: info.lifecycle,
  }
}

export function metricJson({ key, value, at, step }: Metric): object {
  return { key, value: numberJson(value), timestamp: at, step }
}

export function runJson(run: Run): object {
  const models = run.modelInputs.map((model_id) => ({ model_id }))
  const outputs = run.modelOutputs.map(({ modelId, step }) => ({ model_id: modelId, step }))
  return {
    info: runInfoJson(run.info),
    data: {
      ...listJson('metrics', run.metrics.map(metricJson)),
      ...listJson<Pair>('params', run.params),
      ...listJson<Pair>('tags', run.tags),
    },
    inputs: { ...listJson('dataset_inputs', run.datasets.map(datasetInputJson)), ...listJson('model_inputs', models) },
    outputs: listJson('model_outputs', outputs),
  }
}

function datasetInputJson({ dataset, tags }: DatasetInput): object {
  return { ...listJson<Pair>('tags', tags), dataset: datasetJson(dataset) }
}

function datasetJson({ name, digest, sourceType, source, schema, profile }: Dataset): object {
  return { name, digest, source_type: sourceType, source, ...(schema ? { schema } : {}), ...(profile ? { profile } : {}) }
}

const statuses = { PENDING: 'LOGGED_MODEL_PENDING', READY: 'LOGGED_MODEL_READY', FAILED: 'LOGGED_MODEL_UPLOAD_FAILED' } as const

export function loggedModelJson(model: LoggedModel): object {
  const metrics = model.metrics.map((metric) => ({
    ...metricJson(metric),
    ...(metric.datasetName === null ? {} : { dataset_name: metric.datasetName }),
    ...(metric.datasetDigest === null ? {} : { dataset_digest: metric.datasetDigest }),
    model_id: model.id,
    run_id: metric.runId,
  }))
  return {
    info: {
      model_id: model.id,
      experiment_id: model.experimentId,
      name: model.name,
      creation_timestamp_ms: model.createdAt,
      last_updated_timestamp_ms: model.updatedAt,
      artifact_uri: model.artifactLocation,
      status: statuses[model.status],
      model_type: model.modelType ?? '',
      source_run_id: model.sourceRunId ?? '',
      ...listJson<Pair>('tags', model.tags),
    },
    data: { ...listJson<Pair>('params', model.params), ...listJson('metrics', metrics) },
  }
}
