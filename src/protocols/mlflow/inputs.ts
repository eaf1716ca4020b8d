import type { DatasetInput, Runs } from '../../modules/models/runs/index.ts'
import { int64, list, message, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { pairFrom } from './tracking-fields.ts'
import { id, listJson } from './tracking-json.ts'

const datasetFields = {
  name: string({ required: true }),
  digest: string({ required: true }),
  source_type: string({ required: true }),
  source: string({ required: true }),
  schema: string(),
  profile: string(),
}
const inputTags = () => list(message({ key: string({ required: true }), value: string() }))

export function inputRpcs({ runs }: { runs: Runs }): Rpc[] {
  return [
    rpc({
      name: 'logInputs',
      method: 'POST',
      paths: ['/api/2.0/mlflow/runs/log-inputs'],
      scope: 'write',
      fields: {
        run_id: string({ required: true }),
        datasets: list(message({ tags: inputTags(), dataset: message(datasetFields, { required: true }) })),
        models: list(message({ model_id: string({ required: true }) })),
      },
      async handle({ run_id, datasets = [], models = [] }, { caller }) {
        const inputs = datasets.map(
          ({ dataset, tags = [] }): DatasetInput => ({
            dataset: {
              name: dataset.name,
              digest: dataset.digest,
              sourceType: dataset.source_type,
              source: dataset.source,
              schema: dataset.schema ?? null,
              profile: dataset.profile ?? null,
            },
            tags: tags.map(pairFrom),
          }),
        )
        await runs.logInputs(
          caller.project,
          run_id,
          inputs,
          models.map((model) => model.model_id),
        )
        return {}
      },
    }),
    rpc({
      name: 'logOutputs',
      method: 'POST',
      paths: ['/api/2.0/mlflow/runs/outputs'],
      scope: 'write',
      fields: {
        run_id: string({ required: true }),
        models: list(message({ model_id: string({ required: true }), step: int64() }), { required: true }),
      },
      async handle({ run_id, models }, { caller }) {
        await runs.logOutputs(
          caller.project,
          run_id,
          models.map(({ model_id, step = 0 }) => ({ modelId: model_id, step })),
        )
        return {}
      },
    }),
    rpc({
      name: 'searchDatasets',
      method: 'POST',
      paths: ['/api/2.0/mlflow/experiments/search-datasets'],
      scope: 'read',
      fields: { experiment_ids: list(id()) },
      async handle({ experiment_ids = [] }, { caller }) {
        const found = await runs.searchDatasets(caller.project, experiment_ids)
        const summaries = found.map(({ experimentId, name, digest, context }) => ({
          experiment_id: experimentId,
          name,
          digest,
          ...(context === null ? {} : { context }),
        }))
        return listJson('dataset_summaries', summaries)
      },
    }),
  ]
}
