import type { Span } from '../../../contract/traces.ts'
import { parsed } from './attribute-values.ts'
import { attributeKeys } from './keys.ts'
import { costColumns, tokenColumns } from './store.ts'

type Count = { readonly span: string; readonly parent: string | null; readonly counts: Readonly<Record<string, number>> | null }

/**
 * Adds up what spans counted, by key. A span that counts what its descendants count again (as agents do for the calls
 * below them) speaks for all of them. Null when no span counted anything.
 */
function added(nodes: readonly Count[], always: readonly string[], optional: readonly string[]): Record<string, number> | null {
  const known = new Set(nodes.map((node) => node.span))
  const children = Map.groupBy(nodes, (node) => (node.parent !== null && known.has(node.parent) ? node.parent : ''))
  const totals: Record<string, number> = {}
  let counted = false
  const open = [...(children.get('') ?? [])]
  for (let node = open.pop(); node; node = open.pop()) {
    if (!node.counts) {
      open.push(...(children.get(node.span) ?? []))
      continue
    }
    counted = true
    for (const key of always) totals[key] = (totals[key] ?? 0) + (node.counts[key] ?? 0)
    for (const key of optional) if (node.counts[key] !== undefined) totals[key] = (totals[key] ?? 0) + node.counts[key]
  }
  return counted ? totals : null
}

const nodesOf = (spans: readonly Span[], attribute: string): Count[] =>
  spans.map((span) => ({ span: span.id, parent: span.parent, counts: numbersFrom(parsed(span.attributes[attribute])) }))

/** Tokens of a whole trace, from the attribute in which clients and conventions leave them. */
export function usageOf(spans: readonly Span[]): Record<string, number> | null {
  return added(nodesOf(spans, attributeKeys.usage), tokenColumns.slice(0, 3), tokenColumns.slice(3))
}

/** Cost of a whole trace, in US dollars. */
export function costOf(spans: readonly Span[]): Record<string, number> | null {
  return added(nodesOf(spans, attributeKeys.cost), costColumns, [])
}

/** The finite numbers of an object; null when it is none. */
export function numbersFrom(value: unknown): Record<string, number> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1])),
  )
}
