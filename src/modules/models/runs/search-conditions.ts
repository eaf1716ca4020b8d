import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Clause, Grammar, Ordering } from '../../../lib/search-filter/grammar.ts'
import { parseFilter } from '../../../lib/search-filter/parse-filter.ts'
import { parseOrderBy } from '../../../lib/search-filter/parse-order-by.ts'
import { invalid } from './limits.ts'

export type Dialect = 'sqlite' | 'postgresql'
export type Condition = RawBuilder<SqlBool>
export type Term = RawBuilder<unknown>

/** As many comparisons and orderings as a statement of either store can carry with ease. */
const MOST_CLAUSES = 100
const MOST_ORDERINGS = 20
const MOST_LISTED_VALUES = 5_000
/** Longer than every value that is kept but for the longest; a pattern longer than this is none a person wrote. */
const MOST_PATTERN_CHARACTERS = 20_000

/** The comparisons of a filter. Throws `invalid` with what cannot be read. */
export function clausesOf(filter: string | undefined, grammar: Grammar): Clause[] {
  const clauses = asInvalid(() => parseFilter(filter, grammar))
  if (clauses.length > MOST_CLAUSES) throw invalid(`the filter has ${clauses.length} comparisons; at most ${MOST_CLAUSES} can be combined`)
  const listed = clauses.reduce((sum, { value }) => sum + (Array.isArray(value) ? value.length : 0), 0)
  if (listed > MOST_LISTED_VALUES) throw invalid(`the filter lists ${listed} values; at most ${MOST_LISTED_VALUES} can be listed`)
  return clauses
}

/** The orderings of a search. Throws `invalid` with what cannot be read, or stands twice. */
export function orderingsOf(orderBy: readonly string[], grammar: Grammar, check: (entity: string, key: string) => void): Ordering[] {
  if (orderBy.length > MOST_ORDERINGS) throw invalid(`order_by has ${orderBy.length} entries; at most ${MOST_ORDERINGS} can be combined`)
  const orderings = asInvalid(() => orderBy.map((text) => parseOrderBy(text, grammar, check)))
  const names = orderings.map(({ entity, key }) => `${entity}.${key}`)
  if (new Set(names).size !== names.length)
    throw invalid(`\`order_by\` contains duplicate fields: [${orderBy.map((text) => `'${text}'`).join(', ')}]`)
  return orderings
}

function asInvalid<T>(read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw invalid(thrown.message)
    throw thrown
  }
}

/**
 * `column comparator value` for a column that is never null. `LIKE` heeds case and knows no escape character on both
 * stores, `ILIKE` passes over the case of ASCII letters.
 */
export function comparison(column: Term, { comparator, value }: Pick<Clause, 'comparator' | 'value'>, dialect: Dialect): Condition {
  switch (comparator) {
    case 'IN':
    case 'NOT IN':
      return sql<SqlBool>`${column} ${sql.raw(comparator)} (${sql.join(value as readonly string[])})`
    case 'LIKE':
      return like(column, value as string, dialect)
    case 'ILIKE':
      return like(
        sql`lower(${column})`,
        (value as string).replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
        dialect,
      )
    case '=':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return sql<SqlBool>`${column} ${sql.raw(comparator)} ${value}`
    default:
      throw invalid(`Invalid comparator '${comparator}'`)
  }
}

function like(column: Term, pattern: string, dialect: Dialect): Condition {
  if (pattern.length > MOST_PATTERN_CHARACTERS)
    throw invalid(`a pattern of ${pattern.length} characters is too long; at most ${MOST_PATTERN_CHARACTERS} can be matched`)
  return sql<SqlBool>`${column} like ${pattern}${dialect === 'postgresql' ? sql` escape ''` : sql``}`
}

export function all(conditions: readonly Condition[]): Condition {
  return sql<SqlBool>`${sql.join(conditions, sql` and `)}`
}
export const descending = (term: Term, ascending: boolean): Term => (ascending ? term : sql`${term} desc`)
