import type { Clock } from '../../../infra/clock.ts'
import type { Db, Sql } from '../../../infra/sql/index.ts'
import { MODEL_HISTORY_TAG, type Pair, RUN_NAME_TAG, type Run, type RunInfo, type RunStatus } from './entities.ts'
import type { Experiments } from './experiments.ts'
import type { InsertRows } from './insert-rows.ts'
import { checkedTags, checkLength, checkWhole, invalid } from './limits.ts'
import { randomName } from './random-name.ts'
import { needActive, noRun, noTag } from './refusals.ts'
import * as store from './store.ts'
import { datasetInputsOf, runModelsOf } from './store-inputs.ts'
import { deleteTag, findTag, latestMetricsOf, pairsOf, saveTags } from './store-measurements.ts'
import { type RunRow, takeNumber } from './tables.ts'

const MOST_MODEL_HISTORY_CHARACTERS = 1_000_000

export type NewRun = {
  /** The default experiment when absent or empty. */
  readonly experimentId?: string | undefined
  readonly userId?: string | undefined
  readonly startedAt?: number | undefined
  readonly name?: string | undefined
  readonly tags?: readonly Pair[] | undefined
}
export type RunChange = {
  readonly status?: RunStatus | undefined
  readonly endedAt?: number | undefined
  readonly name?: string | undefined
}

type Deps = {
  readonly sql: Sql
  readonly clock: Clock
  readonly random: () => number
  /** 32 hex digits, never the same twice. */
  readonly hexId: () => string
  readonly insertRows: InsertRows
  readonly experiments: Experiments
}
export type RunLifecycle = ReturnType<typeof createRunLifecycle>

/** Runs from their start to their end, their deletion and their return. */
export function createRunLifecycle({ sql, clock, random, hexId, insertRows, experiments }: Deps) {
  async function need(db: Db, project: string, id: string): Promise<RunRow> {
    const row = await store.findRunRow(db, project, id)
    if (!row) throw noRun(id)
    return row
  }

  async function needActiveRow(db: Db, project: string, id: string): Promise<RunRow> {
    const row = await need(db, project, id)
    const refusal = needActive(row)
    if (refusal) throw refusal
    return row
  }

  async function run(project: string, id: string): Promise<Run | undefined> {
    const row = await store.findRunRow(sql, project, id)
    return row && (await runsFrom(sql, project, [row]))[0]
  }

  return {
    run,
    /** The row of a run that is not deleted. Throws `not_found` or `invalid`. */
    needActiveRow,
    needRow: need,
    async createRun(project: string, { experimentId = '', userId = '', startedAt = 0, name, tags: given = [] }: NewRun): Promise<Run> {
      const tags = checkedTags(given)
      const tagged = tags.find((tag) => tag.key === RUN_NAME_TAG)?.value
      if (name && tagged && name !== tagged)
        throw invalid(
          `Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${name}', mlflow.runName='${tagged}').`,
        )
      const runName = name || tagged || randomName(random)
      checkLength('run_name', runName, 8_000)
      checkLength('user_id', userId, 256)
      checkWhole('start_time', startedAt)
      await experiments.prepare(project)
      const id = hexId()
      return await sql.transaction(async (tx) => {
        const experiment = await experiments.needActiveExperiment(tx, project, experimentId)
        const row: RunRow = {
          project,
          run: await takeNumber(tx, project, 'run'),
          id,
          experiment: experiment.number,
          name: runName,
          user_id: userId,
          status: 'RUNNING',
          lifecycle: 'active',
          started_at: startedAt,
          ended_at: null,
          deleted_at: null,
          artifact_uri: placeUnder(experiment.artifactLocation, `${id}/artifacts`),
        }
        await store.insertRun(tx, row)
        const named = [...tags.filter((tag) => tag.key !== RUN_NAME_TAG), { key: RUN_NAME_TAG, value: runName }]
        await saveTags(
          insertRows,
          tx,
          named.map((entry) => ({ row, entry })),
        )
        return (await runsFrom(tx, project, [row]))[0]!
      })
    },
    async updateRun(project: string, id: string, { status, endedAt, name }: RunChange): Promise<RunInfo> {
      if (name) checkLength('run_name', name, 8_000)
      if (endedAt !== undefined) checkWhole('end_time', endedAt)
      return await sql.transaction(async (tx) => {
        const row = await needActiveRow(tx, project, id)
        await store.updateRun(tx, row, {
          ...(status === undefined ? {} : { status }),
          ...(endedAt === undefined ? {} : { ended_at: endedAt }),
          ...(name ? { name } : {}),
        })
        if (name) await saveTags(insertRows, tx, [{ row, entry: { key: RUN_NAME_TAG, value: name } }])
        return store.infoFrom(await need(tx, project, id))
      })
    },
    async deleteRun(project: string, id: string): Promise<void> {
      await store.updateRun(sql, await need(sql, project, id), { lifecycle: 'deleted', deleted_at: clock.now() })
    },
    async restoreRun(project: string, id: string): Promise<void> {
      await store.updateRun(sql, await need(sql, project, id), { lifecycle: 'active', deleted_at: null })
    },
    async deleteRunTag(project: string, id: string, key: string): Promise<void> {
      await sql.transaction(async (tx) => {
        const row = await needActiveRow(tx, project, id)
        if (!(await deleteTag(tx, row, key))) throw noTag(key, `run with id ${id}`)
      })
    },
    /** Adds a model to the history of models that a run logged, which older clients read from a tag. */
    async logModel(project: string, id: string, model: Readonly<Record<string, unknown>>): Promise<void> {
      await sql.transaction(async (tx) => {
        const row = await needActiveRow(tx, project, id)
        const before = await findTag(tx, row, MODEL_HISTORY_TAG)
        const value = JSON.stringify([...(before === undefined ? [] : (JSON.parse(before) as unknown[])), model])
        if (value.length > MOST_MODEL_HISTORY_CHARACTERS)
          throw invalid(`'${MODEL_HISTORY_TAG}' exceeds the maximum length of ${MOST_MODEL_HISTORY_CHARACTERS} characters`)
        await saveTags(insertRows, tx, [{ row, entry: { key: MODEL_HISTORY_TAG, value } }])
      })
    },
  }
}

/** Rows with all that belongs to them, in the order of the rows. */
export async function runsFrom(db: Db, project: string, rows: readonly RunRow[]): Promise<Run[]> {
  const runs = rows.map((row) => row.run)
  const metrics = await latestMetricsOf(db, project, runs)
  const params = await pairsOf(db, 'run_params', project, runs)
  const tags = await pairsOf(db, 'run_tags', project, runs)
  const datasets = await datasetInputsOf(db, project, runs)
  const inputs = await runModelsOf(db, project, runs, 'input')
  const outputs = await runModelsOf(db, project, runs, 'output')
  return rows.map((row) => ({
    info: store.infoFrom(row),
    metrics: metrics.get(row.run) ?? [],
    params: params.get(row.run) ?? [],
    tags: tags.get(row.run) ?? [],
    datasets: datasets.get(row.run) ?? [],
    modelInputs: (inputs.get(row.run) ?? []).map((input) => input.modelId),
    modelOutputs: outputs.get(row.run) ?? [],
  }))
}

/** A place below a location, which may carry a query behind its path. */
export function placeUnder(location: string, below: string): string {
  const query = location.indexOf('?')
  const path = query < 0 ? location : location.slice(0, query)
  return `${path.replace(/\/+$/, '')}/${below}${query < 0 ? '' : location.slice(query)}`
}
