/** One column of a block. Numbers travel as typed arrays, arrays of numbers flat with the end of each row. */
type BlockColumn =
  | { readonly name: string; readonly type: 'String'; readonly values: readonly string[] }
  | { readonly name: string; readonly type: 'UInt8' | 'UInt16' | 'UInt32' | 'UInt64' | 'Float32' | 'Float64'; readonly values: NumberArray }
  /** Days since the Unix epoch. */
  | { readonly name: string; readonly type: 'Date'; readonly values: Uint16Array }
  /** Milliseconds since the Unix epoch. */
  | { readonly name: string; readonly type: 'Instant'; readonly values: Float64Array }
  | { readonly name: string; readonly type: 'Floats'; readonly values: Float32Array; readonly ends: Uint32Array }

type NumberArray = Uint8Array | Uint16Array | Uint32Array | BigUint64Array | Float32Array | Float64Array

export type Block = { readonly rows: number; readonly columns: readonly BlockColumn[] }

/**
 * Encodes a block in ClickHouse's Native format: counts, then per column its name, its type and its values in
 * little-endian order. Throws RangeError when a column does not hold `rows` values.
 */
export function nativeFrom(block: Block): Uint8Array {
  const parts: Uint8Array[] = [varint(block.columns.length), varint(block.rows)]
  for (const column of block.columns) {
    const count = column.type === 'Floats' ? column.ends.length : column.values.length
    if (count !== block.rows) throw new RangeError(`column ${column.name} holds ${count} values, the block ${block.rows} rows`)
    parts.push(stringsFrom([column.name, engineType(column)]), ...valuesFrom(column))
  }
  return Buffer.concat(parts)
}

function engineType(column: BlockColumn): string {
  if (column.type === 'Instant') return "DateTime64(3, 'UTC')"
  return column.type === 'Floats' ? 'Array(Float32)' : column.type
}

function valuesFrom(column: BlockColumn): Uint8Array[] {
  switch (column.type) {
    case 'String':
      return [stringsFrom(column.values)]
    case 'Instant':
      return [bytesOf(BigInt64Array.from(column.values, BigInt))]
    case 'Floats':
      return [bytesOf(BigUint64Array.from(column.ends, BigInt)), bytesOf(column.values)]
    default:
      return [bytesOf(column.values)]
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/** Each string as its length in UTF-8 bytes, then the bytes, all in one buffer. */
function stringsFrom(values: readonly string[]): Uint8Array {
  let room = 0
  for (const value of values) room += value.length * 3 + 5
  const buffer = Buffer.allocUnsafe(room)
  let at = 0
  for (const value of values) {
    let rest = Buffer.byteLength(value)
    while (rest > 127) {
      buffer[at++] = (rest & 127) | 128
      rest >>>= 7
    }
    buffer[at++] = rest
    at += buffer.write(value, at)
  }
  return buffer.subarray(0, at)
}
