/** A number as it was written. */
class Written {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown

/** A JSON text as an `AnyValue` of OpenTelemetry in protocol-buffer JSON; whole numbers and others stay apart. */
function anyValueFrom(text: string): object {
  if (/^-?(?:NaN|Infinity)$/.test(text)) return { double_value: text }
  try {
    return valueFrom(parse(text, (_key, value, { source }) => (typeof value === 'number' ? new Written(source!) : value)))
  } catch {
    // What is not JSON is shown as it is.
    return { string_value: text }
  }
}

function valueFrom(value: unknown): object {
  if (value === null) return {}
  if (typeof value === 'string') return { string_value: value }
  if (typeof value === 'boolean') return { bool_value: value }
  if (value instanceof Written) return numberFrom(value.text)
  if (Array.isArray(value)) return { array_value: { values: value.map(valueFrom) } }
  return { kvlist_value: { values: Object.entries(value as object).map(([key, one]) => ({ key, value: valueFrom(one) })) } }
}

function numberFrom(text: string): object {
  if (!/^-?\d+$/.test(text)) return { double_value: Number(text) }
  const number = Number(text)
  if (Number.isSafeInteger(number)) return { int_value: number }
  return BigInt(text) === BigInt.asIntN(64, BigInt(text)) ? { int_value: text } : { double_value: number }
}

/** Named JSON texts as key-value pairs. */
export function keyValuesFrom(attributes: Readonly<Record<string, string>>): object[] {
  return Object.entries(attributes).map(([key, text]) => ({ key, value: anyValueFrom(text) }))
}
