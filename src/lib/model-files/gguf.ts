import { type ByteReader, BytesMissing, createByteReader, MalformedFile, readOrProblem } from './byte-reader.ts'
import type { WeightsFacts } from './safetensors.ts'

const MAGIC = 0x46554747
const MOST_ENTRIES = 100_000
const MOST_TEXT_BYTES = 16 << 20
const MOST_KEY_BYTES = 65_535
const MOST_DIMENSIONS = 8
const MOST_METADATA = 100
const MOST_NESTING = 8
/** How much of a text is kept. */
const SHOWN = 1_000

/** Element types of tensors by their number; numbers that are not here are shown as they are. */
const tensorTypes: Readonly<Record<number, string>> = Object.fromEntries(
  'F32 F16 Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16'
    .split(' ')
    .map((name, number) => [number, name]),
)
const scalarReaders = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32'] as const
const scalarBytes: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 }
const TEXT = 8
const ARRAY = 9

/**
 * Reads the header of a GGUF file from its beginning. `complete` is false when the bytes end before the header does; the
 * counts are then of what was seen. Lists, such as a vocabulary, are counted and not kept.
 */
export function readGguf(start: Uint8Array): (WeightsFacts & { readonly complete: boolean }) | { readonly problem: string } {
  return readOrProblem(() => {
    const reader = createByteReader(start, 'little')
    if (reader.u32() !== MAGIC) throw new MalformedFile('the file does not begin as a GGUF file does')
    const version = reader.u32()
    if (version < 2 || version > 3) throw new MalformedFile(`version ${version} of the format is not known; 2 and 3 are`)
    const [tensorCount, metadataCount] = [reader.u64(), reader.u64()]
    if (tensorCount > MOST_ENTRIES || metadataCount > MOST_ENTRIES)
      throw new MalformedFile(`the header claims ${tensorCount} tensors and ${metadataCount} entries; at most ${MOST_ENTRIES} are read`)
    const metadata: Record<string, string | number | boolean> = {}
    const types: Record<string, number> = {}
    let parameters = 0
    const complete = untilBytesEnd(() => {
      for (let i = 0; i < metadataCount; i++) {
        const [key, value] = [reader.text(reader.u64(), MOST_KEY_BYTES), readValue(reader, reader.u32(), 0)]
        if (value !== undefined && Object.keys(metadata).length < MOST_METADATA) metadata[key.slice(0, 200)] = value
      }
      for (let i = 0; i < tensorCount; i++) {
        const { type, elements } = readTensor(reader)
        types[type] = (types[type] ?? 0) + 1
        parameters += elements
      }
    })
    return { tensors: tensorCount, parameters, types, metadata: { ...metadata }, complete }
  })
}

function untilBytesEnd(read: () => void): boolean {
  try {
    read()
    return true
  } catch (thrown) {
    if (thrown instanceof BytesMissing) return false
    throw thrown
  }
}

function readTensor(reader: ByteReader): { type: string; elements: number } {
  reader.text(reader.u64(), MOST_KEY_BYTES)
  const dimensions = reader.u32()
  if (dimensions > MOST_DIMENSIONS) throw new MalformedFile(`a tensor claims ${dimensions} dimensions`)
  let elements = 1
  for (let i = 0; i < dimensions; i++) elements *= reader.u64()
  if (!Number.isSafeInteger(elements)) throw new MalformedFile('a tensor claims more elements than there can be')
  const number = reader.u32()
  reader.skip(8)
  return { type: tensorTypes[number] ?? `type ${number}`, elements }
}

/** One value; nothing for a list, which is passed over. */
function readValue(reader: ByteReader, type: number, depth: number): string | number | boolean | undefined {
  if (depth > MOST_NESTING) throw new MalformedFile('lists lie within lists without end')
  const scalar = scalarReaders[type]
  if (scalar) return reader[scalar]()
  switch (type) {
    case 7:
      return reader.u8() !== 0
    case TEXT:
      return reader.text(reader.u64(), MOST_TEXT_BYTES).slice(0, SHOWN)
    case 10:
      return reader.looseU64()
    case 11:
      return reader.looseI64()
    case 12:
      return reader.f64()
    case ARRAY: {
      const [of, count] = [reader.u32(), reader.u64()]
      const size = scalarBytes[of]
      if (size !== undefined) reader.skip(size * count)
      else if (of === TEXT) for (let i = 0; i < count; i++) reader.skip(reader.u64())
      else for (let i = 0; i < count; i++) readValue(reader, of, depth + 1)
      return undefined
    }
    default:
      throw new MalformedFile(`there is no kind of value ${type}`)
  }
}
