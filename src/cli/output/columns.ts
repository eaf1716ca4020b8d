import { z } from 'zod'
import type { Endpoint } from '../../contract/endpoint.ts'
import type { Table } from './table.ts'
import { cellText } from './text.ts'

type Schema = {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly maxLength?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
}
type Column = { readonly path: readonly string[]; readonly rank: number; readonly number: boolean }

/** What comes first in a table: names, then states and numbers, then parts of parts, then prose, then digests. */
const ranks = { name: 0, state: 1, instant: 2, inner: 3, prose: 4, digest: 5 } as const
const DIGEST_PATTERN = '^[0-9a-f]{64}$'

export function outputSchema(endpoint: Endpoint): Schema {
  return z.toJSONSchema(endpoint.output, { io: 'output', unrepresentable: 'any' }) as Schema
}

/** The table of a list of objects, its columns chosen by the schema of an item, or by the items where there is none. */
export function tableOf(items: readonly Record<string, unknown>[], schema: Schema | undefined, nowMs: number): Table {
  const known = schema?.properties ? columnsOf(schema, []) : columnsOf({ properties: guessed(items) }, [])
  const columns = known.sort((a, b) => a.rank - b.rank)
  return {
    headings: columns.map(({ path }) => headingOf(path, columns)),
    rows: items.map((item) => columns.map(({ path }) => cellText(path.at(-1)!, valueAt(item, path), nowMs))),
    rightAligned: columns.map(({ number }) => number),
  }
}

function columnsOf(schema: Schema, path: readonly string[]): Column[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]): Column[] => {
    const own = withoutNull(given)
    const here = [...path, name]
    if (own.properties) return path.length === 0 ? columnsOf(own, here) : []
    const rank = rankOf(name, own)
    if (rank === undefined) return []
    const number = (own.type === 'integer' || own.type === 'number') && rank !== ranks.instant
    return [{ path: here, rank: path.length > 0 ? Math.max(ranks.inner, rank) : rank, number }]
  })
}

function rankOf(name: string, schema: Schema): number | undefined {
  if (schema.enum || schema.const !== undefined || schema.type === 'boolean') return ranks.state
  if (schema.type === 'integer' || schema.type === 'number')
    return /^(n|version)$/.test(name) ? ranks.name : /^at$|At$|^(from|to)Ms$|FromMs$/.test(name) ? ranks.instant : ranks.state
  if (schema.type !== 'string') return undefined
  if (schema.pattern === DIGEST_PATTERN) return ranks.digest
  return schema.pattern || schema.maxLength !== undefined || name === 'name' ? ranks.name : ranks.prose
}

function withoutNull(schema: Schema): Schema {
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== 'null')
    return types.length === 1 ? { ...schema, type: types[0]! } : schema
  }
  const others = schema.anyOf?.filter((one) => one.type !== 'null')
  return others?.length === 1 ? others[0]! : schema
}

function guessed(items: readonly Record<string, unknown>[]): Record<string, Schema> {
  const found: Record<string, Schema> = {}
  for (const item of items)
    for (const [name, value] of Object.entries(item))
      if (value !== null && typeof value !== 'object') found[name] ??= { type: typeof value }
  return found
}

/** A column’s own name, with the name of the part it belongs to where another column has the same. */
function headingOf(path: readonly string[], columns: readonly Column[]): string {
  const own = path.at(-1)!
  const alone = columns.filter((other) => other.path.at(-1) === own).length === 1
  return (alone ? own : path.join(' ')).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function valueAt(item: unknown, path: readonly string[]): unknown {
  let value = item
  for (const name of path) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
  return value
}
