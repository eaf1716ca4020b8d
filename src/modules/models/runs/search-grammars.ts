import { type Field, type Grammar, listed, numericComparators, textComparators } from '../../../lib/search-filter/grammar.ts'

const pairComparators = [...textComparators, 'IS NULL', 'IS NOT NULL'] as const
const listComparators = [...textComparators, 'IN', 'NOT IN'] as const

const quoted = (what: string) => `Expected a quoted string value for ${what} (e.g. 'my-value')`
const onlyLists = (keys: readonly string[]) => `Only ${listed(keys)} attributes support comparison with a list of quoted string values.`

function pair(entity: string, comparators: Field['comparators'] = pairComparators): Field {
  return { comparators, value: 'text', expected: quoted(entity), noList: onlyLists(['run_id']) }
}

const metric: Field = {
  comparators: numericComparators,
  value: 'number',
  expected: 'Expected numeric value type for metric',
  noList: onlyLists(['run_id']),
}

function numericAttribute(key: string): Field {
  return { ...metric, expected: `Expected numeric value type for numeric attribute: ${key}` }
}

function textAttribute(lists: readonly string[], key: string): Field {
  const field: Field = { comparators: listComparators, value: 'text', expected: 'Expected a quoted string value for attributes' }
  return lists.includes(key) ? field : { ...field, noList: onlyLists(lists) }
}

function unknownKey(what: string, key: string, keys: readonly string[]): SyntaxError {
  return new SyntaxError(`Invalid ${what} key '${key}' specified. Valid keys are '${listed(keys)}'`)
}

const runAttributes = ['run_id', 'run_name', 'user_id', 'status', 'start_time', 'end_time', 'artifact_uri'] as const
const runNumbers = ['start_time', 'end_time'] as const
const datasetKeys = ['name', 'digest', 'context']
/** Names of the columns of the reference console, for what they stand for. */
const runAliases: Readonly<Record<string, string>> = {
  created: 'start_time',
  Created: 'start_time',
  'run name': 'run_name',
  'Run name': 'run_name',
  'Run Name': 'run_name',
}

/** The key of a run’s attribute under its own name. */
export function runAttribute(key: string): string {
  return Object.hasOwn(runAliases, key) ? runAliases[key]! : key
}

export const runGrammar: Grammar = {
  entities: {
    metric: 'metric',
    metrics: 'metric',
    parameter: 'parameter',
    parameters: 'parameter',
    param: 'parameter',
    params: 'parameter',
    tag: 'tag',
    tags: 'tag',
    attribute: 'attribute',
    attributes: 'attribute',
    attr: 'attribute',
    run: 'attribute',
    dataset: 'dataset',
    datasets: 'dataset',
  },
  listed: ['metric', 'parameter', 'tag', 'attribute', 'dataset'],
  bare: 'attribute',
  nullable: 'tags and params',
  field(entity, key) {
    if (entity === 'metric') return metric
    if (entity === 'tag' || entity === 'parameter') return pair(entity)
    if (entity === 'dataset') {
      if (!datasetKeys.includes(key)) throw unknownKey('dataset', key, datasetKeys)
      return { comparators: listComparators, value: 'text', expected: 'Expected a quoted string value for dataset attributes' }
    }
    const name = runAttribute(key)
    if (runNumbers.some((known) => known === name)) return numericAttribute(key)
    if (runAttributes.some((known) => known === name)) return textAttribute(['run_id'], key)
    throw unknownKey('attribute', key, runAttributes)
  },
}

/** Throws `SyntaxError` for what runs are not ordered by. */
export function checkRunOrdering(entity: string, key: string): void {
  if (entity === 'dataset') throw new SyntaxError(`Invalid identifier type 'dataset'`)
  runGrammar.field(entity, key)
}

const experimentAttributes = ['name', 'experiment_id', 'creation_time', 'last_update_time']
const experimentNumbers = ['creation_time', 'last_update_time']

export const experimentGrammar: Grammar = {
  entities: { attribute: 'attribute', tag: 'tag', tags: 'tag' },
  listed: ['attribute', 'tag', 'tags'],
  bare: 'attribute',
  nullable: 'tags',
  field(entity, key) {
    if (entity === 'tag') return pair(entity)
    if (experimentNumbers.includes(key)) return numericAttribute(key)
    if (key === 'experiment_id') return { ...textAttribute([key], key), comparators: ['=', '!=', 'IN', 'NOT IN'] }
    if (key === 'name') return { ...textAttribute(['experiment_id'], key), comparators: textComparators }
    throw unknownKey('attribute', key, experimentAttributes)
  },
}

export function checkExperimentOrdering(entity: string, key: string): void {
  if (entity !== 'attribute') throw new SyntaxError(`Invalid order_by entity: ${entity}`)
  experimentGrammar.field(entity, key)
}

/** The column of each attribute of a logged model. */
export const modelAttributes: Readonly<Record<string, string>> = {
  name: 'name',
  model_id: 'id',
  model_type: 'model_type',
  status: 'status',
  source_run_id: 'source_run',
  experiment_id: 'experiment',
  creation_time: 'created_at',
  creation_timestamp: 'created_at',
  creation_timestamp_ms: 'created_at',
  last_updated_time: 'updated_at',
  last_updated_timestamp: 'updated_at',
  last_updated_timestamp_ms: 'updated_at',
}

export const modelGrammar: Grammar = {
  entities: { attributes: 'attribute', metrics: 'metric', params: 'param', tags: 'tag' },
  listed: ['attributes', 'metrics', 'params', 'tags'],
  bare: 'attribute',
  nullable: 'nothing of a logged model',
  field(entity, key) {
    if (entity === 'metric') return metric
    if (entity !== 'attribute') {
      const { noList: _, ...field } = pair(entity, listComparators)
      return field
    }
    const column = Object.hasOwn(modelAttributes, key) ? modelAttributes[key]! : undefined
    if (column === undefined || column === 'experiment') throw unknownKey('attribute', key, Object.keys(modelAttributes))
    return column.endsWith('_at') ? numericAttribute(key) : textAttribute([key], key)
  },
}
