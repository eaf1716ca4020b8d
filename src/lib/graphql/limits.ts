import type { Document, FieldSelection, Selection } from './parse.ts'

/** How large an answer a query may ask for. Aliases are counted side by side, at one place of the query. */
export type Limits = {
  readonly depth: number
  readonly selections: number
  readonly rootFields: number
  readonly aliases: number
}

/** Answers why a query asks for too much, or undefined. Fragments count wherever they are spread. */
export function excessOf(document: Document, limits: Limits): string | undefined {
  const counts = { selections: 0, rootFields: 0, aliases: 0 }
  const open = document.operations.map(({ selections }) => ({ selections, depth: 1 }))
  for (let place = open.pop(); place; place = open.pop()) {
    if (place.depth > limits.depth) return `Query exceeds maximum depth of ${limits.depth}`
    const fields = fieldsAt(document, place.selections)
    counts.selections += fields.length
    if (counts.selections > limits.selections) return `Query exceeds maximum total selections of ${limits.selections}`
    if (place.depth === 1) counts.rootFields += fields.length
    counts.aliases = Math.max(counts.aliases, fields.filter(({ alias }) => alias !== undefined).length)
    for (const { selections } of fields) if (selections) open.push({ selections, depth: place.depth + 1 })
  }
  const tooMany = (what: string, most: number, count: number) =>
    `GraphQL queries should have at most ${most} ${what}, got ${count} ${what}.`
  if (counts.rootFields > limits.rootFields) return tooMany('root fields', limits.rootFields, counts.rootFields)
  return counts.aliases > limits.aliases ? tooMany('aliases', limits.aliases, counts.aliases) : undefined
}

function fieldsAt({ fragments }: Document, selections: readonly Selection[]): FieldSelection[] {
  const fields: FieldSelection[] = []
  const spread = new Set<string>()
  const open = [...selections]
  for (let selection = open.pop(); selection; selection = open.pop()) {
    if (selection.kind === 'field') fields.push(selection)
    else if (selection.kind === 'inline') open.push(...selection.selections)
    else if (!spread.has(selection.fragment)) {
      spread.add(selection.fragment)
      open.push(...(fragments.get(selection.fragment)?.selections ?? []))
    }
  }
  return fields
}
