import { createByteReader, MalformedFile, readOrProblem } from './byte-reader.ts'

/** What the header of a file of weights says. `types` counts the tensors of each element type. */
export type WeightsFacts = {
  readonly tensors: number
  readonly parameters: number
  readonly types: Readonly<Record<string, number>>
  readonly metadata: Readonly<Record<string, string | number | boolean>>
}

/** The format allows no more. */
const MOST_HEADER_BYTES = 100_000_000
/** Sizes in bits: some element types are smaller than a byte. */
const elementBits: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
}
const MOST_METADATA = 100

/** The bytes of a safetensors file, from its start on, that hold its header. From the first eight. */
export function safetensorsHeaderEnd(start: Uint8Array, fileBytes: number): { readonly bytes: number } | { readonly problem: string } {
  return readOrProblem(() => {
    const length = createByteReader(start, 'little').u64()
    if (length > MOST_HEADER_BYTES) throw new MalformedFile(`the header claims ${length} bytes; the format allows ${MOST_HEADER_BYTES}`)
    if (length + 8 > fileBytes) throw new MalformedFile(`the header claims ${length} bytes, the whole file has ${fileBytes}`)
    return { bytes: length + 8 }
  })
}

/**
 * Reads the header of a safetensors file, given its bytes up to the header’s end. A header that does not describe every byte
 * of the file once, without gaps or overlaps, is a problem: what lies between could be anything.
 */
export function readSafetensors(start: Uint8Array, fileBytes: number): WeightsFacts | { readonly problem: string } {
  const end = safetensorsHeaderEnd(start, fileBytes)
  if ('problem' in end) return end
  return readOrProblem(() => {
    const reader = createByteReader(start, 'little')
    reader.skip(8)
    const header = parseHeader(reader.text(end.bytes - 8, MOST_HEADER_BYTES))
    const { __metadata__: metadata = {}, ...tensors } = header
    const read = Object.entries(tensors).map(([name, tensor]) => readTensor(name, tensor))
    checkCover(read, fileBytes - end.bytes)
    const types: Record<string, number> = {}
    for (const { type } of read) types[type] = (types[type] ?? 0) + 1
    return { tensors: read.length, parameters: read.reduce((sum, one) => sum + one.elements, 0), types, metadata: readMetadata(metadata) }
  })
}

function parseHeader(text: string): Record<string, unknown> {
  if (!text.startsWith('{')) throw new MalformedFile('the header is no JSON object')
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    throw new MalformedFile('the header is no JSON')
  }
}

type Tensor = { readonly name: string; readonly type: string; readonly elements: number; readonly from: number; readonly to: number }

function readTensor(name: string, given: unknown): Tensor {
  const { dtype, shape, data_offsets: offsets } = (given ?? {}) as Record<string, unknown>
  const bits = typeof dtype === 'string' && Object.hasOwn(elementBits, dtype) ? elementBits[dtype] : undefined
  if (bits === undefined || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
    throw new MalformedFile(`the tensor ${name.slice(0, 100)} has no readable type, shape and place`)
  const elements = shape.reduce((product, size) => product * size, 1)
  const [from, to] = offsets as [number, number]
  if (!Number.isSafeInteger(elements * bits) || Math.ceil((elements * bits) / 8) !== to - from)
    throw new MalformedFile(`the tensor ${name.slice(0, 100)} has ${to - from} bytes, which its type and shape do not fill`)
  return { name, type: dtype as string, elements, from, to }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

function checkCover(tensors: readonly Tensor[], dataBytes: number): void {
  let at = 0
  for (const { name, from, to } of [...tensors].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== at) throw new MalformedFile(`there is ${from < at ? 'an overlap' : 'a gap'} before the tensor ${name.slice(0, 100)}`)
    at = to
  }
  if (at !== dataBytes) throw new MalformedFile(`the tensors fill ${at} bytes, the file holds ${dataBytes} for them`)
}

function readMetadata(given: unknown): Record<string, string> {
  const pairs = Object.entries((given ?? {}) as object).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return Object.fromEntries(pairs.slice(0, MOST_METADATA).map(([name, value]) => [name.slice(0, 200), value.slice(0, 1_000)]))
}
