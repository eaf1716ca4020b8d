import { AppError } from '../../../contract/errors.ts'
import { compileLinearRegex } from '../../../lib/linear-regex.ts'
import { type Clause, type Comparator, type Field, type Grammar, listed, numericComparators } from '../../../lib/search-filter/grammar.ts'
import { parseFilter } from '../../../lib/search-filter/parse-filter.ts'
import { parseOrderBy } from '../../../lib/search-filter/parse-order-by.ts'
import { metadataKeys, tagKeys } from './keys.ts'

/** One condition of a search, its names resolved: `name` is a tag, `run_id` metadata, `text` the content of spans. */
export type TraceClause = Clause & { readonly entity: Entity }
type Entity = 'attribute' | 'tag' | 'metadata' | 'span' | 'feedback' | 'expectation' | 'issue'
export type TraceOrdering = { readonly entity: Entity; readonly key: string; readonly ascending: boolean }

const MOST_CLAUSES = 100

const textual: readonly Comparator[] = ['=', '!=', 'LIKE', 'ILIKE', 'RLIKE']
const nullable: readonly Comparator[] = ['IS NULL', 'IS NOT NULL']
const aliases: Readonly<Record<string, string>> = {
  timestamp: 'timestamp_ms',
  execution_time: 'execution_time_ms',
  end_time: 'end_time_ms',
}
const numericKeys = new Set(['timestamp_ms', 'execution_time_ms', 'end_time_ms'])
const textKeys = ['request_id', 'status', 'client_request_id', 'name', 'run_id', 'prompt', 'text']
const searchable = [...numericKeys, ...Object.keys(aliases), ...textKeys]
const orderable = [...numericKeys, ...Object.keys(aliases), 'request_id', 'status', 'name', 'run_id', 'experiment_id']

const names: Pick<Grammar, 'entities' | 'listed' | 'bare'> = {
  entities: {
    tag: 'tag',
    tags: 'tag',
    attribute: 'attribute',
    attributes: 'attribute',
    trace: 'attribute',
    request_metadata: 'metadata',
    metadata: 'metadata',
    span: 'span',
    feedback: 'feedback',
    expectation: 'expectation',
    issue: 'issue',
  },
  listed: ['tag', 'request_metadata', 'attribute', 'span', 'feedback', 'expectation', 'issue'],
  bare: 'attribute',
}

const quoted = (entity: string) => `Expected a quoted string value for ${entity} (e.g. 'my-value')`

const grammar: Grammar = {
  ...names,
  nullable: 'tags, metadata, feedback and expectations',
  field(entity, key): Field {
    switch (entity) {
      case 'tag':
      case 'metadata':
        return { comparators: [...textual, ...nullable], value: 'text', expected: quoted(entity) }
      case 'span':
        return spanField(key)
      case 'feedback':
      case 'expectation':
        if (key === '') throw new SyntaxError('Assessment field name cannot be empty')
        return { comparators: [...textual, '<', '<=', '>', '>=', ...nullable], value: 'either', expected: quoted(entity) }
      case 'issue':
        if (key !== 'id') throw new SyntaxError(`Invalid issue attribute '${key}'. Supported attributes: id`)
        return { comparators: ['='], value: 'text', expected: quoted(entity) }
      default:
        return attributeField(key)
    }
  },
}

function attributeField(key: string): Field {
  if (!searchable.includes(key))
    throw new SyntaxError(`Invalid attribute key '${key}' specified. Valid keys are '${listed([...searchable].sort())}'`)
  if (numericKeys.has(aliases[key] ?? key))
    return { comparators: numericComparators, value: 'number', expected: `Expected a number for attribute ${key}` }
  if (key === 'text') return spanField('content')
  if (key === 'prompt') return { comparators: ['='], value: 'text', expected: `Only '=' is supported with format: prompt = "name/version"` }
  return { comparators: [...textual, 'IN', 'NOT IN'], value: 'text', expected: quoted('attributes') }
}

function spanField(key: string): Field {
  if (key === 'content') return { comparators: ['LIKE', 'ILIKE'], value: 'text', expected: quoted('span') }
  if (key === 'attributes.') throw new SyntaxError("Span attribute name cannot be empty after 'attributes.'")
  if (!['name', 'type', 'status'].includes(key) && !key.startsWith('attributes.'))
    throw new SyntaxError(`Invalid span attribute '${key}'. Supported attributes: name, status, type, attributes.<attribute_name>.`)
  return { comparators: [...textual, 'IN', 'NOT IN'], value: 'text', expected: quoted('span') }
}

/** The conditions of a trace filter, all of which must hold. Throws `invalid` with what is wrong. */
export function clausesFrom(filter: string | undefined): TraceClause[] {
  const clauses = reading(() => parseFilter(filter, grammar)).map(resolved)
  if (clauses.length > MOST_CLAUSES) throw new AppError('invalid', `Invalid filter of ${clauses.length} clauses; at most ${MOST_CLAUSES}`)
  for (const clause of clauses) checkValue(clause)
  return clauses
}

/** How traces are to be ordered. Throws `invalid` for what nothing is ordered by, or for a key given twice. */
export function orderingsFrom(orderBy: readonly string[]): TraceOrdering[] {
  const orderings = orderBy.map((text) =>
    resolved(
      reading(() =>
        parseOrderBy(text, names, (entity, key) => {
          if (entity === 'attribute' && !orderable.includes(key))
            throw new SyntaxError(`Invalid attribute key '${key}' specified. Valid keys are '${listed([...orderable].sort())}'`)
          if (!['attribute', 'tag', 'metadata'].includes(entity)) throw new SyntaxError(`Invalid identifier type '${entity}'`)
        }),
      ),
    ),
  )
  const keys = orderings.map(({ entity, key }) => `${entity}.${key}`)
  if (new Set(keys).size < keys.length) throw new AppError('invalid', `\`order_by\` contains duplicate fields: ${listed(orderBy)}`)
  return orderings
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof SyntaxError) throw new AppError('invalid', error.message)
    throw error
  }
}

/** Names that stand for something else. Those of spans and assessments are their own. */
function resolved<T extends { readonly entity: string; readonly key: string }>(one: T): T & { readonly entity: Entity } {
  const { entity, key } = one
  const as = (found: Entity, name: string) => ({ ...one, entity: found, key: name })
  if (entity !== 'attribute') return as(entity as Entity, key)
  if (key === 'name') return as('tag', tagKeys.name)
  if (key === 'prompt') return as('tag', tagKeys.linkedPrompts)
  if (key === 'run_id') return as('metadata', metadataKeys.run)
  if (key === 'text') return as('span', 'content')
  return as('attribute', aliases[key] ?? key)
}

function checkValue({ entity, key, comparator, value }: TraceClause): void {
  if (comparator === 'RLIKE') reading(() => compileLinearRegex(String(value)))
  if (entity === 'tag' && key === tagKeys.linkedPrompts && comparator === '=' && String(value).split('/').length !== 2)
    throw new AppError('invalid', `Invalid prompts filter value '${value}'. Expected format: prompt = "name/version"`)
  if (entity !== 'feedback' && entity !== 'expectation') return
  const isOrder = ['<', '<=', '>', '>='].includes(comparator)
  if (isOrder && typeof value !== 'number')
    throw new AppError('invalid', `Expected a numeric value for ${entity} when using comparator '${comparator}'. Got value '${value}'`)
  if (!isOrder && typeof value === 'number') throw new AppError('invalid', `${quoted(entity)}. Got value ${value}`)
}
