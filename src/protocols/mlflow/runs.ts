import { AppError } from '../../contract/errors.ts'
import type { Runs } from '../../modules/models/runs/index.ts'
import { enumeration, int32, int64, list, string } from './fields.ts'
import { type Rpc, rpc } from './rpc.ts'
import { eitherRunId, pairFrom, pairs, runIdFrom, viewTypes } from './tracking-fields.ts'
import { id, listJson, runInfoJson, runJson } from './tracking-json.ts'

const base = '/api/2.0/mlflow/runs'
const statuses = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const
const MOST_RESULTS = 50_000

export function runRpcs({ runs }: { runs: Runs }): Rpc[] {
  return [
    rpc({
      name: 'createRun',
      method: 'POST',
      paths: [`${base}/create`],
      scope: 'write',
      fields: { experiment_id: id(), user_id: string(), run_name: string(), start_time: int64(), tags: pairs() },
      async handle({ experiment_id, user_id, run_name, start_time, tags }, { caller }) {
        const created = await runs.createRun(caller.project, {
          experimentId: experiment_id,
          userId: user_id,
          startedAt: start_time,
          name: run_name,
          tags: tags?.map(pairFrom),
        })
        return { run: runJson(created) }
      },
    }),
    rpc({
      name: 'updateRun',
      method: 'POST',
      paths: [`${base}/update`],
      scope: 'write',
      fields: { ...eitherRunId, status: enumeration(statuses)(), end_time: int64(), run_name: string() },
      async handle(input, { caller }) {
        const { status, end_time, run_name } = input
        const info = await runs.updateRun(caller.project, runIdFrom(input), { status, endedAt: end_time, name: run_name })
        return { run_info: runInfoJson(info) }
      },
    }),
    rpc({
      name: 'getRun',
      method: 'GET',
      paths: [`${base}/get`],
      scope: 'read',
      fields: eitherRunId,
      async handle(input, { caller }) {
        const runId = runIdFrom(input)
        const found = await runs.run(caller.project, runId)
        if (!found) throw new AppError('not_found', `Run with id=${runId} not found`)
        return { run: runJson(found) }
      },
    }),
    rpc({
      name: 'searchRuns',
      method: 'POST',
      paths: [`${base}/search`],
      scope: 'read',
      fields: {
        experiment_ids: list(id()),
        filter: string(),
        run_view_type: enumeration(viewTypes)(),
        max_results: int32(),
        order_by: list(string()),
        page_token: string(),
      },
      async handle({ experiment_ids = [], filter, run_view_type, max_results, order_by, page_token }, { caller }) {
        if (max_results !== undefined && max_results > MOST_RESULTS)
          throw new AppError(
            'invalid',
            `Invalid value ${max_results} for parameter 'max_results' supplied:  Hint: Value was of type 'int'. It must be at most ${MOST_RESULTS}`,
          )
        const { items, nextPageToken } = await runs.searchRuns(caller.project, {
          experimentIds: experiment_ids,
          filter,
          view: run_view_type,
          maxResults: max_results,
          orderBy: order_by,
          pageToken: page_token,
        })
        return { ...listJson('runs', items.map(runJson)), ...(nextPageToken ? { next_page_token: nextPageToken } : {}) }
      },
    }),
    ...endings(runs),
  ]
}

function endings(runs: Runs): Rpc[] {
  const fields = { run_id: string({ required: true }) }
  return [
    rpc({
      name: 'deleteRun',
      method: 'POST',
      paths: [`${base}/delete`],
      scope: 'write',
      fields,
      async handle({ run_id }, { caller }) {
        await runs.deleteRun(caller.project, run_id)
        return {}
      },
    }),
    rpc({
      name: 'restoreRun',
      method: 'POST',
      paths: [`${base}/restore`],
      scope: 'write',
      fields,
      async handle({ run_id }, { caller }) {
        await runs.restoreRun(caller.project, run_id)
        return {}
      },
    }),
  ]
}
