import {
  type AttributeTexts,
  DEPTH_LIMIT,
  doubleText,
  integerText,
  listText,
  mapText,
  type OtlpSpan,
  type ResourceSpans,
  statusCodes,
} from './otlp-spans.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * Reads an `ExportTraceServiceRequest` in OTLP’s JSON: names in camelCase, ids in hexadecimal, 64-bit numbers as texts or
 * numbers, enumerations as numbers. Throws RangeError on what does not fit; unknown fields are passed over.
 */
export function resourceSpansFromJson(value: unknown): ResourceSpans[] {
  return listOf(value, 'resourceSpans').map((one) => ({
    resource: attributesFrom(objectOf(one.resource ?? {}, 'resource')),
    spans: listOf(one, 'scopeSpans').flatMap((scope) => listOf(scope, 'spans').map(spanFrom)),
  }))
}

function spanFrom(span: Json): OtlpSpan {
  return {
    traceId: hexOf(span, 'traceId'),
    spanId: hexOf(span, 'spanId'),
    parentSpanId: hexOf(span, 'parentSpanId'),
    name: textOf(span, 'name'),
    startNs: digitsOf(span, 'startTimeUnixNano'),
    endNs: digitsOf(span, 'endTimeUnixNano'),
    status: statusFrom(objectOf(span.status ?? {}, 'status')),
    attributes: attributesFrom(span),
    events: listOf(span, 'events').map((event) => ({
      name: textOf(event, 'name'),
      timeNs: digitsOf(event, 'timeUnixNano'),
      attributes: attributesFrom(event),
    })),
    links: listOf(span, 'links').map((link) => ({
      traceId: hexOf(link, 'traceId'),
      spanId: hexOf(link, 'spanId'),
      attributes: attributesFrom(link),
    })),
  }
}

function statusFrom(status: Json): OtlpSpan['status'] {
  const { code } = status
  const number = typeof code === 'string' ? ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'].indexOf(code) : Number(code ?? 0)
  return { code: statusCodes[number] ?? 'UNSET', message: textOf(status, 'message') }
}

function attributesFrom(holder: Json): AttributeTexts {
  return Object.fromEntries(pairsFrom(listOf(holder, 'attributes'), 0))
}

function pairsFrom(pairs: readonly Json[], depth: number): [string, string][] {
  return pairs.map((pair) => [textOf(pair, 'key'), pair.value === undefined ? 'null' : valueText(objectOf(pair.value, 'value'), depth)])
}

/** An `AnyValue` as a JSON text. */
function valueText(value: Json, depth: number): string {
  if (depth > DEPTH_LIMIT) throw new RangeError(`a value is nested deeper than ${DEPTH_LIMIT} levels`)
  if (value.stringValue !== undefined) return JSON.stringify(textOf(value, 'stringValue'))
  if (value.bytesValue !== undefined) return JSON.stringify(textOf(value, 'bytesValue'))
  if (value.boolValue !== undefined) return value.boolValue === true ? 'true' : 'false'
  if (value.intValue !== undefined) return integerText(digitsOf(value, 'intValue'))
  if (value.doubleValue !== undefined) return doubleText(Number(value.doubleValue))
  if (value.arrayValue !== undefined)
    return listText(listOf(objectOf(value.arrayValue, 'arrayValue'), 'values').map((one) => valueText(one, depth + 1)))
  if (value.kvlistValue !== undefined) return mapText(pairsFrom(listOf(objectOf(value.kvlistValue, 'kvlistValue'), 'values'), depth + 1))
  return 'null'
}

function objectOf(value: unknown, name: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new RangeError(`${name} should be an object`)
}

function listOf(holder: unknown, name: string): Json[] {
  const list = objectOf(holder, 'the request')[name] ?? []
  if (!Array.isArray(list)) throw new RangeError(`${name} should be a list`)
  return list.map((one) => objectOf(one, name))
}

function textOf(holder: Json, name: string): string {
  const value = holder[name] ?? ''
  if (typeof value === 'string') return value
  throw new RangeError(`${name} should be a text`)
}

function hexOf(holder: Json, name: string): string {
  const text = textOf(holder, name)
  if (/^(?:[0-9a-fA-F]{2})*$/.test(text)) return text.toLowerCase()
  throw new RangeError(`${name} should be hexadecimal`)
}

function digitsOf(holder: Json, name: string): string {
  const value = holder[name] ?? 0
  const digits = typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : value
  if (typeof digits === 'string' && /^-?\d{1,20}$/.test(digits)) return digits
  throw new RangeError(`${name} should be a whole number`)
}
