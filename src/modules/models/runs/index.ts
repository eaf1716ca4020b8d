export type {
  Dataset,
  DatasetInput,
  Experiment,
  LoggedMetric,
  LoggedModel,
  Metric,
  Pair,
  Run,
  RunInfo,
} from './entities.ts'
export type { Deleted } from './purge.ts'
export { createRuns, type Runs } from './runs.ts'
export { createTrackingVerbs } from './verbs.ts'
