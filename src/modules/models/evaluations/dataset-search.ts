import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely'
import { AppError } from '../../../contract/errors.ts'
import { type Clause, type Field, type Grammar, listed, numericComparators, textComparators } from '../../../lib/search-filter/grammar.ts'
import { parseFilter } from '../../../lib/search-filter/parse-filter.ts'
import { parseOrderBy } from '../../../lib/search-filter/parse-order-by.ts'
import { type DatasetSearch, hasTag } from './dataset-store.ts'

const columns: Readonly<Record<string, RawBuilder<unknown>>> = {
  name: sql.ref('evaluation_datasets.name'),
  created_time: sql.ref('evaluation_datasets.created_at'),
  last_update_time: sql.ref('evaluation_datasets.updated_at'),
  created_by: sql.ref('evaluation_datasets.created_by'),
  last_updated_by: sql.ref('evaluation_datasets.updated_by'),
}
const orderable = ['name', 'created_time', 'last_update_time']

const grammar: Grammar = {
  entities: { tag: 'tag', tags: 'tag', attribute: 'attribute', attributes: 'attribute' },
  listed: ['tag', 'attribute'],
  bare: 'attribute',
  nullable: 'nothing of a data set',
  field(entity, key): Field {
    const expected = `Expected a quoted string value for ${entity} ${key}`
    if (entity === 'tag') return { comparators: textComparators, value: 'text', expected, noList: 'Tags cannot be compared with a list' }
    if (!Object.hasOwn(columns, key))
      throw new SyntaxError(`Invalid attribute key '${key}' specified. Valid keys are: ${listed(Object.keys(columns))}`)
    if (key.endsWith('_time'))
      return { comparators: numericComparators, value: 'number', expected: `Expected a number for attribute ${key}` }
    return { comparators: key === 'name' ? [...textComparators, 'IN'] : textComparators, value: 'text', expected }
  },
}

/** What a search asks for, as conditions and an order: newest first unless it says otherwise. Throws `invalid`. */
export function searchFrom(filter: string | undefined, orderBy: readonly string[]): Pick<DatasetSearch, 'conditions' | 'order'> {
  try {
    const order = orderBy.map((text) => parseOrderBy(text, grammar, checkOrder))
    return {
      conditions: parseFilter(filter, grammar).map(conditionFrom),
      order: [
        ...order.map(({ key, ascending }) => ({ by: columns[key]!, ascending })),
        ...(order.length === 0 ? [{ by: columns.created_time!, ascending: false }] : []),
        { by: sql.ref('evaluation_datasets.id'), ascending: false },
      ],
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw new AppError('invalid', error.message)
    throw error
  }
}

function checkOrder(entity: string, key: string): void {
  if (entity !== 'attribute') throw new SyntaxError(`Invalid order_by entity: ${entity}`)
  if (!orderable.includes(key)) throw new SyntaxError(`Invalid attribute key '${key}' specified. Valid keys are: ${listed(orderable)}`)
}

function conditionFrom({ entity, key, comparator, value }: Clause): Expression<SqlBool> {
  const compared = (left: RawBuilder<unknown>): RawBuilder<SqlBool> => {
    if (comparator === 'ILIKE') return sql<SqlBool>`lower(${left}) like lower(${value})`
    if (comparator === 'IN') return sql<SqlBool>`${left} in (${sql.join(value as readonly string[])})`
    return sql<SqlBool>`${left} ${sql.raw(comparator)} ${value}`
  }
  return entity === 'tag' ? hasTag(key, compared) : compared(columns[key]!)
}
