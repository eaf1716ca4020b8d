import { z } from 'zod'
import type { Endpoint } from '../../contract/endpoint.ts'

type FieldKind = 'text' | 'number' | 'switch' | 'list' | 'json' | 'bytes'

/** One input of an operation, as the command line offers it. */
export type Field = {
  readonly name: string
  /** Kebab-case, without its dashes. */
  readonly flag: string
  readonly kind: FieldKind
  readonly inPath: boolean
  readonly required: boolean
  readonly choices: readonly string[]
  /** What items of a list are. */
  readonly items: 'text' | 'number'
  /** Whether a switch travels as text, as in a query. */
  readonly asText: boolean
  readonly fallback: unknown
  readonly description: string
}

type Schema = {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly default?: unknown
  readonly description?: string
}

export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** The inputs of an operation: those of its path first, in the path’s order, then the others as the contract lists them. */
export function fieldsOf(endpoint: Endpoint): Field[] {
  const input = z.toJSONSchema(endpoint.input, { io: 'input', unrepresentable: 'any' }) as Schema
  const output = z.toJSONSchema(endpoint.input, { io: 'output', unrepresentable: 'any' }) as Schema
  const path = [...endpoint.path.matchAll(/:(\w+)/g)].map((match) => match[1]!)
  const names = Object.keys(input.properties ?? {})
  return [...path, ...names.filter((name) => !path.includes(name))].map((name) => {
    const schema = input.properties?.[name] ?? {}
    const bytes = endpoint.accepts === 'bytes' && name === 'body'
    return {
      name,
      flag: kebabCase(name),
      kind: bytes ? 'bytes' : kindOf(schema, output.properties?.[name] ?? {}),
      inPath: path.includes(name),
      required: (input.required ?? []).includes(name),
      choices: (schema.enum ?? schema.items?.enum ?? []).map(String),
      items: isNumber(schema.items ?? {}) ? 'number' : 'text',
      asText: schema.type === 'string',
      fallback: schema.default,
      description: schema.description ?? '',
    }
  })
}

function kindOf(input: Schema, output: Schema): FieldKind {
  if (output.type === 'boolean') return 'switch'
  if (isNumber(input)) return 'number'
  if (input.type === 'string' || input.enum) return 'text'
  if (input.type === 'array' && input.items && (isNumber(input.items) || input.items.type === 'string')) return 'list'
  return 'json'
}

function isNumber(schema: Schema): boolean {
  return schema.type === 'number' || schema.type === 'integer'
}
