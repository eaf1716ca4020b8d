import { describe, expect, test } from 'vitest'
import { type Field, type Grammar, listed, numericComparators, textComparators } from './grammar.ts'
import { MOST_FILTER_CHARACTERS, parseFilter } from './parse-filter.ts'
import { parseOrderBy } from './parse-order-by.ts'

const numeric: Field = {
  comparators: numericComparators,
  value: 'number',
  expected: 'Expected numeric value type for metric',
  noList: 'no',
}
const text: Field = {
  comparators: [...textComparators, 'IS NULL', 'IS NOT NULL'],
  value: 'text',
  expected: 'Expected a quoted string value for param',
  noList: 'Only [run_id] attributes support comparison with a list',
}
const grammar: Grammar = {
  entities: { metric: 'metric', metrics: 'metric', params: 'param', tags: 'tag', attributes: 'attribute', attribute: 'attribute' },
  listed: ['metric', 'param', 'tag', 'attribute'],
  bare: 'attribute',
  nullable: 'tags and params',
  field(entity, key) {
    if (entity === 'metric') return numeric
    if (entity !== 'attribute') return text
    if (key === 'start_time') return { ...numeric, expected: 'Expected numeric value type for numeric attribute: start_time' }
    const { noList: _, ...listable } = text
    if (key === 'run_id') return { ...listable, comparators: [...textComparators, 'IN', 'NOT IN'] }
    throw new SyntaxError(`Invalid attribute key '${key}' specified. Valid keys are ${listed(['run_id', 'start_time'])}`)
  },
}
const parse = (filter: string) => parseFilter(filter, grammar)
const short = (filter: string) => parse(filter).map(({ entity, key, comparator, value }) => [entity, key, comparator, value])

describe('a filter', () => {
  test.each([
    ['', []],
    ['   ', []],
    ['metrics.acc >= 0.94', [['metric', 'acc', '>=', 0.94]]],
    ['metric.acc>=0.94', [['metric', 'acc', '>=', 0.94]]],
    ['AND metric.acc>=0.94 and AND ', [['metric', 'acc', '>=', 0.94]]],
    ['metrics.acc = -1.5e-3', [['metric', 'acc', '=', -0.0015]]],
    ['metrics.`m 1/%` < .5', [['metric', 'm 1/%', '<', 0.5]]],
    ['metrics."m.1" != 100', [['metric', 'm.1', '!=', 100]]],
    ["params.m = 'LR'", [['param', 'm', '=', 'LR']]],
    ['params.m = "L\'Hosp"', [['param', 'm', '=', "L'Hosp"]]],
    ["tags.mlflow.source.name = 'a.py'", [['tag', 'mlflow.source.name', '=', 'a.py']]],
    [
      "tags.`mlflow.parentRunId` like 'x%' and params.a ILIKE '%B'",
      [
        ['tag', 'mlflow.parentRunId', 'LIKE', 'x%'],
        ['param', 'a', 'ILIKE', '%B'],
      ],
    ],
    [
      'tags.t IS NOT NULL AND params.p is null',
      [
        ['tag', 't', 'IS NOT NULL', null],
        ['param', 'p', 'IS NULL', null],
      ],
    ],
    [
      "run_id IN ('a', \"b\") AND `run_id` not in ('c')",
      [
        ['attribute', 'run_id', 'IN', ['a', 'b']],
        ['attribute', 'run_id', 'NOT IN', ['c']],
      ],
    ],
    ['attributes.start_time > 1700000000000;', [['attribute', 'start_time', '>', 1_700_000_000_000]]],
    ["params.größe = 'x AND y = (z)'", [['param', 'größe', '=', 'x AND y = (z)']]],
  ])('%s', (filter, clauses) => expect(short(filter)).toEqual(clauses))

  test.each([
    ['metric.acc >= 0.94; metrics.rmse < 1', 'Search filter contained multiple expression'],
    ['m.acc >= 0.94', "Invalid entity type 'm'. Valid values are ['metric', 'param', 'tag', 'attribute']"],
    ['constructor.acc >= 0.94', 'Invalid entity type'],
    ['`metrics.A` > 1', 'Invalid entity type'],
    ['acc >= 0.94', 'Invalid attribute key'],
    ["metrics.A > 0.1 OR params.B = 'LR'", 'Invalid clause(s) in filter string'],
    ["metrics.A > 0.1 AND (params.B = 'LR')", 'Invalid clause(s) in filter string'],
    ['`metrics.A > 0.1', 'Invalid clause(s) in filter string'],
    ['dummy`.A > 0.1', 'Invalid clause(s) in filter string'],
    ['metrics.a-b > 0.1', 'Invalid clause(s) in filter string'],
    ['metrics.acc IS NULL', 'IS NULL / IS NOT NULL is only supported for tags and params'],
    ["metric.model = 'LR'", 'Expected numeric value type for metric'],
    ['metrics.acc != metrics.acc', 'Expected numeric value type for metric'],
    ['params.acc = 5', 'Expected a quoted string value for param'],
    ['1.0 > metrics.acc', "Expected 'Identifier' found"],
    ['1==2', "Expected 'Identifier' found"],
    ['params.acc = LR', 'value is either not quoted or unidentified quote types'],
    ['params.acc = `LR`', 'value is either not quoted or unidentified quote types'],
    ["params.'acc = LR", 'Invalid clause(s) in filter string'],
    ["params.acc = 'LR", 'Invalid clause(s) in filter string'],
    ['params.acc = "LR\'', 'Invalid clause(s) in filter string'],
    ["tags.acc = = 'LR'", 'Invalid clause(s) in filter string'],
    ["attribute.run_id IS 'RUNNING'", 'Invalid clause(s) in filter string'],
    ['params.acc LR !=', 'Invalid clause(s) in filter string'],
    ['metric.acc !=', 'Invalid clause(s) in filter string'],
    ['metric.acc', 'Invalid clause(s) in filter string'],
    ["metric.acc > 1 params.a = 'b'", 'Invalid clause(s) in filter string'],
    ['metrics.a ~ 1', 'Invalid comparator'],
    ["params.a > 'b'", 'Invalid comparator'],
    ["run_id > 'b'", 'Invalid comparator'],
    ["run_id = ('b')", 'Invalid comparator'],
    ["run_id IN 'b'", 'Invalid comparator'],
    ["params.a IN ('b')", 'support comparison with a list'],
    ['run_id IN ()', 'non-empty list'],
    ["run_id IN ('a' 'b')", 'ill-formed list'],
    ['run_id IN (1)', 'expected string value'],
  ])('%s is refused', (filter, message) => {
    expect(() => parse(filter)).toThrow(SyntaxError)
    expect(() => parse(filter)).toThrow(message)
  })

  test('takes time that grows with its length only, whatever it is made of', () => {
    for (const piece of ['(', "'", '`', '"', 'a.', ' AND', '((', '= ', "\\'"])
      expect(() => parse(`params.a = ${piece.repeat(20_001)}`)).toThrow(SyntaxError)
  })
})

test('a filter longer than the limit is refused', () => {
  expect(() => parse(`params.a = '${'x'.repeat(MOST_FILTER_CHARACTERS)}'`)).toThrow('at most')
})

describe('an ordering', () => {
  const order = (text: string) => {
    const { entity, key, ascending } = parseOrderBy(text, grammar, (entity, key) => void grammar.field(entity, key))
    return [entity, key, ascending]
  }
  test.each([
    ['metrics.`Mean Square Error`', ['metric', 'Mean Square Error', true]],
    ['metrics."a b" asc', ['metric', 'a b', true]],
    ['start_time   DESC', ['attribute', 'start_time', false]],
  ])('%s', (text, ordering) => expect(order(text)).toEqual(ordering))

  test.each([
    ['m.acc', 'Invalid entity type'],
    ['acc', 'Invalid attribute key'],
    ['`metrics.A', 'Invalid order_by clause'],
    ['`metrics.A`', 'Invalid entity type'],
    ['metrics.A != 1', 'Invalid order_by clause'],
    ['attribute.run_id ACS', 'Invalid ordering key'],
    ['attribute.run_id DESC blah', 'Invalid order_by clause'],
    ['', 'Invalid order_by clause'],
  ])('%s is refused', (text, message) => expect(() => order(text)).toThrow(message))
})
