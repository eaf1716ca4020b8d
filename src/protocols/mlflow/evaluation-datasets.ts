import { AppError } from '../../contract/errors.ts'
import type { EvaluationDataset, EvaluationRecord, NewEvaluationRecord } from '../../contract/evaluations.ts'
import { parseExactly } from '../../lib/exact-json.ts'
import type { Evaluations } from '../../modules/models/evaluations/index.ts'
import { int32, list, string } from './fields.ts'
import { skipFrom } from './page-token.ts'
import { type Rpc, rpc } from './rpc.ts'
import { scorerRpcs } from './scorers.ts'

export type EvaluationDeps = { readonly evaluations: Evaluations }

const base = '/api/3.0/mlflow/datasets'
const one = `${base}/:dataset_id`
const dataset_id = string({ required: true })

const DATASETS_A_PAGE = 1_000
const MOST_DATASETS_A_PAGE = 50_000
const RECORDS_A_PAGE = 1_000
const MOST_RECORDS_A_PAGE = 10_000

/** Evaluation data sets with their records, and scorers. */
export function evaluationRpcs(deps: EvaluationDeps): Rpc[] {
  return [...datasetRpcs(deps), ...tagRpcs(deps), ...recordRpcs(deps), ...experimentRpcs(deps), ...scorerRpcs(deps)]
}

function datasetRpcs({ evaluations: { datasets } }: EvaluationDeps): Rpc[] {
  return [
    rpc({
      name: 'createDataset',
      method: 'POST',
      paths: [`${base}/create`],
      scope: 'write',
      fields: { name: string({ required: true }), experiment_ids: list(string()), tags: string() },
      async handle({ name, experiment_ids, tags }, { caller }) {
        const given = { name, experiments: experiment_ids ?? [], tags: tagsFrom(tags), reason: 'new evaluation data set' }
        return { dataset: datasetMessage(await datasets.create(given, caller)) }
      },
    }),
    rpc({
      name: 'getDataset',
      method: 'GET',
      paths: [one],
      scope: 'read',
      fields: { dataset_id },
      async handle(asked, { caller }) {
        return { dataset: datasetMessage(await datasets.find(asked.dataset_id, caller)) }
      },
    }),
    rpc({
      name: 'deleteDataset',
      method: 'DELETE',
      paths: [one],
      scope: 'write',
      fields: { dataset_id },
      async handle(asked, { caller }) {
        await datasets.remove(asked.dataset_id, 'no longer needed', caller)
        return {}
      },
    }),
    rpc({
      name: 'searchEvaluationDatasets',
      method: 'POST',
      paths: [`${base}/search`],
      scope: 'read',
      fields: {
        experiment_ids: list(string()),
        filter_string: string(),
        max_results: int32(),
        order_by: list(string()),
        page_token: string(),
      },
      async handle({ experiment_ids, filter_string, max_results, order_by, page_token }, { caller }) {
        const most = sizeFrom(max_results || DATASETS_A_PAGE, MOST_DATASETS_A_PAGE)
        const skip = skipFrom(page_token)
        const experiments = experiment_ids && experiment_ids.length > 0 ? experiment_ids : undefined
        const asked = { filter: filter_string, orderBy: order_by ?? [], experiments, most: most + 1, skip }
        const found = await datasets.search(asked, caller)
        const next = found.length > most ? { next_page_token: tokenOf({ offset: skip + most }) } : {}
        return { datasets: found.slice(0, most).map(datasetMessage), ...next }
      },
    }),
  ]
}

function tagRpcs({ evaluations: { datasets } }: EvaluationDeps): Rpc[] {
  return [
    rpc({
      name: 'setDatasetTags',
      method: 'PATCH',
      paths: [`${one}/tags`],
      scope: 'write',
      fields: { dataset_id, tags: string({ required: true }) },
      async handle({ dataset_id, tags }, { caller }) {
        return { dataset: datasetMessage(await datasets.setTags(dataset_id, tagsFrom(tags), caller)) }
      },
    }),
    rpc({
      name: 'deleteDatasetTag',
      method: 'DELETE',
      paths: [`${one}/tags/:key`],
      scope: 'write',
      fields: { dataset_id, key: string({ required: true }) },
      async handle({ dataset_id, key }, { caller }) {
        await datasets.deleteTag(dataset_id, key, caller)
        return {}
      },
    }),
  ]
}

function recordRpcs({ evaluations: { records } }: EvaluationDeps): Rpc[] {
  return [
    rpc({
      name: 'upsertDatasetRecords',
      method: 'POST',
      paths: [`${one}/records`],
      scope: 'write',
      fields: { dataset_id, records: string({ required: true }) },
      async handle({ dataset_id, records: text }, { caller }) {
        const given = { dataset: dataset_id, records: recordsFrom(text), reason: 'records added' }
        const { inserted, updated } = await records.upsert(given, caller)
        return { inserted_count: inserted, updated_count: updated }
      },
    }),
    rpc({
      name: 'getDatasetRecords',
      method: 'GET',
      paths: [`${one}/records`],
      scope: 'read',
      fields: { dataset_id, max_results: int32(), page_token: string() },
      async handle({ dataset_id, max_results, page_token }, { caller }) {
        const most = sizeFrom(max_results || RECORDS_A_PAGE, MOST_RECORDS_A_PAGE)
        const found = await records.list(dataset_id, { most: most + 1, after: placeFrom(page_token) }, caller)
        const page = found.slice(0, most)
        const last = page.at(-1)
        return {
          records: JSON.stringify(page.map((record) => recordMessage(record, dataset_id))),
          ...(found.length > most && last ? { next_page_token: Buffer.from(`${last.createdAt}:${last.id}`).toString('base64') } : {}),
        }
      },
    }),
    rpc({
      name: 'deleteDatasetRecords',
      method: 'DELETE',
      paths: [`${one}/records`],
      scope: 'write',
      fields: { dataset_id, dataset_record_ids: list(string()) },
      async handle({ dataset_id, dataset_record_ids }, { caller }) {
        return { deleted_count: await records.remove(dataset_id, dataset_record_ids ?? [], caller) }
      },
    }),
  ]
}

function experimentRpcs({ evaluations: { datasets } }: EvaluationDeps): Rpc[] {
  const fields = { dataset_id, experiment_ids: list(string()) }
  return [
    rpc({
      name: 'getDatasetExperimentIds',
      method: 'GET',
      paths: [`${one}/experiment-ids`],
      scope: 'read',
      fields: { dataset_id },
      async handle(asked, { caller }) {
        return { experiment_ids: (await datasets.find(asked.dataset_id, caller)).experiments }
      },
    }),
    rpc({
      name: 'addDatasetToExperiments',
      method: 'POST',
      paths: [`${one}/add-experiments`],
      scope: 'write',
      fields,
      async handle({ dataset_id, experiment_ids }, { caller }) {
        return { dataset: datasetMessage(await datasets.addToExperiments(dataset_id, experiment_ids ?? [], caller)) }
      },
    }),
    rpc({
      name: 'removeDatasetFromExperiments',
      method: 'POST',
      paths: [`${one}/remove-experiments`],
      scope: 'write',
      fields,
      async handle({ dataset_id, experiment_ids }, { caller }) {
        return { dataset: datasetMessage(await datasets.removeFromExperiments(dataset_id, experiment_ids ?? [], caller)) }
      },
    }),
  ]
}

function sizeFrom(most: number, limit: number): number {
  if (most >= 1 && most <= limit) return most
  throw new AppError('invalid', `Invalid value ${most} for parameter 'max_results' supplied. It must be from 1 to ${limit}`)
}

const tokenOf = (place: object) => Buffer.from(JSON.stringify(place)).toString('base64')

function placeFrom(token: string | undefined): { createdAt: number; id: string } | undefined {
  if (!token) return undefined
  const [, at, id] = /^(\d{1,16}):(.+)$/.exec(Buffer.from(token, 'base64').toString('utf8')) ?? []
  if (at === undefined || id === undefined) throw new AppError('invalid', 'Invalid page token, could not base64-decode')
  return { createdAt: Number(at), id }
}

function parsedField(name: string, text: string): unknown {
  try {
    return parseExactly(text)
  } catch {
    throw new AppError('invalid', `the field '${name}' must be JSON`)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Tags travel as a JSON text; values that are no texts become such, null says nothing. */
function tagsFrom(text: string | undefined): Record<string, string> {
  if (!text) return {}
  const tags = parsedField('tags', text)
  if (!isObject(tags)) throw new AppError('invalid', "the field 'tags' must be a JSON object")
  return Object.fromEntries(
    Object.entries(tags)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  )
}

const sourceTypes = ['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE'] as const

/** Records travel as the JSON text of a list. Throws `invalid` naming the record that is none. */
function recordsFrom(text: string): NewEvaluationRecord[] {
  const records = parsedField('records', text)
  if (!Array.isArray(records)) throw new AppError('invalid', "the field 'records' must be a JSON list")
  return records.map((record: unknown, i) => {
    const wrong = (what: string) => new AppError('invalid', `records[${i}]: ${what}`)
    if (!isObject(record)) throw wrong('a record is an object')
    const { inputs = {}, outputs, expectations, tags, source } = record
    if (!isObject(inputs)) throw wrong('inputs must be an object')
    if (expectations !== undefined && expectations !== null && !isObject(expectations)) throw wrong('expectations must be an object')
    if (tags !== undefined && tags !== null && !isObject(tags)) throw wrong('tags must be an object')
    return {
      inputs: inputs as NewEvaluationRecord['inputs'],
      ...('outputs' in record ? { outputs: (outputs ?? null) as NewEvaluationRecord['outputs'] } : {}),
      expectations: expectations as NewEvaluationRecord['expectations'],
      tags: tags as NewEvaluationRecord['tags'],
      source: sourceFrom(source),
    }
  })
}

function sourceFrom(source: unknown): EvaluationRecord['source'] {
  if (!isObject(source)) return null
  const name = String(source.source_type ?? 'UNSPECIFIED').toUpperCase()
  const type = sourceTypes.find((known) => known === name)
  if (!type) throw new AppError('invalid', `Invalid dataset record source type: ${name}. Valid source types: ${sourceTypes.join(', ')}`)
  return { type, data: isObject(source.source_data) ? (source.source_data as NonNullable<EvaluationRecord['source']>['data']) : {} }
}

function datasetMessage(dataset: EvaluationDataset): object {
  return {
    dataset_id: dataset.id,
    name: dataset.name,
    tags: JSON.stringify(dataset.tags),
    ...(dataset.fields === null ? {} : { schema: JSON.stringify({ ...dataset.fields, version: '1.0' }) }),
    ...(dataset.recordCount === 0 ? {} : { profile: JSON.stringify({ num_records: dataset.recordCount }) }),
    digest: dataset.digest,
    created_time: dataset.createdAt,
    last_update_time: dataset.updatedAt,
    ...(dataset.createdBy === null ? {} : { created_by: dataset.createdBy }),
    ...(dataset.updatedBy === null ? {} : { last_updated_by: dataset.updatedBy }),
    experiment_ids: dataset.experiments,
  }
}

function recordMessage(record: EvaluationRecord, dataset: string): object {
  const { source } = record
  const sourceId = source && (source.type === 'TRACE' ? source.data.trace_id : source.data.source_id)
  return {
    dataset_record_id: record.id,
    dataset_id: dataset,
    inputs: record.inputs,
    ...(record.outputs === null ? {} : { outputs: record.outputs }),
    ...(record.expectations === null ? {} : { expectations: record.expectations }),
    tags: record.tags,
    ...(source ? { source: { source_type: source.type, source_data: source.data }, source_type: source.type } : {}),
    ...(sourceId ? { source_id: sourceId } : {}),
    created_time: record.createdAt,
    last_update_time: record.updatedAt,
    ...(record.createdBy === null ? {} : { created_by: record.createdBy }),
    ...(record.updatedBy === null ? {} : { last_updated_by: record.updatedBy }),
  }
}
