import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Digest, Fraction, Id, Instant, Limit, ModelName, Name, Reason } from './scalars.ts'

/** A partition: one day, as `2026-11-20`. */
const PartitionDay = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, 'write the day as 2026-11-20')
  .refine((day) => !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day), { error: 'there is no such day' })

const Column = z.string().min(1).max(256)
const Identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$/, 'use a plain name, or schema.name')
const Path = z
  .string()
  .min(1)
  .max(1_000)
  .refine((path) => !path.split(/[/\\]/).includes('..'), { error: 'a path may not climb with ..' })
/** The server’s own settings are out of reach. */
const UrlVariable = z
  .string()
  .regex(/^(?!SETPOINT_)[A-Z][A-Z0-9_]*_URL$/, 'name an environment variable such as WAREHOUSE_URL, not one of the server’s own')

const Lookup = z.strictObject({
  name: Name,
  digest: Digest.describe('an uploaded CSV with a header; the digest pins what is joined'),
  key: Column.describe('column of the lookup table'),
  on: Column.describe('column of the source whose value is looked up'),
})

const input = {
  keyColumn: Column.describe('names each row; of rows with the same key the first counts'),
  features: z
    .record(z.string().min(1).max(128), Column)
    .default({})
    .describe('feature → column, or <lookup>.<column>; a feature that is not named comes from the column of its own name'),
  required: z
    .union([z.literal('all'), z.array(z.string()).max(10_000)])
    .default([])
    .describe('features that may not be missing; a row without one goes to the dead letters'),
  lookups: z.array(Lookup).max(20).default([]),
  minRows: z.int().nonnegative().default(1).describe('fewer rows mean that the partition is not complete yet'),
  freshWithinMs: z.int().positive().optional().describe('the newest file, or the newest value of timeColumn, may not be older'),
}
const warehouse = {
  urlFrom: UrlVariable.optional().describe('environment variable with a postgresql:// address'),
  file: Path.optional().describe('an SQLite file below an allowed folder'),
}
const BatchSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('csv'), path: Path.describe('may hold {ds} and *'), ...input }),
  z.strictObject({ kind: z.literal('parquet'), path: Path.describe('may hold {ds} and *'), ...input }),
  z.strictObject({
    kind: z.literal('sql'),
    ...warehouse,
    query: z.string().min(1).max(100_000).optional().describe('one SELECT; {ds} becomes a parameter with the day'),
    table: Identifier.optional(),
    partitionColumn: Identifier.optional().describe('with table: the column that holds the day'),
    timeColumn: Identifier.optional().describe('a time, or milliseconds since the epoch, by which freshWithinMs judges'),
    ...input,
  }),
  z.strictObject({
    kind: z.literal('columns'),
    deployment: Name.describe('its recorded predictions of the day are scored'),
    timeZone: z.string().default('UTC'),
    ...input,
    keyColumn: input.keyColumn.default('record_id'),
  }),
])
export type BatchSource = z.infer<typeof BatchSource>

const BatchDestination = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('csv'), path: Path.describe('holds {ds}') }),
  z.strictObject({ kind: z.literal('parquet'), path: Path.describe('holds {ds}') }),
  z.strictObject({ kind: z.literal('sql'), ...warehouse, table: Identifier }),
  z.strictObject({ kind: z.literal('columns') }),
])
export type BatchDestination = z.infer<typeof BatchDestination>

/** What a day is scored with, where it comes from and where it goes, and what must hold before readers see it. */
export const BatchScoringSpec = z.strictObject({
  model: ModelName,
  version: z
    .union([z.int().positive(), z.string().min(1).max(128)])
    .default('champion')
    .describe('a number, or an alias that each run resolves once'),
  source: BatchSource,
  destination: BatchDestination,
  threshold: Fraction.default(0.5).describe('a score at or above it is the positive class'),
  schedule: z
    .strictObject({
      cron: z.string().min(1).max(200).describe('minute hour day month weekday; off-peak hours are just a time'),
      timeZone: z.string().default('UTC'),
      daysBack: z.int().min(0).max(366).default(1).describe('the partition of so many days ago'),
    })
    .optional(),
  on: z
    .strictObject({
      event: z.enum(['registry.alias_moved', 'batch.run_succeeded']),
      model: ModelName.optional().describe('of alias_moved: its model; absent = the model scored here'),
      batch: Name.optional().describe('of run_succeeded: the BatchScoring this one waits for; the same day is run'),
    })
    .optional(),
  validation: z
    .strictObject({
      minRowShare: Fraction.default(0.9).describe('rows written ÷ rows read, duplicates apart'),
      maxNullShare: Fraction.default(0.5).describe('missing feature values ÷ all feature values'),
      maxScorePsi: z.number().positive().max(100).default(0.25).describe('shift of the scores against the partition before'),
    })
    .default({ minRowShare: 0.9, maxNullShare: 0.5, maxScorePsi: 0.25 }),
  sla: z
    .strictObject({
      maxRunMs: z.int().positive().optional(),
      freshBy: z
        .string()
        .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as 06:30')
        .optional()
        .describe('by then, in the schedule’s time zone, the partition that is due must be current'),
    })
    .default({}),
  retries: z.int().min(0).max(9).default(3),
  maxDeadLetters: z.int().nonnegative().default(100),
  consumers: z.array(z.string().min(1).max(200)).max(1_000).default([]).describe('who reads the predictions'),
})
export type BatchScoringSpec = z.infer<typeof BatchScoringSpec>

export const batchSteps = ['extract_raw_data', 'build_features', 'run_scoring', 'write_predictions', 'validate_output'] as const
export type BatchStepName = (typeof batchSteps)[number]

const BatchStep = z.object({
  step: z.enum(batchSteps),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  startedAt: Instant.nullable(),
  endedAt: Instant.nullable(),
  metrics: z.record(z.string(), z.union([z.number(), z.string()])),
})

export const BatchRun = z.object({
  id: Id,
  batch: Name,
  ds: z.string(),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  trigger: z.enum(['api', 'schedule', 'event', 'backfill']),
  backfill: Id.nullable(),
  forced: z.boolean(),
  model: ModelName,
  version: z.int().positive(),
  modelDigest: Digest,
  documentVersion: z.int().positive(),
  pipeline: Digest.describe('version of source, features, lookups and destination'),
  step: z.enum(batchSteps).nullable(),
  steps: z.array(BatchStep),
  rowsIn: z.int(),
  rowsOut: z.int(),
  deadLetters: z.int(),
  duplicates: z.int(),
  chunks: z.int(),
  chunksDone: z.int(),
  positives: z.int(),
  scorePsi: z.number().nullable().describe('against the partition before; null when there is none'),
  inputDigest: Digest.nullable(),
  outputDigest: Digest.nullable(),
  location: z.string().nullable(),
  scoredBy: z
    .object({ run: Id, at: Instant })
    .nullable()
    .describe('what the rows carry: the first run that computed exactly these predictions'),
  host: z.string().nullable(),
  attempts: z.int(),
  problem: z.string().nullable(),
  slaMissed: z.array(z.string()),
  startedBy: z.string(),
  reason: z.string(),
  queuedAt: Instant,
  startedAt: Instant.nullable(),
  endedAt: Instant.nullable(),
})
export type BatchRun = z.infer<typeof BatchRun>

const Plan = z.object({
  batch: Name,
  ds: z.string(),
  action: z
    .enum(['run', 'keep', 'override', 'under_way'])
    .describe('keep: these predictions exist; override: they exist and are made again'),
  model: ModelName,
  version: z.int(),
  run: BatchRun.nullable().describe('the run that was started, or that answers already'),
})
export type BatchPlan = z.infer<typeof Plan>

const Anomaly = z.object({ ds: z.string(), run: Id, what: z.string() })
const Partition = z.object({
  batch: Name,
  ds: z.string(),
  location: z.string().describe('file, or table with the day'),
  run: Id,
  model: ModelName,
  version: z.int(),
  rows: z.int(),
  digest: Digest,
  publishedAt: Instant,
})
export type BatchPartition = z.infer<typeof Partition>

const oneBatch = { batch: Name }
const oneRun = z.strictObject({ batch: Name, id: Id })
const start = {
  force: z.boolean().default(false).describe('make it again although these predictions exist'),
  dryRun: z.boolean().default(false).describe('say what would be run and run nothing'),
  reason: Reason.default('asked for'),
}

export const batch = {
  startRun: endpoint({
    method: 'POST',
    path: '/api/v1/batch/:batch/runs',
    summary: 'Score a partition; the same model version and partition answer with the run that is there',
    scope: 'write',
    input: z.strictObject({ ...oneBatch, ds: PartitionDay, ...start }),
    output: Plan,
    examples: ['setpoint batch start-run churn-nightly --ds 2026-11-20'],
  }),
  listRuns: endpoint({
    method: 'GET',
    path: '/api/v1/batch/:batch/runs',
    summary: 'List the runs of a BatchScoring, newest first',
    scope: 'read',
    input: z.strictObject({
      ...oneBatch,
      ds: PartitionDay.optional(),
      state: BatchRun.shape.state.optional(),
      limit: Limit,
    }),
    output: z.array(BatchRun),
    examples: ['setpoint batch list-runs churn-nightly --state failed'],
  }),
  getRun: endpoint({
    method: 'GET',
    path: '/api/v1/batch/:batch/runs/:id',
    summary: 'Read one run: its steps, rows, model version and what went wrong',
    scope: 'read',
    input: oneRun,
    output: BatchRun,
  }),
  cancelRun: endpoint({
    method: 'POST',
    path: '/api/v1/batch/:batch/runs/:id/cancel',
    summary: 'Stop a run; the partition stays as readers see it now',
    scope: 'write',
    input: oneRun.extend({ reason: Reason }),
    output: BatchRun,
  }),
  backfill: endpoint({
    method: 'POST',
    path: '/api/v1/batch/:batch/backfills',
    summary: 'Score a range of partitions, both ends included, one after the other',
    scope: 'write',
    input: z.strictObject({ ...oneBatch, from: PartitionDay, to: PartitionDay, ...start }),
    output: z.object({ id: Id.nullable(), plans: z.array(Plan) }),
    examples: ['setpoint batch backfill churn-nightly --from 2026-11-01 --to 2026-11-20 --dry-run'],
  }),
  getBackfill: endpoint({
    method: 'GET',
    path: '/api/v1/batch/:batch/backfills/:id',
    summary: 'Check a backfill for consistency: what is done, what failed, what looks unlike the other partitions',
    scope: 'read',
    input: oneRun,
    output: z.object({
      id: Id,
      batch: Name,
      runs: z.int(),
      succeeded: z.int(),
      failed: z.int(),
      underWay: z.int(),
      versions: z.array(z.int()).describe('more than one: the alias moved on the way'),
      rowsOut: z.int(),
      anomalies: z.array(Anomaly),
    }),
  }),
  preview: endpoint({
    method: 'POST',
    path: '/api/v1/batch/:batch/preview',
    summary: 'Score a sample of a partition and write nothing',
    scope: 'predict',
    input: z.strictObject({ ...oneBatch, ds: PartitionDay, rows: z.int().min(1).max(1_000).default(20) }),
    output: z.object({
      model: ModelName,
      version: z.int(),
      scanned: z.int().describe('rows looked at, from the start of the partition; the sample is spread evenly over them'),
      rows: z.array(
        z.object({
          key: z.string().nullable(),
          features: z.record(z.string(), z.number().nullable()),
          score: z.number().nullable(),
          prediction: z.int().nullable(),
          problem: z.string().nullable(),
        }),
      ),
    }),
    examples: ['setpoint batch preview churn-nightly --ds 2026-11-20 --rows 5'],
  }),
  readView: endpoint({
    method: 'GET',
    path: '/api/v1/batch/:batch/view',
    summary: 'Say which predictions are current, partition by partition, and who reads them',
    scope: 'read',
    input: z.strictObject({ ...oneBatch, ds: PartitionDay.optional(), limit: Limit }),
    output: z.object({
      batch: Name,
      owner: z.string().nullable(),
      consumers: z.array(z.string()),
      partitions: z.array(Partition),
    }),
    examples: ['setpoint batch read-view churn-nightly'],
  }),
  listPredictions: endpoint({
    method: 'GET',
    path: '/api/v1/batch/:batch/predictions',
    summary: 'Read predictions that went to the columns, in order of their keys',
    scope: 'read',
    input: z.strictObject({
      ...oneBatch,
      ds: PartitionDay,
      after: z.string().max(1_000).optional().describe('the last key seen'),
      limit: Limit,
    }),
    output: z.array(
      z.object({
        key: z.string(),
        score: z.number(),
        prediction: z.int(),
        modelVersion: z.int(),
        run: Id,
        scoredAt: Instant,
      }),
    ),
  }),
  listDeadLetters: endpoint({
    method: 'GET',
    path: '/api/v1/batch/:batch/runs/:id/dead-letters',
    summary: 'Read rows of a run that could not be scored, with the reason for each',
    scope: 'read',
    input: oneRun.extend({ limit: Limit }),
    output: z.array(
      z.object({
        row: z.int().describe('counted from 1 through the input'),
        key: z.string().nullable(),
        reason: z.string(),
        values: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
      }),
    ),
  }),
}
