/** Attributes by name; each value is a JSON text, in which 1 and 1.0 stay apart and no digit of a large number is lost. */
export type AttributeTexts = Readonly<Record<string, string>>

/** A span as OpenTelemetry sends it. Ids are hexadecimal, times nanoseconds since the epoch in decimal digits. */
export type OtlpSpan = {
  readonly traceId: string
  readonly spanId: string
  /** Empty for the root. */
  readonly parentSpanId: string
  readonly name: string
  readonly startNs: string
  /** `0` while the span has not ended. */
  readonly endNs: string
  readonly status: { readonly code: 'UNSET' | 'OK' | 'ERROR'; readonly message: string }
  readonly attributes: AttributeTexts
  readonly events: readonly { readonly name: string; readonly timeNs: string; readonly attributes: AttributeTexts }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: AttributeTexts }[]
}

/** The spans that one program sent, and what it says of itself. */
export type ResourceSpans = { readonly resource: AttributeTexts; readonly spans: readonly OtlpSpan[] }

export const statusCodes = ['UNSET', 'OK', 'ERROR'] as const

/** How deep values may be nested; deeper ones are refused before they can exhaust the stack. */
export const DEPTH_LIMIT = 64

/** A whole number of any size as a JSON text. */
export function integerText(digits: bigint | number | string): string {
  return String(digits)
}

/** A number as a JSON text that shows it is not a whole one: `1.0`, `NaN`, `-Infinity`. */
export function doubleText(value: number): string {
  const text = String(value)
  return Number.isFinite(value) && /^-?\d+$/.test(text) ? `${Object.is(value, -0) ? '-0' : text}.0` : text
}

export function listText(items: readonly string[]): string {
  return `[${items.join(', ')}]`
}

export function mapText(entries: readonly (readonly [key: string, text: string])[]): string {
  return `{${entries.map(([key, text]) => `${JSON.stringify(key)}: ${text}`).join(', ')}}`
}
