import type { Change } from '../../../contract/documents.ts'

type Field = Change['fields'][number]

/** Every leaf in which two JSON values differ, with its dotted path; lists are compared as wholes. */
export function differenceOf(before: unknown, after: unknown, path = ''): Field[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    return names.flatMap((name) => differenceOf(before[name], after[name], path ? `${path}.${name}` : name))
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before: before ?? null, after: after ?? null }]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
