import type { Verbs } from '../../../contract/endpoint.ts'
import type { evaluations } from '../../../contract/evaluations.ts'
import { createDatasets, type Deps } from './datasets.ts'
import { createEvaluationRecords } from './records.ts'
import { createScorers } from './scorers.ts'

export type Evaluations = ReturnType<typeof createEvaluations>

/** What applications of language models are evaluated on, and by what. */
export function createEvaluations(deps: Deps) {
  const datasets = createDatasets(deps)
  const records = createEvaluationRecords(deps)
  const scorers = createScorers(deps)
  const verbs: Verbs<typeof evaluations> = {
    async searchDatasets({ filter, experiment, limit }, caller) {
      const search = { filter, orderBy: [], experiments: experiment === undefined ? undefined : [experiment], most: limit, skip: 0 }
      return await datasets.search(search, caller)
    },
    createDataset: datasets.create,
    getDataset: ({ dataset }, caller) => datasets.find(dataset, caller),
    async deleteDataset({ dataset, reason }, caller) {
      return { deleted: await datasets.remove(dataset, reason, caller) }
    },
    upsertRecords: records.upsert,
    async listRecords({ dataset, after, limit }, caller) {
      const last = after === undefined ? undefined : await records.find(dataset, after, caller)
      return await records.list(dataset, { most: limit, after: last }, caller)
    },
    async listScorers({ experiment }, caller) {
      await scorers.needActive(caller.project, experiment)
      return await scorers.newest([experiment], caller)
    },
  }
  return { ...verbs, datasets, records, scorers }
}
