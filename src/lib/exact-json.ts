/**
 * Numbers keep the text they were written in: `1.0` stays `1.0`, and 64-bit integers keep their digits. A number that
 * would change is held as raw JSON, which `JSON.stringify` writes as it came.
 */
type RawJson = { readonly rawJSON: string }
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const { parse, rawJSON, isRawJSON } = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown
  rawJSON(text: string): RawJson
  isRawJSON(value: unknown): value is RawJson
}

/** Throws `SyntaxError`, as `JSON.parse` does. */
export function parseExactly(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  )
}

/** As `JSON.parse`, but a whole number beyond 2⁵³ becomes a bigint with all of its digits. Throws `SyntaxError`, as `JSON.parse` does. */
export function parseWithBigInts(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value,
  )
}

/** JSON with the keys of every object sorted, so that equal values have equal text. */
export function sortedJson(value: unknown): string {
  if (typeof value !== 'object' || value === null || isRawJSON(value)) return JSON.stringify(value ?? null)
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, one]) => `${JSON.stringify(key)}:${sortedJson(one)}`).join(',')}}`
}

/** What kind of value it is, in the words of JSON Schema and `float` for numbers that are not whole. */
export function kindOfValue(value: unknown): 'null' | 'boolean' | 'integer' | 'float' | 'string' | 'array' | 'object' {
  if (value === null || value === undefined) return 'null'
  if (isRawJSON(value)) return /^-?\d+$/.test(value.rawJSON) ? 'integer' : 'float'
  if (Array.isArray(value)) return 'array'
  switch (typeof value) {
    case 'boolean':
      return 'boolean'
    case 'number':
      return Number.isInteger(value) ? 'integer' : 'float'
    case 'string':
      return 'string'
    default:
      return 'object'
  }
}
