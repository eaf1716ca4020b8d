/** Bytes that are not what their format says they are; the message says what is wrong. */
export class MalformedFile extends Error {
  override readonly name = 'MalformedFile'
}

/** The bytes at hand end before what was asked for does: the file was cut short, or only its beginning is at hand. */
export class BytesMissing extends MalformedFile {}

export type ByteReader = ReturnType<typeof createByteReader>

/** Reads numbers and texts one after the other, never beyond the end. Lengths beyond 2^53 are malformed. */
export function createByteReader(bytes: Uint8Array, endianness: 'little' | 'big') {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = endianness === 'little'
  let at = 0

  function take(size: number): number {
    if (size > bytes.length - at) throw new BytesMissing(`the file ends within a value at byte ${at}`)
    const from = at
    at += size
    return from
  }
  function whole(value: bigint): number {
    const number = Number(value)
    if (!Number.isSafeInteger(number)) throw new MalformedFile(`the number ${value} before byte ${at} is beyond all reason`)
    return number
  }
  return {
    position: () => at,
    left: () => bytes.length - at,
    skip: (size: number) => void take(size),
    u8: () => view.getUint8(take(1)),
    i8: () => view.getInt8(take(1)),
    u16: () => view.getUint16(take(2), little),
    i16: () => view.getInt16(take(2), little),
    u32: () => view.getUint32(take(4), little),
    i32: () => view.getInt32(take(4), little),
    u64: () => whole(view.getBigUint64(take(8), little)),
    i64: () => whole(view.getBigInt64(take(8), little)),
    /** A 64-bit number that is data, not a length: as near as a number comes. */
    looseU64: () => Number(view.getBigUint64(take(8), little)),
    looseI64: () => Number(view.getBigInt64(take(8), little)),
    f32: () => view.getFloat32(take(4), little),
    f64: () => view.getFloat64(take(8), little),
    text(size: number, mostBytes: number): string {
      if (size > mostBytes) throw new MalformedFile(`a text of ${size} bytes before byte ${at} is longer than ${mostBytes}`)
      const from = take(size)
      return new TextDecoder().decode(bytes.subarray(from, from + size))
    },
  }
}

/** Runs a reader; what is malformed becomes a problem to tell, anything else is thrown on. */
export function readOrProblem<T extends object>(read: () => T): T | { readonly problem: string } {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof MalformedFile) return { problem: thrown.message }
    throw thrown
  }
}
