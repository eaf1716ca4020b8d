import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { PageToken, SearchFilter, View } from './experiments.ts'
import { Limit, Reason } from './scalars.ts'

const Value = z.number().nullable().describe('null where it is not a number (NaN)')
const Point = z.object({ step: z.int(), at: z.int(), value: Value })
const RunId = z.string().min(1).max(256)

export const Run = z.object({
  id: z.string(),
  name: z.string(),
  experiment: z.string().describe('the id of its experiment'),
  user: z.string(),
  status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
  lifecycle: z.enum(['active', 'deleted']),
  startedAt: z.int().describe('milliseconds since the Unix epoch, as its client said'),
  endedAt: z.int().nullable(),
  artifactUri: z.string(),
  metrics: z.record(z.string(), Value).describe('the latest value of each'),
  params: z.record(z.string(), z.string()),
  tags: z.record(z.string(), z.string()),
  datasets: z.array(z.object({ name: z.string(), digest: z.string(), context: z.string().nullable() })),
  models: z.array(z.string()).describe('the ids of the models it logged'),
})
export type Run = z.infer<typeof Run>

const search = {
  experiments: z.array(z.string().min(1).max(500)).max(1_000).default([]).describe('ids or names; all active ones unless given'),
  filter: SearchFilter,
  orderBy: z.array(z.string().max(1_000)).max(20).default([]).describe('such as metrics.rmse or start_time DESC'),
  view: View,
}

/** A param or metric over the compared runs; values in the order of the runs, null where a run has none. */
const ComparedParam = z.object({ key: z.string(), differs: z.boolean(), values: z.array(z.string().nullable()) })
const ComparedMetric = z.object({ key: z.string(), differs: z.boolean(), values: z.array(Value), min: Value, max: Value })

const Axis = z.object({
  key: z.string(),
  kind: z.enum(['param', 'metric']),
  range: z.tuple([z.number(), z.number()]).nullable().describe('of an axis of numbers'),
  categories: z.array(z.string()).nullable().describe('of an axis of words, in the order in which they stand'),
})
export const Comparison = z.object({
  runs: z.array(Run.pick({ id: true, name: true, experiment: true, status: true, startedAt: true, endedAt: true })),
  params: z.array(ComparedParam),
  metrics: z.array(ComparedMetric),
  coordinates: z
    .object({
      axes: z.array(Axis),
      lines: z.array(z.object({ run: z.string(), values: z.array(z.union([z.number(), z.string()]).nullable()) })),
    })
    .describe('parallel coordinates: the params that differ, then the metrics'),
  curves: z.array(z.object({ metric: z.string(), run: z.string(), points: z.array(Point) })),
})
export type Comparison = z.infer<typeof Comparison>

export const runs = {
  search: endpoint({
    method: 'POST',
    path: '/api/v1/runs/search',
    summary: 'List runs, the newest first, or those that a filter finds',
    scope: 'read',
    input: z.strictObject({ ...search, limit: Limit, page: PageToken }),
    output: z.object({ runs: z.array(Run), next: z.string().nullable() }),
    examples: [`setpoint runs search --experiments churn --filter "metrics.auc > 0.9" --order-by "metrics.auc DESC" --json`],
  }),
  get: endpoint({
    method: 'GET',
    path: '/api/v1/runs/:run',
    summary: 'Read one run: metrics, params, tags, datasets, models',
    scope: 'read',
    input: z.strictObject({ run: RunId }),
    output: Run,
    examples: ['setpoint runs get 4f1c0d…'],
  }),
  history: endpoint({
    method: 'GET',
    path: '/api/v1/runs/:run/history',
    summary: 'Read a metric over the steps of a run, thinned evenly when it is long',
    scope: 'read',
    input: z.strictObject({
      run: RunId,
      metric: z.string().min(1).max(250),
      points: z.coerce.number().int().min(1).max(2_500).default(500),
    }),
    output: z.array(Point),
    examples: ['setpoint runs history 4f1c0d… --metric loss'],
  }),
  compare: endpoint({
    method: 'POST',
    path: '/api/v1/runs/compare',
    summary: 'Set runs side by side: what differs in params and metrics, parallel coordinates, curves',
    scope: 'read',
    input: z.strictObject({
      runs: z.array(RunId).min(1).max(100),
      curves: z.array(z.string().min(1).max(250)).max(20).default([]).describe('metrics whose curves are wanted'),
      points: z.int().min(1).max(500).default(100).describe('at most so many points a curve'),
    }),
    output: Comparison,
    examples: ['setpoint runs compare --runs 4f1c0d…,9a2b7e… --curves loss --json'],
  }),
  export: endpoint({
    method: 'POST',
    path: '/api/v1/runs/export',
    summary: 'Download all runs that a filter finds as a table',
    scope: 'read',
    returns: 'bytes',
    input: z.strictObject({ ...search, format: z.enum(['csv', 'parquet', 'jsonl']).default('csv') }),
    output: z.unknown(),
    examples: ['setpoint runs export --experiments churn > churn.csv', 'setpoint runs export --format parquet > runs.parquet'],
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/api/v1/runs/:run',
    summary: 'Delete a run; it can be restored',
    scope: 'write',
    input: z.strictObject({ run: RunId }),
    output: Run,
    examples: ['setpoint runs delete 4f1c0d…'],
  }),
  restore: endpoint({
    method: 'POST',
    path: '/api/v1/runs/:run/restore',
    summary: 'Restore a deleted run',
    scope: 'write',
    input: z.strictObject({ run: RunId }),
    output: Run,
    examples: ['setpoint runs restore 4f1c0d…'],
  }),
  purge: endpoint({
    method: 'POST',
    path: '/api/v1/runs/purge',
    summary: 'Forget runs and logged models that were deleted long ago, with their files; what a version names is kept',
    scope: 'admin',
    input: z.strictObject({
      deletedDays: z.coerce.number().int().min(0).max(36_500).default(30).describe('deleted at least so many days ago'),
      dryRun: z.boolean().default(false).describe('count, and forget nothing'),
      reason: Reason.default('retention'),
    }),
    output: z.object({
      dryRun: z.boolean(),
      runs: z.int(),
      loggedModels: z.int(),
      files: z.int().describe('out of the tree; the collector of artifacts frees what nothing else names'),
      keptRuns: z.int(),
      kept: z
        .array(z.object({ run: z.string(), model: z.string(), version: z.int() }))
        .describe('the first 100, with the version that names each'),
    }),
    examples: ['setpoint runs purge --deleted-days 30 --dry-run'],
  }),
}
