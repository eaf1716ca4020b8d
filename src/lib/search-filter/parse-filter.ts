import { type Clause, type Comparator, type Field, type Grammar, listed } from './grammar.ts'
import { quotedValue, type Token, tokensOf, withoutQuotes } from './tokens.ts'

/** How long a filter may be; a person writes hundreds of characters, a list of ids some thousands. */
export const MOST_FILTER_CHARACTERS = 200_000

const operators: ReadonlySet<string> = new Set(['=', '!=', '>', '>=', '<', '<='])
const words: ReadonlySet<string> = new Set(['LIKE', 'ILIKE', 'RLIKE'])

type Reading = { readonly tokens: readonly Token[]; at: number }

/**
 * The comparisons of a filter such as `metrics.rmse < 0.5 and tags.owner LIKE 'a%'`, all of which must hold; none for an
 * empty one. Names and values are quoted as in SQL, in single, double or (names) back quotes, without escapes. Throws
 * `SyntaxError` in the words clients of the ecosystem know.
 */
export function parseFilter(text: string | undefined, grammar: Grammar): Clause[] {
  if (!text?.trim()) return []
  if (text.length > MOST_FILTER_CHARACTERS)
    throw new SyntaxError(`Invalid filter of ${text.length} characters; at most ${MOST_FILTER_CHARACTERS} can be read`)
  const reading: Reading = { tokens: tokensOf(text), at: 0 }
  if (reading.tokens.slice(0, -1).some((token) => token.text === ';'))
    throw new SyntaxError(`Search filter contained multiple expression '${text}'. Provide AND-ed expression list.`)
  const clauses: Clause[] = []
  for (;;) {
    // Whoever joins parts with AND sends a stray one where a part is empty.
    while (isWord(reading.tokens[reading.at], 'AND')) reading.at += 1
    const next = reading.tokens[reading.at]
    if (next === undefined || (next.text === ';' && reading.at === reading.tokens.length - 1)) return clauses
    if (clauses.length > 0 && !isWord(reading.tokens[reading.at - 1], 'AND')) throw invalidClause(reading)
    clauses.push(readClause(reading, grammar))
  }
}

function readClause(reading: Reading, grammar: Grammar): Clause {
  const [left, middle] = reading.tokens.slice(reading.at)
  if (left === undefined || middle === undefined) throw invalidClause(reading)
  if (left.kind !== 'name') {
    if ((left.kind === 'number' || left.kind === 'string') && middle.kind === 'operator')
      throw new SyntaxError(`Invalid comparison clause. Expected 'Identifier' found '${left.text}'`)
    throw invalidClause(reading)
  }
  const from = reading.at
  const { comparator, asWritten } = readComparator(reading)
  const right = readRight(reading, comparator, from)
  const { entity, key } = readName(left.text, grammar)
  const field = grammar.field(entity, key)
  if (comparator === 'IS NULL' || comparator === 'IS NOT NULL') {
    if (field.comparators.includes(comparator)) return { entity, key, comparator, value: null }
    throw new SyntaxError(`IS NULL / IS NOT NULL is only supported for ${grammar.nullable}, not for '${entity}' '${key}'`)
  }
  const value = valueFrom(right, field)
  if (comparator === undefined || !field.comparators.includes(comparator))
    throw new SyntaxError(`Invalid comparator '${asWritten}' not one of '${listed(field.comparators)}'`)
  if (Array.isArray(value) !== (comparator === 'IN' || comparator === 'NOT IN'))
    throw new SyntaxError(`Invalid comparator '${asWritten}' for the value ${right.map((token) => token.text).join('')}`)
  return { entity, key, comparator, value }
}

/** Reads `op`, `[NOT] LIKE`-like words, `[NOT] IN` or `IS [NOT] NULL`; an operator that is none has no `comparator`. */
function readComparator(reading: Reading): { comparator: Comparator | undefined; asWritten: string } {
  const [, first, second, third] = reading.tokens.slice(reading.at)
  const take = (count: number, comparator: Comparator | undefined, asWritten: string) => {
    reading.at += 1 + count
    return { comparator, asWritten }
  }
  const word = first!.text.toUpperCase()
  if (first!.kind === 'operator') return take(1, operators.has(first!.text) ? (first!.text as Comparator) : undefined, first!.text)
  if (words.has(word)) return take(1, word as Comparator, word)
  if (word === 'IN') return take(1, 'IN', word)
  if (word === 'NOT' && isWord(second, 'IN')) return take(2, 'NOT IN', 'NOT IN')
  if (word === 'IS' && isWord(second, 'NULL')) return take(2, 'IS NULL', 'IS NULL')
  if (word === 'IS' && isWord(second, 'NOT') && isWord(third, 'NULL')) return take(3, 'IS NOT NULL', 'IS NOT NULL')
  throw invalidClause(reading)
}

/** The tokens of the right side: none beside a test for null, one, or all of a list with its parentheses. */
function readRight(reading: Reading, comparator: Comparator | undefined, from: number): readonly Token[] {
  if (comparator === 'IS NULL' || comparator === 'IS NOT NULL') return []
  const first = reading.tokens[reading.at]
  const broken = () => invalidClause({ tokens: reading.tokens, at: from })
  if (first === undefined) throw broken()
  if (first.kind === 'name' || first.kind === 'string' || first.kind === 'number') {
    reading.at += 1
    return [first]
  }
  if (first.text !== '(') throw broken()
  const end = reading.tokens.findIndex((token, i) => i > reading.at && token.text === ')')
  if (end < 0) throw broken()
  const list = reading.tokens.slice(reading.at, end + 1)
  reading.at = end + 1
  return list
}

function valueFrom(right: readonly Token[], field: Field): string | number | string[] {
  const first = right[0]!
  if (first.text === '(') return listFrom(right, field)
  if (field.value !== 'text' && first.kind === 'number') return first.value
  if (field.value === 'number' || first.kind === 'number') throw new SyntaxError(`${field.expected}. Got value ${first.text}`)
  const text = quotedValue(first)
  if (text !== undefined) return text
  throw new SyntaxError(
    `Parameter value is either not quoted or unidentified quote types used for string value ${first.text}. Use either single or double quotes.`,
  )
}

function listFrom(tokens: readonly Token[], field: Field): string[] {
  if (field.noList !== undefined) throw new SyntaxError(field.noList)
  const inner = tokens.slice(1, -1)
  if (inner.length === 0)
    throw new SyntaxError('While parsing a list in the query, expected a non-empty list of string values, but got empty list')
  const values: string[] = []
  for (const [i, token] of inner.entries()) {
    if (i % 2 === 1) {
      if (token.text !== ',') throw illFormed()
      continue
    }
    const value = quotedValue(token)
    if (value !== undefined) values.push(value)
    else if (token.kind === 'number')
      throw new SyntaxError(
        `While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list: ${token.text}`,
      )
    else throw illFormed()
  }
  return values
}

function illFormed(): SyntaxError {
  return new SyntaxError('While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.')
}

/** The entity and key of a name such as ``metrics.`m 1` ``. Throws `SyntaxError` for a prefix that stands for nothing. */
export function readName(name: string, grammar: Pick<Grammar, 'entities' | 'listed' | 'bare'>): { entity: string; key: string } {
  const dot = name.indexOf('.')
  if (dot < 0) return { entity: grammar.bare, key: withoutQuotes(name) }
  const prefix = withoutBackTicks(name.slice(0, dot))
  const entity = Object.hasOwn(grammar.entities, prefix) ? grammar.entities[prefix] : undefined
  if (entity === undefined) throw new SyntaxError(`Invalid entity type '${prefix}'. Valid values are ${listed(grammar.listed)}`)
  return { entity, key: withoutQuotes(name.slice(dot + 1)) }
}

function withoutBackTicks(text: string): string {
  return /^`(.*)`$/s.exec(text)?.[1] ?? text
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'name' && token.text.toUpperCase() === word
}

function invalidClause({ tokens, at }: Reading): SyntaxError {
  const rest = tokens.slice(at, at + 8).map((token) => token.text)
  return new SyntaxError(`Invalid clause(s) in filter string: '${rest.join(' ')}'`)
}
