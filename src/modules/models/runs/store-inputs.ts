import type { Db } from '../../../infra/sql/index.ts'
import { DATASET_CONTEXT_TAG, type Dataset, type DatasetInput, type DatasetSummary, type ModelOutput } from './entities.ts'
import { collect } from './store.ts'
import { type DatasetRow, inParts, type RunRow, tables, takeNumber } from './tables.ts'

type OneRun = Pick<RunRow, 'project' | 'run' | 'experiment'>

/** A dataset is one per experiment, name and digest. */
async function datasetNumber(db: Db, { project, experiment }: OneRun, dataset: Dataset): Promise<number> {
  const find = () =>
    tables(db)
      .selectFrom('run_datasets')
      .select('dataset')
      .where('project', '=', project)
      .where('experiment', '=', experiment)
      .where('name', '=', dataset.name)
      .where('digest', '=', dataset.digest)
      .executeTakeFirst()
  const known = await find()
  if (known) return known.dataset
  await tables(db)
    .insertInto('run_datasets')
    .values({
      project,
      dataset: await takeNumber(db, project, 'dataset'),
      experiment,
      name: dataset.name,
      digest: dataset.digest,
      source_type: dataset.sourceType,
      source: dataset.source,
      schema_json: dataset.schema,
      profile_json: dataset.profile,
    })
    .onConflict((conflict) => conflict.columns(['project', 'experiment', 'name', 'digest']).doNothing())
    .execute()
  return (await find())!.dataset
}

/** A dataset that the run has already stays as it was logged first. */
export async function insertDatasetInput(db: Db, row: OneRun, { dataset, tags }: DatasetInput): Promise<void> {
  await tables(db)
    .insertInto('run_dataset_inputs')
    .values({
      project: row.project,
      run: row.run,
      dataset: await datasetNumber(db, row, dataset),
      tags: JSON.stringify(tags),
      context: tags.find((tag) => tag.key === DATASET_CONTEXT_TAG)?.value ?? null,
    })
    .onConflict((conflict) => conflict.columns(['project', 'run', 'dataset']).doNothing())
    .execute()
}

/** A model that the run has already keeps one entry, with the step given last. */
export async function saveRunModel(
  db: Db,
  { project, run }: OneRun,
  direction: 'input' | 'output',
  { modelId, step }: ModelOutput,
): Promise<void> {
  await tables(db)
    .insertInto('run_models')
    .values({ project, run, direction, model: modelId, step })
    .onConflict((conflict) => conflict.columns(['project', 'run', 'direction', 'model']).doUpdateSet({ step }))
    .execute()
}

export async function datasetInputsOf(db: Db, project: string, runs: readonly number[]): Promise<Map<number, DatasetInput[]>> {
  const found = new Map<number, DatasetInput[]>()
  for (const part of inParts(runs)) {
    const rows = await tables(db)
      .selectFrom('run_dataset_inputs as i')
      .innerJoin('run_datasets as d', (join) => join.onRef('d.project', '=', 'i.project').onRef('d.dataset', '=', 'i.dataset'))
      .select(['i.run', 'i.tags'])
      .selectAll('d')
      .where('i.project', '=', project)
      .where('i.run', 'in', part)
      .orderBy('i.run')
      .orderBy('i.dataset')
      .execute()
    for (const row of rows) collect(found, row.run, { dataset: datasetFrom(row), tags: JSON.parse(row.tags) })
  }
  return found
}

function datasetFrom(row: DatasetRow): Dataset {
  return {
    name: row.name,
    digest: row.digest,
    sourceType: row.source_type,
    source: row.source,
    schema: row.schema_json,
    profile: row.profile_json,
  }
}

export async function runModelsOf(
  db: Db,
  project: string,
  runs: readonly number[],
  direction: 'input' | 'output',
): Promise<Map<number, ModelOutput[]>> {
  const found = new Map<number, ModelOutput[]>()
  for (const part of inParts(runs)) {
    const rows = await tables(db)
      .selectFrom('run_models')
      .select(['run', 'model', 'step'])
      .where('project', '=', project)
      .where('run', 'in', part)
      .where('direction', '=', direction)
      .orderBy('run')
      .orderBy('step')
      .orderBy('model')
      .execute()
    for (const { run, model, step } of rows) collect(found, run, { modelId: model, step })
  }
  return found
}

/** What datasets the runs of experiments used, and for what; at most `limit`. */
export async function summarizeDatasets(db: Db, project: string, experiments: readonly number[], limit: number): Promise<DatasetSummary[]> {
  const rows = await tables(db)
    .selectFrom('run_datasets as d')
    .innerJoin('run_dataset_inputs as i', (join) => join.onRef('i.project', '=', 'd.project').onRef('i.dataset', '=', 'd.dataset'))
    .select(['d.experiment', 'd.name', 'd.digest', 'i.context'])
    .distinct()
    .where('d.project', '=', project)
    .where('d.experiment', 'in', [...experiments])
    .orderBy('d.experiment')
    .orderBy('d.name')
    .orderBy('d.digest')
    .orderBy('i.context')
    .limit(limit)
    .execute()
  return rows.map(({ experiment, name, digest, context }) => ({ experimentId: String(experiment), name, digest, context }))
}
