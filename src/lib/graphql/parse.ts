/** A query in GraphQL as written (specification of October 2021, without the definition of types). */
export type Document = { readonly operations: readonly Operation[]; readonly fragments: ReadonlyMap<string, Fragment> }

export type Operation = {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly name: string | undefined
  readonly variables: readonly Variable[]
  readonly directives: readonly Directive[]
  readonly selections: readonly Selection[]
}

type Variable = { readonly name: string; readonly type: string; readonly otherwise: Value | undefined }
type Fragment = { readonly on: string; readonly selections: readonly Selection[] }
export type Directive = { readonly name: string; readonly given: Arguments }
export type Arguments = readonly (readonly [string, Value])[]

export type FieldSelection = {
  readonly kind: 'field'
  readonly name: string
  readonly alias: string | undefined
  readonly given: Arguments
  readonly directives: readonly Directive[]
  readonly selections: readonly Selection[] | undefined
}
export type Selection =
  | FieldSelection
  | { readonly kind: 'spread'; readonly fragment: string; readonly directives: readonly Directive[] }
  | {
      readonly kind: 'inline'
      readonly on: string | undefined
      readonly directives: readonly Directive[]
      readonly selections: readonly Selection[]
    }

/** The names of an enumeration are plain texts here. */
export type Value =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'plain'; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'object'; readonly entries: Arguments }

const MOST_TOKENS = 10_000
const DEEPEST = 100

const IGNORED = /(?:[\s,\uFEFF]+|#[^\n\r]*)*/y
const TOKEN =
  /(?<name>[_A-Za-z]\w*)|(?<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])|"""(?<block>(?:\\"""|(?!\\?""")[\s\S])*)"""|(?<text>"(?:[^"\\\n\r]|\\.)*")|(?<mark>\.\.\.|[!$()[\]{}:=@|&])/y

type Token = { readonly kind: 'name' | 'number' | 'text' | 'mark' | 'end'; readonly text: string }
type Reader = { readonly tokens: readonly Token[]; at: number; depth: number }

/** Throws `SyntaxError` for what is no query, or is too large to be read. */
export function parseGraphql(source: string): Document {
  const reader = { tokens: tokensOf(source), at: 0, depth: 0 }
  const operations: Operation[] = []
  const fragments = new Map<string, Fragment>()
  while (peek(reader).kind !== 'end') {
    if (peek(reader).text === 'fragment') {
      take(reader, 'name')
      const name = take(reader, 'name')
      const on = typeCondition(reader)
      if (on === undefined) throw unexpected(peek(reader), 'on')
      directives(reader)
      fragments.set(name, { on, selections: selections(reader) })
    } else operations.push(operation(reader))
  }
  if (operations.length === 0) throw unexpected(peek(reader))
  return { operations, fragments }
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    IGNORED.lastIndex = at
    IGNORED.exec(source)
    at = IGNORED.lastIndex
    if (at >= source.length) return [...tokens, { kind: 'end', text: '<EOF>' }]
    TOKEN.lastIndex = at
    const found = TOKEN.exec(source)
    if (!found) throw new SyntaxError(`Syntax Error: Unexpected character: ${JSON.stringify(source[at])}.`)
    at = TOKEN.lastIndex
    const { name, number, block, text } = found.groups!
    if (name !== undefined) tokens.push({ kind: 'name', text: name })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (block !== undefined) tokens.push({ kind: 'text', text: block.replaceAll('\\"""', '"""').trim() })
    else if (text !== undefined) tokens.push({ kind: 'text', text: textFrom(text) })
    else tokens.push({ kind: 'mark', text: found[0] })
    if (tokens.length > MOST_TOKENS) throw new SyntaxError(`Syntax Error: the query has more than ${MOST_TOKENS} words and marks.`)
  }
}

/** The escapes of GraphQL are those of JSON. */
function textFrom(quoted: string): string {
  try {
    return JSON.parse(quoted.replaceAll('\t', '\\t')) as string
  } catch {
    throw new SyntaxError('Syntax Error: Invalid character escape sequence.')
  }
}

function operation(reader: Reader): Operation {
  if (peek(reader).text === '{') return { kind: 'query', name: undefined, variables: [], directives: [], selections: selections(reader) }
  const kind = peek(reader)
  if (kind.text !== 'query' && kind.text !== 'mutation' && kind.text !== 'subscription') throw unexpected(kind)
  take(reader, 'name')
  const name = peek(reader).kind === 'name' ? take(reader, 'name') : undefined
  const variables = peek(reader).text === '(' ? between(reader, '(', ')', variable) : []
  return { kind: kind.text, name, variables, directives: directives(reader), selections: selections(reader) }
}

function variable(reader: Reader): Variable {
  take(reader, 'mark', '$')
  const name = take(reader, 'name')
  take(reader, 'mark', ':')
  const type = typeName(reader)
  const otherwise = goesOn(reader, '=') ? value(reader) : undefined
  directives(reader)
  return { name, type, otherwise }
}

function typeName(reader: Reader): string {
  const type = peek(reader).text === '[' ? `[${between(reader, '[', ']', typeName).join()}]` : take(reader, 'name')
  return goesOn(reader, '!') ? `${type}!` : type
}

function selections(reader: Reader): Selection[] {
  const found = between(reader, '{', '}', selection)
  if (found.length === 0) throw unexpected({ kind: 'mark', text: '}' })
  return found
}

function selection(reader: Reader): Selection {
  if (goesOn(reader, '...')) {
    if (peek(reader).kind === 'name' && peek(reader).text !== 'on')
      return { kind: 'spread', fragment: take(reader, 'name'), directives: directives(reader) }
    return { kind: 'inline', on: typeCondition(reader), directives: directives(reader), selections: selections(reader) }
  }
  const first = take(reader, 'name')
  const second = goesOn(reader, ':') ? take(reader, 'name') : undefined
  return {
    kind: 'field',
    name: second ?? first,
    alias: second === undefined ? undefined : first,
    given: given(reader),
    directives: directives(reader),
    selections: peek(reader).text === '{' ? selections(reader) : undefined,
  }
}

function typeCondition(reader: Reader): string | undefined {
  if (peek(reader).kind !== 'name' || peek(reader).text !== 'on') return undefined
  take(reader, 'name')
  return take(reader, 'name')
}

function directives(reader: Reader): Directive[] {
  const found: Directive[] = []
  while (goesOn(reader, '@')) found.push({ name: take(reader, 'name'), given: given(reader) })
  return found
}

function given(reader: Reader): Arguments {
  return peek(reader).kind === 'mark' && peek(reader).text === '(' ? between(reader, '(', ')', entry) : []
}

function entry(reader: Reader): readonly [string, Value] {
  const name = take(reader, 'name')
  take(reader, 'mark', ':')
  return [name, value(reader)]
}

const constants: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null }

function value(reader: Reader): Value {
  const token = peek(reader)
  if (token.kind === 'mark') {
    if (token.text === '[') return { kind: 'list', items: between(reader, '[', ']', value) }
    if (token.text === '{') return { kind: 'object', entries: between(reader, '{', '}', entry) }
    take(reader, 'mark', '$')
    return { kind: 'variable', name: take(reader, 'name') }
  }
  if (token.kind === 'end') throw unexpected(token)
  reader.at++
  if (token.kind === 'number') return { kind: 'plain', value: Number(token.text) }
  const isConstant = token.kind === 'name' && Object.hasOwn(constants, token.text)
  return { kind: 'plain', value: isConstant ? constants[token.text]! : token.text }
}

function between<T>(reader: Reader, open: string, close: string, read: (reader: Reader) => T): T[] {
  take(reader, 'mark', open)
  if (++reader.depth > DEEPEST) throw new SyntaxError(`Syntax Error: the query is nested more than ${DEEPEST} deep.`)
  const found: T[] = []
  while (!goesOn(reader, close)) found.push(read(reader))
  reader.depth--
  return found
}

function peek({ tokens, at }: Reader): Token {
  return tokens[at]!
}

function goesOn(reader: Reader, mark: string): boolean {
  const { kind, text } = peek(reader)
  if (kind !== 'mark' || text !== mark) return false
  reader.at++
  return true
}

/** Answers the text of the next token, which must be of this kind. */
function take(reader: Reader, kind: Token['kind'], text?: string): string {
  const token = peek(reader)
  if (token.kind !== kind || (text !== undefined && token.text !== text)) throw unexpected(token, text ?? kind)
  reader.at++
  return token.text
}

function unexpected({ text }: Token, expected?: string): SyntaxError {
  const what = JSON.stringify(text)
  return new SyntaxError(expected ? `Syntax Error: Expected ${expected}, found ${what}.` : `Syntax Error: Unexpected ${what}.`)
}
