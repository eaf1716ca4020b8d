import { type ByteReader, createByteReader, MalformedFile } from './byte-reader.ts'

const MOST_DEPTH = 64
const MOST_TEXT_BYTES = 1 << 20
/** Containers that hold nothing are one byte each; without a limit they would fill memory many times the file’s size. */
const MOST_VALUES = 2_000_000

const numberReaders: Readonly<Record<string, (reader: ByteReader) => number>> = {
  i: (reader) => reader.i8(),
  U: (reader) => reader.u8(),
  I: (reader) => reader.i16(),
  l: (reader) => reader.i32(),
  L: (reader) => reader.i64(),
  d: (reader) => reader.f32(),
  D: (reader) => reader.f64(),
}
const numberBytes: Readonly<Record<string, number>> = { i: 1, U: 1, I: 2, l: 4, L: 8, d: 4, D: 8 }

/**
 * Reads a document in Universal Binary JSON (draft 12), as XGBoost writes it. Lists of numbers of one type, which are the
 * bulk of a model, are passed over and become empty. Throws `MalformedFile`.
 */
export function readUniversalBinaryJson(bytes: Uint8Array): unknown {
  const reader = createByteReader(bytes, 'big')
  let values = 0
  const marker = () => String.fromCharCode(reader.u8())
  return value(marker(), 0)

  function value(kind: string, depth: number): unknown {
    values += 1
    if (depth > MOST_DEPTH) throw new MalformedFile(`values lie more than ${MOST_DEPTH} deep`)
    if (values > MOST_VALUES) throw new MalformedFile(`there are more than ${MOST_VALUES} values`)
    const number = Object.hasOwn(numberReaders, kind) ? numberReaders[kind] : undefined
    if (number) return number(reader)
    switch (kind) {
      case 'Z':
        return null
      case 'T':
        return true
      case 'F':
        return false
      case 'C':
        return String.fromCharCode(reader.u8())
      case 'S':
      case 'H':
        return text(marker())
      case '[':
        return list(depth)
      case '{':
        return object(depth)
      default:
        throw new MalformedFile(`there is no kind of value ${JSON.stringify(kind)}`)
    }
  }

  function text(lengthKind: string): string {
    return reader.text(count(lengthKind), MOST_TEXT_BYTES)
  }

  function count(kind: string): number {
    const read = Object.hasOwn(numberReaders, kind) && kind !== 'd' && kind !== 'D' ? numberReaders[kind] : undefined
    const number = read?.(reader)
    if (number === undefined || number < 0) throw new MalformedFile(`a length is ${number ?? 'no whole number'}`)
    return number
  }

  /** How a container begins: the type of all its values, their count, or the marker of its first value. */
  function opening(): { readonly kind?: string; readonly length?: number; readonly first?: string } {
    const first = marker()
    if (first === '$') {
      const kind = marker()
      if (marker() !== '#') throw new MalformedFile('a container has a type and no count')
      return { kind, length: count(marker()) }
    }
    return first === '#' ? { length: count(marker()) } : { first }
  }

  function list(depth: number): unknown[] {
    const { kind, length, first } = opening()
    const size = kind !== undefined && Object.hasOwn(numberBytes, kind) ? numberBytes[kind] : undefined
    if (size !== undefined) {
      reader.skip(size * length!)
      return []
    }
    const items: unknown[] = []
    if (length !== undefined) for (let i = 0; i < length; i++) items.push(value(kind ?? marker(), depth + 1))
    else for (let next = first!; next !== ']'; next = marker()) if (next !== 'N') items.push(value(next, depth + 1))
    return items
  }

  function object(depth: number): Record<string, unknown> {
    const { kind, length, first } = opening()
    const entries: [string, unknown][] = []
    if (length !== undefined) for (let i = 0; i < length; i++) entries.push([text(marker()), value(kind ?? marker(), depth + 1)])
    else for (let next = first!; next !== '}'; next = marker()) if (next !== 'N') entries.push([text(next), value(marker(), depth + 1)])
    return Object.fromEntries(entries)
  }
}
