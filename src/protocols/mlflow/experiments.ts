import { AppError } from '../../contract/errors.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { enumeration, int64, list, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { pairFrom, pairs, viewTypes } from './tracking-fields.ts'
import { experimentJson, listJson, requiredId } from './tracking-json.ts'

const base = '/api/2.0/mlflow/experiments'
const oneExperiment = { experiment_id: requiredId() }

export function experimentRpcs({ runs }: { runs: Runs }): Rpc[] {
  return [
    rpc({
      name: 'createExperiment',
      method: 'POST',
      paths: [`${base}/create`],
      scope: 'write',
      fields: { name: string({ required: true }), artifact_location: string(), tags: pairs() },
      async handle({ name, artifact_location, tags }, { caller }) {
        const created = await runs.createExperiment(caller.project, {
          name,
          artifactLocation: artifact_location,
          tags: tags?.map(pairFrom),
        })
        return { experiment_id: created.id }
      },
    }),
    rpc({
      name: 'getExperiment',
      method: 'GET',
      paths: [`${base}/get`],
      scope: 'read',
      fields: oneExperiment,
      async handle({ experiment_id }, { caller }) {
        const found = await runs.experiment(caller.project, experiment_id)
        if (!found) throw new AppError('not_found', `No Experiment with id=${experiment_id} exists`)
        return { experiment: experimentJson(found) }
      },
    }),
    rpc({
      name: 'getExperimentByName',
      method: 'GET',
      paths: [`${base}/get-by-name`],
      scope: 'read',
      fields: { experiment_name: string({ required: true }) },
      async handle({ experiment_name }, { caller }) {
        const found = await runs.experimentByName(caller.project, experiment_name)
        if (!found) throw new AppError('not_found', `Could not find experiment with name '${experiment_name}'`)
        return { experiment: experimentJson(found) }
      },
    }),
    // The protocol takes the same question in a body and in a query.
    ...(['GET', 'POST'] as const).map((method) =>
      rpc({
        name: 'searchExperiments',
        method,
        paths: [`${base}/search`],
        scope: 'read',
        fields: {
          max_results: int64(),
          page_token: string(),
          filter: string(),
          order_by: list(string()),
          view_type: enumeration(viewTypes)(),
        },
        async handle({ max_results = 0, page_token, filter, order_by, view_type }, { caller }) {
          const search = { maxResults: max_results, pageToken: page_token, filter, orderBy: order_by, view: view_type }
          const { items, nextPageToken } = await runs.searchExperiments(caller.project, search)
          return { ...listJson('experiments', items.map(experimentJson)), ...(nextPageToken ? { next_page_token: nextPageToken } : {}) }
        },
      }),
    ),
    ...changes(runs),
  ]
}

function changes(runs: Runs): Rpc[] {
  return [
    rpc({
      name: 'updateExperiment',
      method: 'POST',
      paths: [`${base}/update`],
      scope: 'write',
      fields: { ...oneExperiment, new_name: string({ required: true }) },
      async handle({ experiment_id, new_name }, { caller }) {
        await runs.renameExperiment(caller.project, experiment_id, new_name)
        return {}
      },
    }),
    rpc({
      name: 'deleteExperiment',
      method: 'POST',
      paths: [`${base}/delete`],
      scope: 'write',
      fields: oneExperiment,
      async handle({ experiment_id }, { caller }) {
        await runs.deleteExperiment(caller.project, experiment_id)
        return {}
      },
    }),
    rpc({
      name: 'restoreExperiment',
      method: 'POST',
      paths: [`${base}/restore`],
      scope: 'write',
      fields: oneExperiment,
      async handle({ experiment_id }, { caller }) {
        await runs.restoreExperiment(caller.project, experiment_id)
        return {}
      },
    }),
    rpc({
      name: 'setExperimentTag',
      method: 'POST',
      paths: [`${base}/set-experiment-tag`],
      scope: 'write',
      fields: { ...oneExperiment, key: string({ required: true }), value: string() },
      async handle({ experiment_id, key, value = '' }, { caller }) {
        await runs.setExperimentTag(caller.project, experiment_id, { key, value })
        return {}
      },
    }),
    rpc({
      name: 'deleteExperimentTag',
      method: 'POST',
      paths: [`${base}/delete-experiment-tag`],
      scope: 'write',
      fields: { ...oneExperiment, key: string({ required: true }) },
      async handle({ experiment_id, key }, { caller }) {
        await runs.deleteExperimentTag(caller.project, experiment_id, key)
        return {}
      },
    }),
  ]
}
