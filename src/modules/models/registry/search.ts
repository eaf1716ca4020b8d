import { AppError } from '../../../contract/errors.ts'
import type { Model, ModelVersion } from '../../../contract/model-record.ts'
import type { Db } from '../../../infra/sql/index.ts'
import { type Clause, type Field, type Grammar, listed, numericComparators, textComparators } from '../../../lib/search-filter/grammar.ts'
import { parseFilter } from '../../../lib/search-filter/parse-filter.ts'
import { parseOrderBy } from '../../../lib/search-filter/parse-order-by.ts'
import { PROMPT_TAG } from './prompts.ts'
import { listModels, pageVersions } from './store.ts'

export type Search = {
  readonly filter?: string
  readonly orderBy?: readonly string[]
  readonly limit: number
  readonly pageToken?: string
}
export type Found<K extends 'models' | 'versions'> = Readonly<Record<K, (K extends 'models' ? Model : ModelVersion)[]>> & {
  /** Absent on the last page. */
  readonly nextPageToken?: string
}

const PAGE = 1_000

const text: Field = {
  comparators: textComparators,
  value: 'text',
  expected: 'Expected a quoted string value for attribute',
  noList: 'Only the names and run_id attributes support comparison with a list',
}
const { noList: _noList, ...textOrList } = text
const name: Field = { ...textOrList, comparators: [...textComparators, 'IN', 'NOT IN'] }
const number: Field = {
  comparators: numericComparators,
  value: 'either',
  expected: 'Expected numeric value type for numeric attribute',
  noList: 'Numeric attributes are not compared with a list',
}

function grammarOf(attributes: Readonly<Record<string, Field>>): Grammar {
  return {
    entities: { attribute: 'attribute', attributes: 'attribute', attr: 'attribute', tag: 'tag', tags: 'tag' },
    listed: ['attribute', 'tag'],
    bare: 'attribute',
    nullable: 'nothing here',
    field(entity, key) {
      if (entity === 'tag') return text
      const field = attributes[key]
      if (!field) throw new SyntaxError(`Invalid attribute key '${key}' specified. Valid keys are ${listed(Object.keys(attributes))}`)
      return field
    },
  }
}

const modelGrammar = grammarOf({ name })
const versionGrammar = grammarOf({
  name,
  run_id: name,
  source_path: text,
  version_number: number,
  creation_timestamp: number,
  last_updated_timestamp: number,
})

type Attribute = (key: string) => string | number
type Record_ = { readonly attribute: Attribute; readonly tags: Readonly<Record<string, string>> }

const recordOfModel = (model: Model): Record_ => ({
  attribute: (key) => (key === 'name' ? model.name : model.updatedAt),
  tags: model.tags,
})
const recordOfVersion = (version: ModelVersion): Record_ => ({
  attribute: (key) =>
    ({
      name: version.model,
      run_id: version.runId ?? '',
      source_path: version.source ?? '',
      version_number: version.version,
      creation_timestamp: version.createdAt,
      last_updated_timestamp: version.updatedAt,
    })[key] ?? '',
  tags: version.tags,
})

/** Searches over the records of a project; prompts are found only by a filter that asks for them. */
export function createSearch(sql: Db) {
  return {
    async findModels(project: string, search: Search): Promise<Found<'models'>> {
      const clauses = parsed(() => parseFilter(search.filter, modelGrammar))
      const order = ordering(search.orderBy, { name: 'name', last_updated_timestamp: 'updated', timestamp: 'updated' }, ['name'])
      const found: Model[] = []
      for (let after: string | undefined; ; ) {
        const page = await listModels(sql, project, PAGE, after)
        found.push(...page.filter((model) => matches(clauses, recordOfModel(model))))
        after = page.at(-1)?.name
        if (page.length < PAGE) break
      }
      const { items, nextPageToken } = pageOf(found, recordOfModel, order, search)
      return { models: items, ...(nextPageToken && { nextPageToken }) }
    },

    async findVersions(project: string, search: Search): Promise<Found<'versions'>> {
      const clauses = parsed(() => parseFilter(search.filter, versionGrammar))
      const keys = ['name', 'version_number', 'creation_timestamp', 'last_updated_timestamp']
      const orderBy = search.orderBy?.length ? search.orderBy : ['last_updated_timestamp DESC', 'name ASC', 'version_number DESC']
      const order = ordering(orderBy, Object.fromEntries(keys.map((key) => [key, key])), ['name', 'version_number DESC'])
      const equal = (key: string) => clauses.find((clause) => clause.key === key && clause.comparator === '=')?.value as string | undefined
      const range = { model: equal('name'), runId: equal('run_id') || undefined }
      const found: ModelVersion[] = []
      for (let after: { model: string; version: number } | undefined; ; ) {
        const page = await pageVersions(sql, project, { ...range, after }, PAGE)
        found.push(...page.filter((version) => matches(clauses, recordOfVersion(version))))
        after = page.at(-1)
        if (page.length < PAGE) break
      }
      const { items, nextPageToken } = pageOf(found, recordOfVersion, order, search)
      return { versions: items, ...(nextPageToken && { nextPageToken }) }
    },
  }
}

/** What the parser complains of is the caller’s mistake. */
function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw new AppError('invalid', thrown.message)
    throw thrown
  }
}

type Ordering = readonly { readonly key: string; readonly ascending: boolean }[]

/** The orderings asked for, then those that make the order of all rows certain. Throws `invalid`. */
function ordering(orderBy: readonly string[] | undefined, keys: Readonly<Record<string, string>>, last: readonly string[]): Ordering {
  const check = (entity: string, key: string) => {
    if (entity !== 'attribute' || !(key in keys))
      throw new SyntaxError(`Invalid order by key '${key}' specified. Valid keys are ${listed(Object.keys(keys))}`)
  }
  return parsed(() => {
    const asked = (orderBy ?? []).map((text) => parseOrderBy(text, modelGrammar, check))
    if (new Set(asked.map(({ key }) => keys[key])).size < asked.length)
      throw new AppError('invalid', `\`order_by\` contains duplicate fields: ${listed(orderBy ?? [])}`)
    return [...asked, ...last.map((text) => parseOrderBy(text, modelGrammar, check))]
  })
}

function pageOf<T>(found: T[], recordOf: (item: T) => Record_, order: Ordering, { limit, pageToken }: Search) {
  const offset = offsetFrom(pageToken)
  const sorted = found
    .map((item) => ({ item, record: recordOf(item) }))
    .sort((a, b) => {
      for (const { key, ascending } of order) {
        const [left, right] = [a.record.attribute(key), b.record.attribute(key)]
        if (left !== right) return (left < right ? -1 : 1) * (ascending ? 1 : -1)
      }
      return 0
    })
  const items = sorted.slice(offset, offset + limit).map(({ item }) => item)
  return { items, nextPageToken: offset + limit < sorted.length ? tokenFrom(offset + limit) : undefined }
}

function tokenFrom(offset: number): string {
  return Buffer.from(JSON.stringify({ offset })).toString('base64')
}

function offsetFrom(token: string | undefined): number {
  if (!token) return 0
  try {
    const { offset } = JSON.parse(Buffer.from(token, 'base64').toString('utf8')) as { offset: unknown }
    if (Number.isSafeInteger(offset) && (offset as number) >= 0) return offset as number
  } catch {
    // Falls through: whatever cannot be read is no token of ours.
  }
  throw new AppError('invalid', 'Invalid page token: pass on the token that the page before gave, unchanged')
}

function matches(clauses: readonly Clause[], record: Record_): boolean {
  const asksForPrompts = clauses.some(({ entity, key, comparator, value }) => {
    if (entity !== 'tag' || key !== PROMPT_TAG) return false
    const wanted = String(value).toLowerCase()
    return (comparator === '=' && wanted === 'true') || (comparator === '!=' && wanted === 'false')
  })
  if (!asksForPrompts && record.tags[PROMPT_TAG]?.toLowerCase() === 'true') return false
  return clauses.every((clause) => {
    // Of models that are no prompts, nothing is asked about being one: they do not carry the tag.
    if (clause.entity === 'tag' && clause.key === PROMPT_TAG && !asksForPrompts) return true
    const actual = clause.entity === 'tag' ? record.tags[clause.key] : record.attribute(clause.key)
    return actual !== undefined && holds(clause, actual)
  })
}

function holds({ comparator, value }: Clause, actual: string | number): boolean {
  const wanted = typeof actual === 'number' && typeof value === 'string' ? wholeNumber(value) : value
  switch (comparator) {
    case '=':
      return actual === wanted
    case '!=':
      return actual !== wanted
    case '>':
      return actual > wanted!
    case '>=':
      return actual >= wanted!
    case '<':
      return actual < wanted!
    case '<=':
      return actual <= wanted!
    case 'LIKE':
      return patternOf(String(wanted), '').test(String(actual))
    case 'ILIKE':
      return patternOf(String(wanted), 'i').test(String(actual))
    case 'IN':
      return (wanted as readonly string[]).includes(String(actual))
    case 'NOT IN':
      return !(wanted as readonly string[]).includes(String(actual))
    default:
      return false
  }
}

function wholeNumber(text: string): number {
  const found = Number(text)
  if (!Number.isInteger(found)) throw new AppError('invalid', `Invalid value for numeric attribute: '${text}'`)
  return found
}

/** `%` is any text and `_` any character, as in SQL. */
function patternOf(like: string, flags: string): RegExp {
  const source = like.replace(/[%_]|[\\^$.*+?()[\]{}|]/g, (found) => (found === '%' ? '[^]*' : found === '_' ? '[^]' : `\\${found}`))
  return new RegExp(`^${source}$`, `u${flags}`)
}
