/** A protobuf message under construction: its fields, encoded, in order. */
export type Message = readonly Uint8Array[]

export function varintField(number: number, value: number): Message {
  return [pairOf(number * 8, value)]
}

export function floatField(number: number, value: number): Message {
  const content = new DataView(new ArrayBuffer(4))
  content.setFloat32(0, value, true)
  return [Uint8Array.from(varint(number * 8 + 5)), new Uint8Array(content.buffer)]
}

export function bytesField(number: number, content: Uint8Array): Message {
  return [pairOf(number * 8 + 2, content.length), content]
}

const utf8 = new TextEncoder()

export function textField(number: number, text: string): Message {
  return bytesField(number, utf8.encode(text))
}

export function messageField(number: number, parts: readonly Message[]): Message {
  return bytesField(number, joined(parts))
}

/** Repeated integers in one packed field. */
export function packedIntegers(number: number, values: Iterable<number | bigint>): Message {
  const bytes: number[] = []
  for (const value of values) bytes.push(...(typeof value === 'bigint' ? bigVarint(value) : varint(value)))
  return bytesField(number, Uint8Array.from(bytes))
}

/** Repeated 32-bit floats in one packed field. */
export function packedFloats(number: number, values: ArrayLike<number>): Message {
  return bytesField(number, littleEndian(values))
}

/** Repeated doubles in one packed field. */
export function packedDoubles(number: number, values: ArrayLike<number>): Message {
  const view = new DataView(new ArrayBuffer(values.length * 8))
  for (let i = 0; i < values.length; i++) view.setFloat64(8 * i, values[i]!, true)
  return bytesField(number, new Uint8Array(view.buffer))
}

/** 32-bit floats as they lie in a tensor's raw data: little-endian on every machine. */
export function littleEndian(values: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i]!, true)
  return new Uint8Array(view.buffer)
}

export function joined(parts: readonly Message[]): Uint8Array {
  const flat = parts.flat()
  const bytes = new Uint8Array(flat.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of flat) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A tag and the number after it. */
function pairOf(tag: number, value: number): Uint8Array {
  if (tag >= 128 || value < 0 || value >= 128) return Uint8Array.from([...varint(tag), ...varint(value)])
  const bytes = new Uint8Array(2)
  bytes[0] = tag
  bytes[1] = value
  return bytes
}

/** An integer as int64: negative numbers take ten bytes, in two's complement. Throws RangeError beyond ±2⁵³. */
function varint(value: number): number[] {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer that protobuf can hold exactly`)
  return value >= 0 ? smallVarint(value) : bigVarint(BigInt(value))
}

function smallVarint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return bytes
}

function bigVarint(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return bytes
}
