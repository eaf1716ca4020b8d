import type { Grammar, Ordering } from './grammar.ts'
import { readName } from './parse-filter.ts'
import { tokensOf } from './tokens.ts'

/**
 * One ordering such as ``metrics.`m 1` DESC``; ascending unless it says otherwise. `check` throws `SyntaxError` for a key
 * that nothing is ordered by. Throws `SyntaxError` for what cannot be read.
 */
export function parseOrderBy(
  text: string,
  grammar: Pick<Grammar, 'entities' | 'listed' | 'bare'>,
  check: (entity: string, key: string) => void,
): Ordering {
  const [name, direction, ...rest] = tokensOf(text)
  if (name?.kind !== 'name' || rest.length > 0 || (direction !== undefined && direction.kind !== 'name'))
    throw new SyntaxError(`Invalid order_by clause '${text}'. Could not be parsed.`)
  const word = direction?.text.toLowerCase() ?? 'asc'
  if (word !== 'asc' && word !== 'desc') throw new SyntaxError(`Invalid ordering key in order_by clause '${text}'.`)
  const { entity, key } = readName(name.text, grammar)
  check(entity, key)
  return { entity, key, ascending: word === 'asc' }
}
