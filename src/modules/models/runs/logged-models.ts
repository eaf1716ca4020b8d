import type { Clock } from '../../../infra/clock.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import type { LoggedModel, ModelStatus, Page, Pair } from './entities.ts'
import type { Experiments } from './experiments.ts'
import { placeUnder } from './lifecycle.ts'
import { checkLength, checkLoggedModelName, checkMaxResults, checkModelPairs, experimentNumber, invalid } from './limits.ts'
import { pageToken, placeFrom } from './page-token.ts'
import { randomName } from './random-name.ts'
import { noLoggedModel, noModelTag } from './refusals.ts'
import { clausesOf } from './search-conditions.ts'
import { modelGrammar } from './search-grammars.ts'
import { type DatasetFilter, type ModelOrdering, searchModelRows } from './search-models.ts'
import * as store from './store-models.ts'
import type { ModelRow } from './tables.ts'

const DEFAULT_RESULTS = 100
const MOST_SEARCHED_EXPERIMENTS = 20_000

export type NewLoggedModel = {
  readonly experimentId: string
  readonly name?: string | undefined
  readonly modelType?: string | undefined
  readonly sourceRunId?: string | undefined
  readonly params?: readonly Pair[] | undefined
  readonly tags?: readonly Pair[] | undefined
}
export type ModelSearch = {
  readonly experimentIds: readonly string[]
  readonly filter?: string | undefined
  readonly datasets?: readonly DatasetFilter[] | undefined
  readonly orderBy?: readonly ModelOrdering[] | undefined
  readonly maxResults?: number | undefined
  readonly pageToken?: string | undefined
}
type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly random: () => number
  readonly hexId: () => string
  readonly experiments: Experiments
}

/** Models that runs logged, before anybody registers them. */
export function createLoggedModels({ sql, clock, random, hexId, experiments }: Deps) {
  async function need(db: Db, project: string, id: string): Promise<ModelRow> {
    const row = await store.findModelRow(db, project, id)
    if (!row) throw noLoggedModel(id)
    return row
  }

  async function withRow(project: string, id: string, change: (tx: Db, row: ModelRow) => Promise<void>): Promise<LoggedModel> {
    return await sql.transaction(async (tx) => {
      await change(tx, await need(tx, project, id))
      return (await store.modelsFrom(tx, project, [await need(tx, project, id)]))[0]!
    })
  }

  return {
    async createLoggedModel(project: string, given: NewLoggedModel): Promise<LoggedModel> {
      const { experimentId, name, modelType, sourceRunId, params = [], tags = [] } = given
      if (name !== undefined) checkLoggedModelName(name)
      checkLength('model_type', modelType ?? '', 500)
      checkLength('source_run_id', sourceRunId ?? '', 256)
      checkModelPairs(params, 'params')
      checkModelPairs(tags, 'tags')
      await experiments.prepare(project)
      const id = `m-${hexId()}`
      return await sql.transaction(async (tx) => {
        const experiment = await experiments.needActiveExperiment(tx, project, experimentId)
        const at = clock.now()
        const row: ModelRow = {
          project,
          id,
          experiment: experiment.number,
          name: name ?? randomName(random),
          artifact_location: placeUnder(experiment.artifactLocation, `models/${id}/artifacts`),
          model_type: modelType ?? '',
          source_run: sourceRunId ?? '',
          status: 'PENDING',
          lifecycle: 'active',
          created_at: at,
          updated_at: at,
        }
        await store.insertModel(tx, row)
        await store.saveModelPairs(tx, 'logged_model_params', row, params)
        await store.saveModelPairs(tx, 'logged_model_tags', row, tags)
        return (await store.modelsFrom(tx, project, [row]))[0]!
      })
    },
    /** `undefined` when there is none, or it is deleted and deleted ones are not asked for. */
    async loggedModel(project: string, id: string, { deleted = false }: { deleted?: boolean } = {}): Promise<LoggedModel | undefined> {
      const row = await store.findModelRow(sql, project, id)
      if (!row || (row.lifecycle === 'deleted' && !deleted)) return undefined
      return (await store.modelsFrom(sql, project, [row]))[0]
    },
    async finalizeLoggedModel(project: string, id: string, status: ModelStatus): Promise<LoggedModel> {
      return await withRow(project, id, (tx, row) => store.updateModel(tx, row, { status, updated_at: clock.now() }))
    },
    async deleteLoggedModel(project: string, id: string): Promise<void> {
      await withRow(project, id, (tx, row) => store.updateModel(tx, row, { lifecycle: 'deleted', updated_at: clock.now() }))
    },
    async logLoggedModelParams(project: string, id: string, params: readonly Pair[]): Promise<void> {
      checkModelPairs(params, 'params')
      await withRow(project, id, (tx, row) => store.saveModelPairs(tx, 'logged_model_params', row, params))
    },
    async setLoggedModelTags(project: string, id: string, tags: readonly Pair[]): Promise<LoggedModel> {
      checkModelPairs(tags, 'tags')
      return await withRow(project, id, (tx, row) => store.saveModelPairs(tx, 'logged_model_tags', row, tags))
    },
    async deleteLoggedModelTag(project: string, id: string, key: string): Promise<void> {
      await withRow(project, id, async (tx, row) => {
        if (await store.deleteModelTag(tx, row, key)) return
        throw noModelTag(key, id)
      })
    },
    async searchLoggedModels(project: string, search: ModelSearch): Promise<Page<LoggedModel>> {
      const { experimentIds, filter, datasets = [], orderBy = [], maxResults = DEFAULT_RESULTS } = search
      checkMaxResults(maxResults)
      if (experimentIds.length > MOST_SEARCHED_EXPERIMENTS)
        throw invalid(`at most ${MOST_SEARCHED_EXPERIMENTS} experiments can be searched at once`)
      if (datasets.some((dataset) => dataset.name === '')) throw invalid('`dataset_name` in the `datasets` clause must be specified.')
      const experimentNumbers = experimentIds.map(experimentNumber)
      const asked = JSON.stringify([experimentIds, filter ?? null, orderBy])
      const place = placeFrom(search.pageToken)
      if (search.pageToken && place.question !== asked)
        throw invalid(
          'Experiment IDs, filter string or order by in the page token do not match the requested ones; ask for the first page anew',
        )
      const clauses = clausesOf(filter, modelGrammar)
      if (experimentNumbers.length === 0) return { items: [], nextPageToken: undefined }
      const question = { project, experiments: experimentNumbers, clauses, datasets, orderings: orderBy }
      const found = await searchModelRows(sql, question, { offset: place.offset, limit: maxResults + 1 }, sql.dialect)
      const more = found.length > maxResults
      return {
        items: found.slice(0, maxResults),
        nextPageToken: more ? pageToken({ offset: place.offset + maxResults, part: 0, question: asked }) : undefined,
      }
    },
  }
}
