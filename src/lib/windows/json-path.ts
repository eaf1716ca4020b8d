export type JsonPath = readonly (string | number)[]

/** The steps of a path such as `$.order.items[0].price`; the leading `$` may be left out. */
export function parseJsonPath(text: string): JsonPath {
  return [...text.replace(/^\$/, '').matchAll(/\.?([A-Za-z_][\w-]*)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index))
}

/** The value at a path; undefined where there is none. Only what the value itself holds is found, never what it inherits. */
export function valueAt(root: unknown, path: JsonPath): unknown {
  let at: unknown = root
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}
