import type { Sql } from '../../../infra/sql/index.ts'
import type { DatasetInput, DatasetSummary, Metric, ModelOutput, Page } from './entities.ts'
import type { RunLifecycle } from './lifecycle.ts'
import { checkDatasetInputs, checkLength, checkRunId, checkWhole, experimentNumber, invalid } from './limits.ts'
import { pageToken, placeFrom } from './page-token.ts'
import type { Settling } from './settling.ts'
import { findRunRow, findRunRows } from './store.ts'
import { insertDatasetInput, saveRunModel, summarizeDatasets } from './store-inputs.ts'
import { readHistory, sampleHistory } from './store-measurements.ts'

const MOST_MODELS_PER_CALL = 1_000
const MOST_SUMMARIES = 1_000
const MOST_SUMMARIZED_EXPERIMENTS = 20

export type RunMetric = Metric & { readonly runId: string }

/** What was measured in runs over time, and what went into them and came out. */
export function createHistories({ sql, lifecycle, settling }: { sql: Sql; lifecycle: RunLifecycle; settling: Settling }) {
  return {
    /** By time, step and value; everything without `maxResults`. Nothing for a run or metric that is not there. */
    async metricHistory(
      project: string,
      runId: string,
      key: string,
      { maxResults, pageToken: token }: { maxResults?: number | undefined; pageToken?: string | undefined } = {},
    ): Promise<Page<Metric>> {
      if (maxResults !== undefined && maxResults <= 0)
        throw invalid(`Invalid value ${maxResults} for parameter 'max_results' supplied. It must be a positive integer.`)
      const { offset } = placeFrom(token)
      const row = await findRunRow(sql, project, runId)
      if (!row) return { items: [], nextPageToken: undefined }
      await settling.prepare(row)
      const limit = maxResults === undefined ? undefined : maxResults + 1
      const found = await readHistory(sql, project, row.run, key, { offset, limit })
      if (maxResults === undefined) return { items: found.slice(offset), nextPageToken: undefined }
      const more = found.length > maxResults
      return { items: found.slice(0, maxResults), nextPageToken: more ? pageToken({ offset: offset + maxResults, part: 0 }) : undefined }
    },
    /** The histories of one metric in several runs, run after run by id, at most `limit` points in all. */
    async metricHistories(project: string, runIds: readonly string[], key: string, limit: number): Promise<RunMetric[]> {
      const rows = await findRunRows(sql, project, runIds)
      const points: RunMetric[] = []
      for (const [runId, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (points.length >= limit) break
        await settling.prepare(row)
        const found = await readHistory(sql, project, row.run, key, { offset: 0, limit: limit - points.length })
        points.push(...found.map((metric) => ({ ...metric, runId })))
      }
      return points
    },
    /** Each run’s history by step, thinned evenly to at most `points` with its end kept. */
    async sampledHistories(
      project: string,
      runIds: readonly string[],
      sampling: { readonly key: string; readonly points: number; readonly steps: readonly [number, number] | undefined },
    ): Promise<RunMetric[]> {
      const points: RunMetric[] = []
      for (const runId of runIds) {
        const row = await findRunRow(sql, project, runId)
        if (!row) continue
        await settling.prepare(row)
        const found = await sampleHistory(sql, project, row.run, sampling)
        points.push(...found.map((metric) => ({ ...metric, runId })))
      }
      return points
    },
    async logInputs(project: string, runId: string, datasets: readonly DatasetInput[], models: readonly string[]): Promise<void> {
      checkRunId(runId)
      checkDatasetInputs(datasets)
      checkModels(models)
      await sql.transaction(async (tx) => {
        const row = await lifecycle.needActiveRow(tx, project, runId)
        for (const input of datasets) await insertDatasetInput(tx, row, input)
        for (const modelId of models) await saveRunModel(tx, row, 'input', { modelId, step: 0 })
      })
    },
    async logOutputs(project: string, runId: string, models: readonly ModelOutput[]): Promise<void> {
      checkModels(models.map((model) => model.modelId))
      for (const model of models) checkWhole('step', model.step)
      await sql.transaction(async (tx) => {
        const row = await lifecycle.needActiveRow(tx, project, runId)
        for (const model of models) await saveRunModel(tx, row, 'output', model)
      })
    },
    /** Which datasets the runs of experiments used, and for what. */
    async searchDatasets(project: string, experimentIds: readonly string[]): Promise<DatasetSummary[]> {
      if (experimentIds.length === 0) throw invalid('SearchDatasets request must specify at least one experiment_id.')
      if (experimentIds.length > MOST_SUMMARIZED_EXPERIMENTS)
        throw invalid(
          `SearchDatasets request cannot specify more than ${MOST_SUMMARIZED_EXPERIMENTS} experiment_ids. Received ${experimentIds.length} experiment_ids.`,
        )
      return await summarizeDatasets(sql, project, experimentIds.map(experimentNumber), MOST_SUMMARIES)
    },
  }
}

function checkModels(ids: readonly string[]): void {
  if (ids.length > MOST_MODELS_PER_CALL) throw invalid(`at most ${MOST_MODELS_PER_CALL} models can be logged at once`)
  for (const id of ids) checkLength('model_id', id, 256)
}
