import { createWire, type Field, int64Of, readFields, readMessage, textOf, type Wire } from '../protobuf/wire-reader.ts'
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

/** Bounds the work that one request can ask for. */
const MOST_FIELDS = 20_000_000
const MOST_TEXT_BYTES = 64 * 1024 * 1024

/**
 * Reads an `ExportTraceServiceRequest` of opentelemetry-proto 1.x. Throws RangeError on anything that is not a well-formed
 * message. Fields of later versions are passed over.
 */
export function resourceSpansFromProtobuf(bytes: Uint8Array): ResourceSpans[] {
  const wire = createWire(bytes, MOST_FIELDS)
  const found: ResourceSpans[] = []
  readFields(wire, 0, bytes.length, (field) => {
    if (field.number === 1) found.push(readResourceSpans(wire, field))
  })
  return found
}

function readResourceSpans(wire: Wire, at: Readonly<Field>): ResourceSpans {
  let resource: AttributeTexts = {}
  const spans: OtlpSpan[] = []
  readMessage(wire, at, (field) => {
    if (field.number === 1) resource = attributesIn(wire, field, 1)
    else if (field.number === 2)
      readMessage(wire, field, (scoped) => {
        if (scoped.number === 2) spans.push(readSpan(wire, scoped))
      })
  })
  return { resource, spans }
}

function readSpan(wire: Wire, at: Readonly<Field>): OtlpSpan {
  const attributes: [string, string][] = []
  const events: OtlpSpan['events'][number][] = []
  const links: OtlpSpan['links'][number][] = []
  const span = { traceId: '', spanId: '', parentSpanId: '', name: '', startNs: '0', endNs: '0', status: blankStatus }
  readMessage(wire, at, (field) => {
    if (field.number === 1) span.traceId = hexOf(wire, field)
    else if (field.number === 2) span.spanId = hexOf(wire, field)
    else if (field.number === 4) span.parentSpanId = hexOf(wire, field)
    else if (field.number === 5) span.name = text(wire, field)
    else if (field.number === 7) span.startNs = fixed64(wire, field)
    else if (field.number === 8) span.endNs = fixed64(wire, field)
    else if (field.number === 9) attributes.push(readKeyValue(wire, field, 0))
    else if (field.number === 11) events.push(readEvent(wire, field))
    else if (field.number === 13) links.push(readLink(wire, field))
    else if (field.number === 15) span.status = readStatus(wire, field)
  })
  return { ...span, attributes: Object.fromEntries(attributes), events, links }
}

function readEvent(wire: Wire, at: Readonly<Field>): OtlpSpan['events'][number] {
  const event = { name: '', timeNs: '0' }
  readMessage(wire, at, (field) => {
    if (field.number === 1) event.timeNs = fixed64(wire, field)
    else if (field.number === 2) event.name = text(wire, field)
  })
  return { ...event, attributes: attributesIn(wire, at, 3) }
}

function readLink(wire: Wire, at: Readonly<Field>): OtlpSpan['links'][number] {
  const link = { traceId: '', spanId: '' }
  readMessage(wire, at, (field) => {
    if (field.number === 1) link.traceId = hexOf(wire, field)
    else if (field.number === 2) link.spanId = hexOf(wire, field)
  })
  return { ...link, attributes: attributesIn(wire, at, 4) }
}

const blankStatus: OtlpSpan['status'] = { code: 'UNSET', message: '' }

function readStatus(wire: Wire, at: Readonly<Field>): OtlpSpan['status'] {
  let { code, message } = blankStatus
  readMessage(wire, at, (field) => {
    if (field.number === 2) message = text(wire, field)
    else if (field.number === 3) code = statusCodes[field.value] ?? 'UNSET'
  })
  return { code, message }
}

/** The key-value pairs in the fields `number` of the message at `at`. */
function attributesIn(wire: Wire, at: Readonly<Field>, number: number): AttributeTexts {
  const found: [string, string][] = []
  readMessage(wire, at, (field) => {
    if (field.number === number) found.push(readKeyValue(wire, field, 0))
  })
  return Object.fromEntries(found)
}

function readKeyValue(wire: Wire, at: Readonly<Field>, depth: number): [key: string, text: string] {
  let key = ''
  let value = 'null'
  readMessage(wire, at, (field) => {
    if (field.number === 1) key = text(wire, field)
    else if (field.number === 2) value = readValue(wire, field, depth)
  })
  return [key, value]
}

/** An `AnyValue` as a JSON text. */
function readValue(wire: Wire, at: Readonly<Field>, depth: number): string {
  if (depth > DEPTH_LIMIT) throw new RangeError(`a value is nested deeper than ${DEPTH_LIMIT} levels`)
  let found = 'null'
  readMessage(wire, at, (field) => {
    if (field.number === 1) found = JSON.stringify(text(wire, field))
    else if (field.number === 2) found = field.value === 0 ? 'false' : 'true'
    else if (field.number === 3) found = integerText(int64Of(wire, field))
    else if (field.number === 4) found = doubleText(wire.view.getFloat64(field.start, true))
    else if (field.number === 5) found = listText(valuesIn(wire, field, depth))
    else if (field.number === 6) found = mapText(pairsIn(wire, field, depth))
    else if (field.number === 7) found = JSON.stringify(Buffer.from(wire.bytes.subarray(field.start, field.end)).toString('base64'))
  })
  return found
}

function valuesIn(wire: Wire, at: Readonly<Field>, depth: number): string[] {
  const found: string[] = []
  readMessage(wire, at, (field) => {
    if (field.number === 1) found.push(readValue(wire, field, depth + 1))
  })
  return found
}

function pairsIn(wire: Wire, at: Readonly<Field>, depth: number): [string, string][] {
  const found: [string, string][] = []
  readMessage(wire, at, (field) => {
    if (field.number === 1) found.push(readKeyValue(wire, field, depth + 1))
  })
  return found
}

const text = (wire: Wire, field: Readonly<Field>) => textOf(wire, field, MOST_TEXT_BYTES)

function hexOf(wire: Wire, field: Readonly<Field>): string {
  if (field.kind !== 'bytes') throw new RangeError(`field ${field.number} at byte ${field.start} should be bytes`)
  return Buffer.from(wire.bytes.subarray(field.start, field.end)).toString('hex')
}

function fixed64(wire: Wire, field: Readonly<Field>): string {
  if (field.kind !== 'fixed64') throw new RangeError(`field ${field.number} at byte ${field.start} should be a fixed64`)
  return wire.view.getBigUint64(field.start, true).toString()
}
