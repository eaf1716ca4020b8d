import { AppError } from '../../contract/errors.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { bool, enumeration, int32, list, message, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { pairFrom, pairs } from './tracking-fields.ts'
import { id, listJson, loggedModelJson, requiredId } from './tracking-json.ts'

const base = '/api/2.0/mlflow/logged-models'
const one = `${base}/:model_id`
const oneModel = { model_id: string({ required: true }) }
const wireStatuses = ['LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED'] as const
const statuses = { LOGGED_MODEL_PENDING: 'PENDING', LOGGED_MODEL_READY: 'READY', LOGGED_MODEL_UPLOAD_FAILED: 'FAILED' } as const

export function loggedModelRpcs({ runs }: { runs: Runs }): Rpc[] {
  return [
    rpc({
      name: 'createLoggedModel',
      method: 'POST',
      paths: [base],
      scope: 'write',
      fields: {
        experiment_id: requiredId(),
        name: string(),
        model_type: string(),
        source_run_id: string(),
        params: pairs(),
        tags: pairs(),
      },
      async handle({ experiment_id, name, model_type, source_run_id, params, tags }, { caller }) {
        const created = await runs.createLoggedModel(caller.project, {
          experimentId: experiment_id,
          name: name === '' ? undefined : name,
          modelType: model_type,
          sourceRunId: source_run_id,
          params: params?.map(pairFrom),
          tags: tags?.map(pairFrom),
        })
        return { model: loggedModelJson(created) }
      },
    }),
    rpc({
      name: 'getLoggedModel',
      method: 'GET',
      paths: [one],
      scope: 'read',
      fields: { ...oneModel, allow_deleted: bool() },
      async handle({ model_id, allow_deleted }, { caller }) {
        const found = await runs.loggedModel(caller.project, model_id, { deleted: allow_deleted })
        if (!found) throw new AppError('not_found', `Logged model with ID '${model_id}' not found.`)
        return { model: loggedModelJson(found) }
      },
    }),
    rpc({
      name: 'finalizeLoggedModel',
      method: 'PATCH',
      paths: [one],
      scope: 'write',
      fields: { ...oneModel, status: enumeration(wireStatuses)({ required: true }) },
      async handle({ model_id, status }, { caller }) {
        return { model: loggedModelJson(await runs.finalizeLoggedModel(caller.project, model_id, statuses[status])) }
      },
    }),
    rpc({
      name: 'deleteLoggedModel',
      method: 'DELETE',
      paths: [one],
      scope: 'write',
      fields: oneModel,
      async handle({ model_id }, { caller }) {
        await runs.deleteLoggedModel(caller.project, model_id)
        return {}
      },
    }),
    ...describing(runs),
    searching(runs),
  ]
}

function describing(runs: Runs): Rpc[] {
  return [
    rpc({
      name: 'logLoggedModelParams',
      method: 'POST',
      paths: [`${one}/params`],
      scope: 'write',
      fields: { ...oneModel, params: pairs() },
      async handle({ model_id, params = [] }, { caller }) {
        await runs.logLoggedModelParams(caller.project, model_id, params.map(pairFrom))
        return {}
      },
    }),
    rpc({
      name: 'setLoggedModelTags',
      method: 'PATCH',
      paths: [`${one}/tags`],
      scope: 'write',
      fields: { ...oneModel, tags: pairs() },
      async handle({ model_id, tags = [] }, { caller }) {
        await runs.setLoggedModelTags(caller.project, model_id, tags.map(pairFrom))
        return {}
      },
    }),
    rpc({
      name: 'deleteLoggedModelTag',
      method: 'DELETE',
      paths: [`${one}/tags/:tag_key`],
      scope: 'write',
      fields: { ...oneModel, tag_key: string({ required: true }) },
      async handle({ model_id, tag_key }, { caller }) {
        await runs.deleteLoggedModelTag(caller.project, model_id, tag_key)
        return {}
      },
    }),
  ]
}

const datasetFields = { dataset_name: string(), dataset_digest: string() }

function searching(runs: Runs): Rpc {
  return rpc({
    name: 'searchLoggedModels',
    method: 'POST',
    paths: [`${base}/search`],
    scope: 'read',
    fields: {
      experiment_ids: list(id(), { required: true }),
      filter: string(),
      datasets: list(message(datasetFields)),
      max_results: int32(),
      order_by: list(message({ field_name: string(), ascending: bool(), ...datasetFields })),
      page_token: string(),
    },
    async handle({ experiment_ids, filter, datasets = [], max_results, order_by = [], page_token }, { caller }) {
      const { items, nextPageToken } = await runs.searchLoggedModels(caller.project, {
        experimentIds: experiment_ids,
        filter,
        datasets: datasets.map(({ dataset_name = '', dataset_digest }) => ({ name: dataset_name, digest: dataset_digest || undefined })),
        orderBy: order_by.map(({ field_name = '', ascending = true, dataset_name, dataset_digest }) => ({
          field: field_name,
          ascending,
          dataset: dataset_name ? { name: dataset_name, digest: dataset_digest || undefined } : undefined,
        })),
        maxResults: max_results || undefined,
        pageToken: page_token,
      })
      return {
        ...listJson('models', items.map(loggedModelJson)),
        ...(nextPageToken ? { next_page_token: nextPageToken } : {}),
      }
    },
  })
}
