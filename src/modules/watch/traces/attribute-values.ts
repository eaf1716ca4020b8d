/** The value of a JSON text, or undefined when there is none or it is not JSON. */
export function parsed(text: string | null | undefined): unknown {
  if (text === undefined || text === null) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The text that a JSON text holds; the text itself where it is not JSON, undefined where it holds anything else. */
export function textFrom(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const value = parsed(text)
  if (value === undefined) return text
  return typeof value === 'string' ? value : undefined
}

/** JSON with a space after each comma and colon, as the clients of the protocol write it and show it to people. */
export function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, one]) => `${JSON.stringify(key)}: ${spacedJson(one)}`)
      .join(', ')}}`
  return JSON.stringify(value ?? null)
}
