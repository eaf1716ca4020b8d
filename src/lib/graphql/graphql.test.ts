import { describe, expect, test } from 'vitest'
import { answerPlan } from './answer.ts'
import { excessOf } from './limits.ts'
import { parseGraphql } from './parse.ts'
import { planQuery, QueryFault, type Schema } from './plan.ts'

const text = { type: 'String', isObject: false, many: false }
const book = { type: 'Book', isObject: true, many: false, takes: { id: undefined, by: ['author', 'year'] } }
const schema: Schema = {
  query: 'Query',
  mutation: 'Mutation',
  types: {
    Query: { book, books: { type: 'Book', isObject: true, many: true }, broken: text },
    Mutation: { book },
    Book: { title: text, author: { type: 'Author', isObject: true, many: false } },
    Author: { name: text, books: { type: 'Book', isObject: true, many: true } },
  },
}

const author: Record<string, unknown> = { name: 'Ursula' }
const shelf = [
  { title: 'Rocannon', author },
  { title: 'Lathe', author: null },
]
author.books = shelf

async function ask(query: string, asked: Parameters<typeof planQuery>[2] = {}) {
  const given: unknown[] = []
  const plan = planQuery(schema, parseGraphql(query), asked)
  const answer = await answerPlan<Record<string, unknown>>(
    plan,
    { book: shelf[0], books: shelf },
    {
      resolve(field, source) {
        given.push(field.given)
        if (field.name === 'broken') throw new RangeError('no such shelf')
        return field.name === '__typename' ? field.of : source[field.name]
      },
      told: (thrown) => (thrown as Error).message,
    },
  )
  return { ...answer, given }
}

describe('reading a query', () => {
  test.each([
    ['', 'Syntax Error: Unexpected "<EOF>".'],
    ['{', 'Syntax Error: Expected name, found "<EOF>".'],
    ['{}', 'Syntax Error: Unexpected "}".'],
    ['{ book(id: 12a) { title } }', 'Syntax Error: Unexpected character: "1".'],
    ['{ book(id: "a\nb") { title } }', 'Syntax Error: Unexpected character: "\\"".'],
    ['{ book(id: "\\x") { title } }', 'Syntax Error: Invalid character escape sequence.'],
    ['fragment F { title }', 'Syntax Error: Expected on, found "{".'],
    ['type Book { title: String }', 'Syntax Error: Unexpected "type".'],
    ['{ title ]', 'Syntax Error: Expected name, found "]".'],
  ])('%j is refused', (query, message) => {
    expect(() => parseGraphql(query)).toThrow(new SyntaxError(message))
  })

  test('nesting and length are bounded', () => {
    expect(() => parseGraphql('{ a '.repeat(50_000))).toThrow(/more than 10000 words/)
    expect(() => parseGraphql(`{ a(b: ${'['.repeat(2_000)}`)).toThrow(/nested more than 100 deep/)
    expect(() => parseGraphql('{ a '.repeat(200))).toThrow(/nested more than 100 deep/)
    expect(() => parseGraphql(`{ a(b: """${'\\"""'.repeat(50_000)}`)).toThrow(SyntaxError)
    expect(() => parseGraphql(`${'#\n,'.repeat(100_000)}~`)).toThrow(/Unexpected character/)
  })

  test('values of every kind reach the field', async () => {
    const query = `query Q($year: Int = 1966, $who: [String!]!) { # who and when
      book(id: ["a\\u0041\\n", """ block \\""" ""\\ """, -1.5e2, true, null, GREEN, {deep: [$year]}], by: {author: $who, year: $year}) { title }
    }`
    const { given } = await ask(query, { variables: { who: ['x'] } })
    expect(given[0]).toEqual({
      id: ['aA\n', 'block """ ""\\', -150, true, null, 'GREEN', { deep: [1966] }],
      by: { author: ['x'], year: 1966 },
    })
  })
})

describe('answering a query', () => {
  test('aliases, fragments, directives and type names', async () => {
    const query = `
      query One { broken }
      query Two($no: Boolean!) @component(name: "test") {
        first: book { ...T author { name @skip(if: $no) } author { __typename } }
        books { ... on Book { title } ... @include(if: $no) { author { name } } }
      }
      fragment T on Book { title ...T }`
    expect((await ask(query, { operation: 'Two', variables: { no: true } })).data).toEqual({
      first: { title: 'Rocannon', author: { __typename: 'Author' } },
      books: [
        { title: 'Rocannon', author: { name: 'Ursula' } },
        { title: 'Lathe', author: null },
      ],
    })
    expect((await ask(query, { operation: 'Two', variables: { no: false } })).data).toEqual({
      first: { title: 'Rocannon', author: { name: 'Ursula', __typename: 'Author' } },
      books: [{ title: 'Rocannon' }, { title: 'Lathe' }],
    })
  })

  test('a field that cannot be had is null and told, the others are answered', async () => {
    const { data, errors } = await ask('{ broken book { title } }')
    expect(data).toEqual({ broken: null, book: { title: 'Rocannon' } })
    expect(errors).toEqual(['no such shelf'])
  })

  test('an answer may be named like a part of every object', async () => {
    const { data } = await ask('{ __proto__: book { constructor: title } }')
    expect(JSON.stringify(data)).toBe('{"__proto__":{"constructor":"Rocannon"}}')
    expect(({} as { constructor: unknown }).constructor).toBe(Object)
  })

  test.each([
    ['{ book }', "Field 'book' of type 'Book' must have a selection of subfields. Did you mean 'book { ... }'?"],
    ['{ broken { a } }', "Field 'broken' must not have a selection since type 'String' has no subfields."],
    ['{ constructor }', "Cannot query field 'constructor' on type 'Query'."],
    ['{ book(page: 1) { title } }', "Unknown argument 'page' on field 'Query.book'."],
    ['{ book(by: {page: 1}) { title } }', "Field 'page' is not defined by 'Query.book(by)'."],
    ['{ book(by: 3) { title } }', "'Query.book(by)' takes an object."],
    ['{ book(id: $id) { title } }', "Variable '$id' is not defined."],
    ['query ($id: [Int!]!) { book(id: $id) { title } }', "Variable '$id' of required type '[Int!]!' was not provided."],
    ['{ book { ...F } }', "Unknown fragment 'F'."],
    ['{ book { ... on Author { name } } }', "Fragment cannot be spread here as objects of type 'Book' can never be of type 'Author'."],
    ['{ book { title @later } }', "Unknown directive '@later'."],
    ['{ book { title @skip(if: "no") } }', "Directive '@skip' takes the argument 'if', true or false."],
    ['{ a: book { title } a: broken }', "Fields 'a' conflict. Use different aliases on the fields to fetch both if this was intentional."],
    ['query A { broken } query B { broken }', 'Must provide operation name if query contains multiple operations.'],
    ['subscription { broken }', 'Schema is not configured to execute subscription operation.'],
  ])('%s is refused', (query, message) => {
    expect(() => planQuery(schema, parseGraphql(query), {})).toThrow(new QueryFault(message))
  })

  test('an operation of another name is refused', () => {
    expect(() => planQuery(schema, parseGraphql('query A { broken }'), { operation: 'B' })).toThrow("Unknown operation named 'B'.")
  })
})

describe('limits', () => {
  const limits = { depth: 4, selections: 20, rootFields: 3, aliases: 2 }
  test.each([
    ['{ a b c d }', 'GraphQL queries should have at most 3 root fields, got 4 root fields.'],
    [
      '{ book { a: title ... { b: title } ...F } } fragment F on Book { c: title }',
      'GraphQL queries should have at most 2 aliases, got 3 aliases.',
    ],
    ['{ a { b { c { d { e } } } } }', 'Query exceeds maximum depth of 4'],
    ['{ book { ...F } } fragment F on Book { author { books { ...F } } }', 'Query exceeds maximum depth of 4'],
    ['{ a { ...F } b { ...F } } fragment F on Book { a b c d e f g h i j }', 'Query exceeds maximum total selections of 20'],
    ['{ book { title ...F } } fragment F on Book { title ...F }', undefined],
  ])('%s', (query, excess) => {
    expect(excessOf(parseGraphql(query), limits)).toBe(excess)
  })
})
