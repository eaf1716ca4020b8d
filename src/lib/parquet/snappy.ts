/**
 * Uncompresses one Snappy block (format description of google/snappy, 2011) of known size. Long literals are copied at once,
 * which makes columns of numbers, that hardly compress, about as fast as a copy. Throws RangeError for what is no such block.
 */
export function uncompressSnappy(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size)
  let at = 0
  let end = 0
  while (input[at]! >= 0x80) at += 1
  at += 1
  while (at < input.length) {
    const tag = input[at++]!
    if ((tag & 3) === 0) {
      let length = (tag >>> 2) + 1
      if (length > 60) {
        const bytes = length - 60
        length = 1 + littleEndian(input, at, bytes)
        at += bytes
      }
      if (at + length > input.length || end + length > size) throw new RangeError('a literal of a Snappy block reaches beyond its end')
      if (length > SHORT) output.set(input.subarray(at, at + length), end)
      else for (let i = 0; i < length; i++) output[end + i] = input[at + i]!
      at += length
      end += length
      continue
    }
    const { length, offset, bytes } = copyOf(input, at, tag)
    at += bytes
    if (offset === 0 || offset > end || end + length > size) throw new RangeError('a copy of a Snappy block reaches beyond its end')
    if (offset >= length && length > SHORT) output.copyWithin(end, end - offset, end - offset + length)
    else for (let i = 0; i < length; i++) output[end + i] = output[end - offset + i]!
    end += length
  }
  if (end !== size) throw new RangeError(`a Snappy block holds ${end} bytes, not ${size}`)
  return output
}

/** Below this a loop is faster than a call. */
const SHORT = 24

function copyOf(input: Uint8Array, at: number, tag: number): { length: number; offset: number; bytes: number } {
  const kind = tag & 3
  if (kind === 1) return { length: ((tag >>> 2) & 7) + 4, offset: ((tag >>> 5) << 8) | input[at]!, bytes: 1 }
  const bytes = kind === 2 ? 2 : 4
  return { length: (tag >>> 2) + 1, offset: littleEndian(input, at, bytes), bytes }
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (input[at + i] ?? 0)
  return value
}
