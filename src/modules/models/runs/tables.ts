import type { Db } from '../../../infra/sql/index.ts'
import type { Lifecycle, ModelStatus, RunStatus } from './entities.ts'

export type ExperimentRow = {
  project: string
  id: number
  name: string
  artifact_location: string
  lifecycle: Lifecycle
  created_at: number
  updated_at: number
}
export type RunRow = {
  project: string
  run: number
  id: string
  experiment: number
  name: string
  user_id: string
  status: RunStatus
  lifecycle: Lifecycle
  started_at: number
  ended_at: number | null
  deleted_at: number | null
  artifact_uri: string
}
type RunPair = { project: string; run: number; key: string; value: string; experiment: number; head: string }
type Measured = { key: string; at: number; step: number; value: number; is_nan: number }
export type DatasetRow = {
  project: string
  dataset: number
  experiment: number
  name: string
  digest: string
  source_type: string
  source: string
  schema_json: string | null
  profile_json: string | null
}
export type ModelRow = {
  project: string
  id: string
  experiment: number
  name: string
  artifact_location: string
  model_type: string
  source_run: string
  status: ModelStatus
  lifecycle: Lifecycle
  created_at: number
  updated_at: number
}
type ModelPair = { project: string; model: string; key: string; value: string }

export type Tables = {
  tracking_numbers: { project: string; name: string; latest: number }
  experiments: ExperimentRow
  experiment_tags: { project: string; experiment: number; key: string; value: string }
  runs: RunRow
  run_params: RunPair
  run_tags: RunPair
  run_metric_log: Measured & { project: string; run: number }
  run_metrics: Measured & { project: string; run: number }
  run_latest_metrics: Measured & { project: string; run: number; experiment: number }
  run_datasets: DatasetRow
  run_dataset_inputs: { project: string; run: number; dataset: number; tags: string; context: string | null }
  run_models: { project: string; run: number; direction: 'input' | 'output'; model: string; step: number }
  logged_models: ModelRow
  logged_model_params: ModelPair
  logged_model_tags: ModelPair
  logged_model_metrics: Measured & { project: string; model: string; run: string; dataset_name: string; dataset_digest: string }
}

export const tables = (db: Db) => db.db.withTables<Tables>()

/** How many ids are named in one statement; each is a parameter, of which SQLite takes 32,766. */
const IDS_PER_STATEMENT = 500

/** `list` in parts of at most `size`. */
export function inParts<T>(list: readonly T[], size = IDS_PER_STATEMENT): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}

/** Takes the next number of its kind in the project. Rows lock, so a number is given once. */
export async function takeNumber(db: Db, project: string, name: 'experiment' | 'run' | 'dataset'): Promise<number> {
  const row = await tables(db)
    .insertInto('tracking_numbers')
    .values({ project, name, latest: 1 })
    .onConflict((conflict) =>
      conflict.columns(['project', 'name']).doUpdateSet((eb) => ({ latest: eb('tracking_numbers.latest', '+', 1) })),
    )
    .returning('latest')
    .executeTakeFirstOrThrow()
  return row.latest
}
