/**
 * A walk over the fields of protobuf messages in one buffer. It copies nothing and believes nothing: every length is
 * checked against the message it lies in, and `fieldsLeft` bounds the work a hostile file can ask for.
 */
export type Wire = { readonly bytes: Uint8Array; readonly view: DataView; fieldsLeft: number }

/** One field. For `varint` `value` is the number; for `bytes` the content lies at `start` … `end`; fixed ones are in between. */
export type Field = { number: number; kind: FieldKind; value: number; start: number; end: number }
type FieldKind = 'varint' | 'fixed64' | 'bytes' | 'fixed32'

export function createWire(bytes: Uint8Array, maxFields: number): Wire {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), fieldsLeft: maxFields }
}

/**
 * Calls `visit` for each field of the message at `start` … `end`. The field object is reused: read it at once. Throws
 * RangeError on anything that is not a well-formed message.
 */
export function readFields(wire: Wire, start: number, end: number, visit: (field: Readonly<Field>) => void): void {
  const field: Field = { number: 0, kind: 'varint', value: 0, start, end: start }
  while (field.end < end) {
    if (wire.fieldsLeft-- <= 0) throw new RangeError('the file has too many fields')
    const tag = readVarint(wire, field.end, end, field)
    field.number = Math.floor(tag / 8)
    if (field.number < 1 || field.number >= 2 ** 29)
      throw new RangeError(`there is no field ${field.number} in protobuf; at byte ${field.start}`)
    readContent(wire, tag % 8, end, field)
    visit(field)
  }
}

function readContent(wire: Wire, wireType: number, end: number, field: Field): void {
  const at = field.end
  if (wireType === 0) {
    field.kind = 'varint'
    field.value = readVarint(wire, at, end, field)
    return
  }
  if (wireType === 1 || wireType === 5) {
    field.kind = wireType === 1 ? 'fixed64' : 'fixed32'
    field.start = at
    field.end = at + (wireType === 1 ? 8 : 4)
  } else if (wireType === 2) {
    field.kind = 'bytes'
    const length = readVarint(wire, at, end, field)
    if (length < 0) throw new RangeError(`negative length at byte ${at}`)
    field.start = field.end
    field.end = field.start + length
  } else throw new RangeError(`unknown wire type ${wireType} at byte ${at}`)
  if (field.end > end) throw new RangeError(`field ${field.number} at byte ${at} runs beyond the end of its message`)
}

/** A varint as a signed 64-bit number, exact up to 2⁵³; leaves the place of it in `field`. */
function readVarint(wire: Wire, at: number, end: number, field: Field): number {
  let low = 0
  let high = 0
  for (let i = 0; i < 10; i++) {
    if (at + i >= end) throw new RangeError(`a number is cut off at byte ${at + i}`)
    const byte = wire.bytes[at + i]!
    const part = byte & 0x7f
    if (i < 4) low |= part << (7 * i)
    else if (i === 4) {
      low |= part << 28
      high = part >> 4
    } else high |= part << (7 * i - 32)
    if (byte < 0x80) {
      field.start = at
      field.end = at + i + 1
      return high * 2 ** 32 + (low >>> 0)
    }
  }
  throw new RangeError(`a number of more than 10 bytes at byte ${at}`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a `bytes` field. Throws RangeError when it is not UTF-8 or longer than `maxBytes`. */
export function textOf(wire: Wire, field: Readonly<Field>, maxBytes = 4_096): string {
  if (field.kind !== 'bytes') throw new RangeError(`field ${field.number} at byte ${field.start} should be text`)
  if (field.end - field.start > maxBytes)
    throw new RangeError(`a text of ${field.end - field.start} bytes at byte ${field.start} is longer than ${maxBytes}`)
  try {
    return utf8.decode(wire.bytes.subarray(field.start, field.end))
  } catch (cause) {
    throw new RangeError(`the text at byte ${field.start} is not UTF-8`, { cause })
  }
}

/** A varint with all of its 64 bits, read once more where a number cannot hold them. */
export function int64Of(wire: Wire, field: Readonly<Field>): bigint | number {
  if (field.kind !== 'varint') throw new RangeError(`field ${field.number} at byte ${field.start} should be a number`)
  if (Number.isSafeInteger(field.value)) return field.value
  let value = 0n
  for (let at = field.end - 1; at >= field.start; at--) value = (value << 7n) | BigInt(wire.bytes[at]! & 0x7f)
  return BigInt.asIntN(64, value)
}

export function integerOf(field: Readonly<Field>): number {
  if (field.kind !== 'varint') throw new RangeError(`field ${field.number} at byte ${field.start} should be a number`)
  if (!Number.isSafeInteger(field.value)) throw new RangeError(`the number at byte ${field.start} is too large`)
  return field.value
}

/** Calls `visit` for each varint of a packed field, or for the one of a field that is not packed. */
export function readVarints(wire: Wire, field: Readonly<Field>, visit: (field: Readonly<Field>) => void): void {
  if (field.kind === 'varint') {
    visit(field)
    return
  }
  if (field.kind !== 'bytes') throw new RangeError(`field ${field.number} at byte ${field.start} should be packed numbers`)
  const one: Field = { number: field.number, kind: 'varint', value: 0, start: field.start, end: field.start }
  while (one.end < field.end) {
    one.value = readVarint(wire, one.end, field.end, one)
    visit(one)
  }
}

/** Walks the message in a `bytes` field. */
export function readMessage(wire: Wire, field: Readonly<Field>, visit: (field: Readonly<Field>) => void): void {
  if (field.kind !== 'bytes') throw new RangeError(`field ${field.number} at byte ${field.start} should be a message`)
  readFields(wire, field.start, field.end, visit)
}
