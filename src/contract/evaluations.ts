import { z } from 'zod'
import { endpoint } from './endpoint.ts'
import { Id, Instant, Limit, Reason } from './scalars.ts'

const Texts = z.record(z.string(), z.string())
const JsonObject = z.record(z.string(), z.json())

/** A set of records that applications of language models are evaluated on. */
export const EvaluationDataset = z.object({
  id: z.string(),
  name: z.string(),
  tags: Texts,
  digest: z.string().describe('changes whenever the data set does'),
  fields: z
    .object({ inputs: z.json(), outputs: z.json(), expectations: z.json() })
    .nullable()
    .describe('the kind of each field that a record has had'),
  recordCount: z.int().nonnegative(),
  experiments: z.array(z.string()),
  createdAt: Instant,
  updatedAt: Instant,
  createdBy: z.string().nullable(),
  updatedBy: z.string().nullable(),
})
export type EvaluationDataset = z.infer<typeof EvaluationDataset>

export const EvaluationRecord = z.object({
  id: z.string(),
  inputs: JsonObject,
  outputs: z.json(),
  expectations: JsonObject.nullable(),
  tags: z.record(z.string(), z.json()),
  source: z.object({ type: z.enum(['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE']), data: JsonObject }).nullable(),
  createdAt: Instant,
  updatedAt: Instant,
  createdBy: z.string().nullable(),
  updatedBy: z.string().nullable(),
})
export type EvaluationRecord = z.infer<typeof EvaluationRecord>

/** A record as it is given; one with the same inputs is updated. */
export const NewEvaluationRecord = z.strictObject({
  inputs: JsonObject,
  outputs: z.json().optional(),
  expectations: JsonObject.nullable().optional(),
  tags: z.record(z.string(), z.json()).nullable().optional(),
  source: EvaluationRecord.shape.source.optional(),
})
export type NewEvaluationRecord = z.infer<typeof NewEvaluationRecord>

/** One version of a program or judge that scores traces. */
export const ScorerVersion = z.object({
  scorer: z.string(),
  experiment: z.string(),
  name: z.string(),
  version: z.int().positive(),
  definition: z.string().describe('the scorer as JSON, as its client wrote it; it is never run here'),
  createdAt: Instant,
})
export type ScorerVersion = z.infer<typeof ScorerVersion>

const oneDataset = z.strictObject({ dataset: Id })

export const evaluations = {
  searchDatasets: endpoint({
    method: 'GET',
    path: '/api/v1/evaluation-datasets',
    summary: 'List evaluation data sets, newest first, or those that fit a filter such as tags.team = "ml"',
    scope: 'read',
    input: z.strictObject({ filter: z.string().max(20_000).optional(), experiment: Id.optional(), limit: Limit }),
    output: z.array(EvaluationDataset),
    examples: ['setpoint evaluations search-datasets --experiment 1'],
  }),
  createDataset: endpoint({
    method: 'POST',
    path: '/api/v1/evaluation-datasets',
    summary: 'Create an empty evaluation data set',
    scope: 'write',
    input: z.strictObject({
      name: z.string().min(1).max(255),
      experiments: z.array(Id).max(1_000).default([]),
      tags: Texts.default({}),
      reason: Reason.default('new evaluation data set'),
    }),
    output: EvaluationDataset,
    examples: ['setpoint evaluations create-dataset --name refunds --experiments 1'],
  }),
  getDataset: endpoint({
    method: 'GET',
    path: '/api/v1/evaluation-datasets/:dataset',
    summary: 'Read one evaluation data set, without its records',
    scope: 'read',
    input: oneDataset,
    output: EvaluationDataset,
  }),
  deleteDataset: endpoint({
    method: 'DELETE',
    path: '/api/v1/evaluation-datasets/:dataset',
    summary: 'Delete an evaluation data set with its records',
    scope: 'write',
    input: oneDataset.extend({ reason: Reason.default('no longer needed') }),
    output: z.object({ deleted: z.boolean() }),
  }),
  upsertRecords: endpoint({
    method: 'POST',
    path: '/api/v1/evaluation-datasets/:dataset/records',
    summary: 'Add records to an evaluation data set; those with inputs that are there already are updated',
    scope: 'write',
    input: oneDataset.extend({ records: z.array(NewEvaluationRecord).min(1).max(10_000), reason: Reason.default('records added') }),
    output: z.object({ inserted: z.int(), updated: z.int() }),
  }),
  listRecords: endpoint({
    method: 'GET',
    path: '/api/v1/evaluation-datasets/:dataset/records',
    summary: 'List the records of an evaluation data set, oldest first',
    scope: 'read',
    input: oneDataset.extend({ after: z.string().max(300).optional().describe('the id of the last record seen'), limit: Limit }),
    output: z.array(EvaluationRecord),
  }),
  listScorers: endpoint({
    method: 'GET',
    path: '/api/v1/scorers',
    summary: 'List the newest version of every scorer of an experiment',
    scope: 'read',
    input: z.strictObject({ experiment: Id }),
    output: z.array(ScorerVersion),
    examples: ['setpoint evaluations list-scorers --experiment 1'],
  }),
}
