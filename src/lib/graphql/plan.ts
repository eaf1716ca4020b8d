import type { Arguments, Directive, Document, FieldSelection, Operation, Selection, Value } from './parse.ts'

/** What a field answers: a plain value of one of these kinds, or an object of a named type. `many` answers a list of them. */
export type FieldType = {
  readonly type: string
  readonly isObject: boolean
  readonly many: boolean
  /** The arguments a field takes: for each its keys, if it is an object. */
  readonly takes?: Readonly<Record<string, readonly string[] | undefined>>
}

/** `types` has the fields of every type of object; `query` and `mutation` are the names of two of them. */
export type Schema = {
  readonly types: Readonly<Record<string, Readonly<Record<string, FieldType>>>>
  readonly query: string
  readonly mutation: string
}

/** A query that holds against the schema: what to answer under each name, in order. */
export type Plan = ReadonlyMap<string, PlannedField>
export type PlannedField = {
  /** The type whose field this is. */
  readonly of: string
  readonly name: string
  readonly field: FieldType
  readonly given: Readonly<Record<string, unknown>>
  /** What is asked of the object, undefined for plain values. */
  readonly parts: Plan | undefined
}

type Asked = { readonly operation?: string | undefined; readonly variables?: Readonly<Record<string, unknown>> | undefined }
type Setting = { readonly schema: Schema; readonly document: Document; readonly variables: ReadonlyMap<string, unknown> }

const typeNameField: FieldType = { type: 'String', isObject: false, many: false }
const knownDirectives = ['skip', 'include', 'component']

/** A query that does not hold; the message is for who wrote it. */
export class QueryFault extends Error {}

/** Plans one operation of a document. Throws `QueryFault` for what the schema does not have. */
export function planQuery(schema: Schema, document: Document, { operation: named, variables = {} }: Asked): Plan {
  const operation = operationNamed(document, named)
  if (operation.kind === 'subscription') throw new QueryFault('Schema is not configured to execute subscription operation.')
  checkDirectives(operation.directives)
  const setting = { schema, document, variables: variablesOf(operation, variables) }
  return planOf(setting, schema[operation.kind], operation.selections)
}

function operationNamed({ operations }: Document, name: string | undefined): Operation {
  if (name) {
    const found = operations.find((operation) => operation.name === name)
    if (!found) throw new QueryFault(`Unknown operation named '${name}'.`)
    return found
  }
  if (operations.length > 1) throw new QueryFault('Must provide operation name if query contains multiple operations.')
  return operations[0]!
}

function variablesOf(operation: Operation, given: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const { name, type, otherwise } of operation.variables) {
    const value = Object.hasOwn(given, name) ? given[name] : otherwise && resolved(otherwise, new Map())
    if ((value === undefined || value === null) && type.endsWith('!'))
      throw new QueryFault(`Variable '$${name}' of required type '${type}' was not provided.`)
    found.set(name, value)
  }
  return found
}

function planOf(setting: Setting, type: string, selections: readonly Selection[]): Plan {
  const asked = new Map<string, FieldSelection[]>()
  collect(setting, { type, asked, spread: new Set() }, selections)
  return new Map([...asked].map(([name, same]) => [name, plannedField(setting, type, name, same)]))
}

type Place = { readonly type: string; readonly asked: Map<string, FieldSelection[]>; readonly spread: Set<string> }

/** Gathers the fields asked of one object, through its fragments, by the name they are answered under. */
function collect(setting: Setting, place: Place, selections: readonly Selection[]): void {
  for (const selection of selections) {
    checkDirectives(selection.directives)
    if (isLeftOut(setting, selection.directives)) continue
    if (selection.kind === 'field') {
      const name = selection.alias ?? selection.name
      const same = place.asked.get(name)
      if (same) same.push(selection)
      else place.asked.set(name, [selection])
    } else if (selection.kind === 'inline') {
      checkFits(selection.on ?? place.type, place.type)
      collect(setting, place, selection.selections)
    } else if (!place.spread.has(selection.fragment)) {
      place.spread.add(selection.fragment)
      const fragment = setting.document.fragments.get(selection.fragment)
      if (!fragment) throw new QueryFault(`Unknown fragment '${selection.fragment}'.`)
      checkFits(fragment.on, place.type)
      collect(setting, place, fragment.selections)
    }
  }
}

function plannedField(setting: Setting, type: string, answeredAs: string, same: readonly FieldSelection[]): PlannedField {
  const { name, given } = same[0]!
  const fields = setting.schema.types[type]!
  const field = name === '__typename' ? typeNameField : Object.hasOwn(fields, name) ? fields[name] : undefined
  if (!field) throw new QueryFault(`Cannot query field '${name}' on type '${type}'.`)
  if (same.some((other) => other.name !== name || JSON.stringify(other.given) !== JSON.stringify(given)))
    throw new QueryFault(`Fields '${answeredAs}' conflict. Use different aliases on the fields to fetch both if this was intentional.`)
  const planned = { of: type, name, field, given: argumentsOf(setting, `${type}.${name}`, field, given) }
  if (!field.isObject) {
    if (same.some(({ selections }) => selections))
      throw new QueryFault(`Field '${name}' must not have a selection since type '${field.type}' has no subfields.`)
    return { ...planned, parts: undefined }
  }
  if (same.some(({ selections }) => !selections))
    throw new QueryFault(`Field '${name}' of type '${field.type}' must have a selection of subfields. Did you mean '${name} { ... }'?`)
  const parts = planOf(
    setting,
    field.type,
    same.flatMap(({ selections }) => selections!),
  )
  return { ...planned, parts }
}

function argumentsOf({ variables }: Setting, where: string, field: FieldType, given: Arguments): Record<string, unknown> {
  const takes = field.takes ?? {}
  const found: Record<string, unknown> = {}
  for (const [name, written] of given) {
    if (!Object.hasOwn(takes, name)) throw new QueryFault(`Unknown argument '${name}' on field '${where}'.`)
    const value = resolved(written, variables)
    const keys = takes[name]
    if (keys && value !== undefined && value !== null) checkKeys(`${where}(${name})`, keys, value)
    found[name] = value
  }
  return found
}

function checkKeys(where: string, keys: readonly string[], value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new QueryFault(`'${where}' takes an object.`)
  const unknown = Object.keys(value).find((key) => !keys.includes(key))
  if (unknown !== undefined) throw new QueryFault(`Field '${unknown}' is not defined by '${where}'.`)
}

function resolved(value: Value, variables: ReadonlyMap<string, unknown>): unknown {
  if (value.kind === 'plain') return value.value
  if (value.kind === 'list') return value.items.map((item) => resolved(item, variables) ?? null)
  if (value.kind === 'object') return Object.fromEntries(value.entries.map(([key, entry]) => [key, resolved(entry, variables)]))
  if (!variables.has(value.name)) throw new QueryFault(`Variable '$${value.name}' is not defined.`)
  return variables.get(value.name)
}

function checkDirectives(directives: readonly Directive[]): void {
  const unknown = directives.find(({ name }) => !knownDirectives.includes(name))
  if (unknown) throw new QueryFault(`Unknown directive '@${unknown.name}'.`)
}

function isLeftOut({ variables }: Setting, directives: readonly Directive[]): boolean {
  return directives.some(({ name, given }) => {
    if (name === 'component') return false
    const [condition] = given
    const holds = condition && resolved(condition[1], variables)
    if (condition?.[0] !== 'if' || typeof holds !== 'boolean')
      throw new QueryFault(`Directive '@${name}' takes the argument 'if', true or false.`)
    return name === 'skip' ? holds : !holds
  })
}

/** There are only types of objects, no interfaces: a fragment fits its own type alone. */
function checkFits(on: string, type: string): void {
  if (on !== type) throw new QueryFault(`Fragment cannot be spread here as objects of type '${type}' can never be of type '${on}'.`)
}
