/** Where reading stands in bytes. */
export type Position = { readonly bytes: Uint8Array; at: number }

/**
 * Reads `count` values of Parquet's hybrid of run lengths and bit-packed groups of eight (Parquet format, "Encodings",
 * RLE = 3). `width` is in bits, at most 32. Throws RangeError when the bytes end before.
 */
export function readRunLengths(from: Position, width: number, count: number): Int32Array {
  const values = new Int32Array(count)
  let seen = 0
  while (seen < count) {
    const header = varint(from)
    if (header & 1) seen = unpack(from, { values, seen, groups: header >>> 1, width })
    else {
      const value = wholeBytes(from, width)
      const end = Math.min(count, seen + (header >>> 1))
      if (end === seen) throw new RangeError('a run of no values')
      values.fill(value, seen, end)
      seen = end
    }
  }
  return values
}

/** Whether `count` levels of one bit, in the same encoding, are all 1; `from` is left where it was. */
export function areAllOne(from: Position, count: number): boolean {
  const ahead = { bytes: from.bytes, at: from.at }
  for (let seen = 0; seen < count; ) {
    const header = varint(ahead)
    if (header & 1) {
      const groups = header >>> 1
      for (let group = 0; group < groups && seen < count; group++, seen += 8) {
        const left = Math.min(8, count - seen)
        const wanted = (1 << left) - 1
        if ((ahead.bytes[ahead.at++]! & wanted) !== wanted) return false
      }
    } else {
      if (wholeBytes(ahead, 1) !== 1 || header >>> 1 === 0) return false
      seen += header >>> 1
    }
  }
  return true
}

type Packed = { readonly values: Int32Array; readonly seen: number; readonly groups: number; readonly width: number }

function unpack(from: Position, { values, seen, groups, width }: Packed): number {
  const end = Math.min(values.length, seen + groups * 8)
  if (from.at + Math.ceil(((end - seen) * width) / 8) > from.bytes.length) throw new RangeError('packed values end before their count')
  if (width <= WIDEST_SHIFT) unpackByShifts(from, values, { seen, end, width })
  else unpackByPowers(from, values, { seen, end, width })
  from.at += groups * width
  return end
}

/** Up to this width a value and the bits left of the byte before fit into 32 bits. */
const WIDEST_SHIFT = 24

type Stretch = { readonly seen: number; readonly end: number; readonly width: number }

function unpackByShifts({ bytes, at: start }: Position, values: Int32Array, { seen, end, width }: Stretch): void {
  const mask = (1 << width) - 1
  let at = start
  let held = 0
  let bits = 0
  for (let i = seen; i < end; i++) {
    while (bits < width) {
      held |= bytes[at++]! << bits
      bits += 8
    }
    values[i] = held & mask
    held >>>= width
    bits -= width
  }
}

function unpackByPowers({ bytes, at: start }: Position, values: Int32Array, { seen, end, width }: Stretch): void {
  let at = start
  let held = 0
  let bits = 0
  for (let i = seen; i < end; i++) {
    while (bits < width) {
      held += bytes[at++]! * 2 ** bits
      bits += 8
    }
    values[i] = held % 2 ** width
    held = Math.floor(held / 2 ** width)
    bits -= width
  }
}

function wholeBytes(from: Position, width: number): number {
  let value = 0
  for (let i = 0; i < (width + 7) >>> 3; i++) value |= from.bytes[from.at++]! << (8 * i)
  return value
}

function varint(from: Position): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = from.bytes[from.at++]
    if (byte === undefined) throw new RangeError('run lengths end before their count')
    value += (byte & 127) * 2 ** shift
    if (byte < 128) return value
  }
  throw new RangeError('a run length of more than 32 bits')
}
