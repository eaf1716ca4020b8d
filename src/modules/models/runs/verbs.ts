import type { Verbs } from '../../../contract/endpoint.ts'
import { AppError } from '../../../contract/errors.ts'
import type { Experiment as ExperimentReply, experiments } from '../../../contract/experiments.ts'
import type { Run as RunReply, runs } from '../../../contract/runs.ts'
import type { Sql } from '../../../infra/sql/index.ts'
import { compareRuns } from './compare.ts'
import { DATASET_CONTEXT_TAG, type Experiment, type Metric, type Pair, type Run, type ViewType } from './entities.ts'
import { noRun } from './refusals.ts'
import type { RunSearch, Runs } from './runs.ts'
import { countRuns } from './store.ts'
import { keysIn } from './store-measurements.ts'
import { csvHead, csvRow, parquetOf, type TableKeys } from './table-file.ts'

const RUNS_PER_PAGE = 1_000
const MOST_EXPERIMENTS = 1_000

const views = { active: 'ACTIVE_ONLY', deleted: 'DELETED_ONLY', all: 'ALL' } as const satisfies Record<string, ViewType>

/** What people do with experiments and runs, at the command line and in the console. */
export function createTrackingVerbs({ sql, runs: tracked }: { sql: Sql; runs: Runs }) {
  async function needExperiment(project: string, experiment: string): Promise<Experiment> {
    const byId = /^\d{1,15}$/.test(experiment) ? await tracked.experiment(project, experiment) : undefined
    const found = byId ?? (await tracked.experimentByName(project, experiment))
    if (!found)
      throw new AppError('not_found', `project ${project} has no experiment ${experiment}; see "setpoint experiments search"`, {
        experiment,
      })
    return found
  }

  async function needRun(project: string, id: string): Promise<RunReply> {
    const found = await tracked.run(project, id)
    if (!found) throw noRun(id)
    return runReply(found)
  }

  async function experimentIds(project: string, given: readonly string[]): Promise<string[]> {
    if (given.length > 0) return (await Promise.all(given.map((one) => needExperiment(project, one)))).map((found) => found.id)
    const { items, nextPageToken } = await tracked.searchExperiments(project, { maxResults: MOST_EXPERIMENTS })
    if (nextPageToken)
      throw new AppError('invalid', `the project has more than ${MOST_EXPERIMENTS} experiments; name the ones to search with experiments`)
    return items.map((experiment) => experiment.id)
  }

  const experimentVerbs: Verbs<typeof experiments> = {
    async search({ filter, orderBy, view, limit, page }, { project }) {
      const search = { filter, orderBy: orderBy === undefined ? [] : [orderBy], view: views[view], maxResults: limit, pageToken: page }
      const { items, nextPageToken } = await tracked.searchExperiments(project, search)
      const counts = await countRuns(
        sql,
        project,
        items.map(({ id }) => Number(id)),
      )
      const none = { runs: 0, lastRunAt: null }
      return {
        experiments: items.map((item) => ({ ...experimentReply(item), ...(counts.get(Number(item.id)) ?? none) })),
        next: nextPageToken ?? null,
      }
    },
    get: async ({ experiment }, { project }) => experimentReply(await needExperiment(project, experiment)),
    async create({ name, artifactLocation, tags }, { project }) {
      const pairs = Object.entries(tags).map(([key, value]) => ({ key, value }))
      return experimentReply(await tracked.createExperiment(project, { name, artifactLocation, tags: pairs }))
    },
    async rename({ experiment, name }, { project }) {
      const { id } = await needExperiment(project, experiment)
      await tracked.renameExperiment(project, id, name)
      return experimentReply(await needExperiment(project, id))
    },
    async delete({ experiment }, { project }) {
      const { id } = await needExperiment(project, experiment)
      await tracked.deleteExperiment(project, id)
      return experimentReply(await needExperiment(project, id))
    },
    async restore({ experiment }, { project }) {
      const { id } = await needExperiment(project, experiment)
      await tracked.restoreExperiment(project, id)
      return experimentReply(await needExperiment(project, id))
    },
  }

  const runVerbs: Omit<Verbs<typeof runs>, 'purge'> = {
    async search({ experiments, filter, orderBy, view, limit, page }, { project }) {
      const search = { experimentIds: await experimentIds(project, experiments), filter, orderBy, view: views[view] }
      const { items, nextPageToken } = await tracked.searchRuns(project, { ...search, maxResults: limit, pageToken: page })
      return { runs: items.map(runReply), next: nextPageToken ?? null }
    },
    get: ({ run }, { project }) => needRun(project, run),
    async history({ run, metric, points }, { project }) {
      await needRun(project, run)
      return (await tracked.sampledHistories(project, [run], { key: metric, points, steps: undefined })).map(pointReply)
    },
    async compare({ runs: ids, curves: wanted, points }, { project }) {
      const found = await Promise.all([...new Set(ids)].map((id) => needRun(project, id)))
      const curves = []
      for (const metric of wanted) {
        const sampled = await tracked.sampledHistories(
          project,
          found.map((run) => run.id),
          { key: metric, points, steps: undefined },
        )
        const byRun = Map.groupBy(sampled, (point) => point.runId)
        for (const [run, of] of byRun) curves.push({ metric, run, points: of.map(pointReply) })
      }
      return { ...compareRuns(found), curves }
    },
    async export({ experiments, filter, orderBy, view, format }, { project }) {
      const search: RunSearch = { experimentIds: await experimentIds(project, experiments), filter, orderBy, view: views[view] }
      // Refuses what cannot be asked before anything is sent.
      await tracked.searchRuns(project, { ...search, maxResults: 1 })
      const streams = { csv: csvOf, parquet: parquetFile, jsonl: linesOf }
      return { contentType: contentTypes[format], filename: `runs.${format}`, stream: streams[format](project, search) }
    },
    async delete({ run }, { project }) {
      await tracked.deleteRun(project, run)
      return await needRun(project, run)
    },
    async restore({ run }, { project }) {
      await tracked.restoreRun(project, run)
      return await needRun(project, run)
    },
  }

  async function* pagesOf(project: string, search: RunSearch): AsyncIterable<RunReply[]> {
    let pageToken: string | undefined
    do {
      const page = await tracked.searchRuns(project, { ...search, maxResults: RUNS_PER_PAGE, pageToken })
      yield page.items.map(runReply)
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
  }

  async function tableKeys(project: string, search: RunSearch): Promise<TableKeys> {
    const of = (table: Parameters<typeof keysIn>[1]) => keysIn(sql, table, project, search.experimentIds.map(Number))
    return { params: await of('run_params'), metrics: await of('run_latest_metrics'), tags: await of('run_tags') }
  }

  async function* parquetFile(project: string, search: RunSearch): AsyncIterable<Uint8Array> {
    yield* parquetOf(pagesOf(project, search), await tableKeys(project, search))
  }

  async function* csvOf(project: string, search: RunSearch): AsyncIterable<Uint8Array> {
    const keys = await tableKeys(project, search)
    yield Buffer.from(csvHead(keys))
    for await (const page of pagesOf(project, search)) yield Buffer.from(page.map((run) => csvRow(run, keys)).join(''))
  }

  async function* linesOf(project: string, search: RunSearch): AsyncIterable<Uint8Array> {
    for await (const page of pagesOf(project, search)) yield Buffer.from(page.map((run) => `${JSON.stringify(run)}\n`).join(''))
  }

  return { runs: runVerbs, experiments: experimentVerbs }
}

const contentTypes = { csv: 'text/csv', parquet: 'application/vnd.apache.parquet', jsonl: 'application/jsonl' } as const

/** `fromEntries` makes own fields only, whatever the keys are called. */
function recordFrom(pairs: readonly Pair[]): Record<string, string> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value]))
}

const valueReply = (value: number) => (Number.isNaN(value) ? null : value)
const pointReply = ({ step, at, value }: Metric) => ({ step, at, value: valueReply(value) })

function experimentReply({ id, name, artifactLocation, lifecycle, tags, createdAt, updatedAt }: Experiment): ExperimentReply {
  return { id, name, artifactLocation, lifecycle, tags: recordFrom(tags), createdAt, updatedAt }
}

function runReply({ info, metrics, params, tags, datasets, modelOutputs }: Run): RunReply {
  return {
    id: info.id,
    name: info.name,
    experiment: info.experimentId,
    user: info.userId,
    status: info.status,
    lifecycle: info.lifecycle,
    startedAt: info.startedAt,
    endedAt: info.endedAt,
    artifactUri: info.artifactUri,
    metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, valueReply(value)])),
    params: recordFrom(params),
    tags: recordFrom(tags),
    datasets: datasets.map(({ dataset, tags }) => ({
      name: dataset.name,
      digest: dataset.digest,
      context: tags.find((tag) => tag.key === DATASET_CONTEXT_TAG)?.value ?? null,
    })),
    models: modelOutputs.map((output) => output.modelId),
  }
}
