import { binaryFromData, dataFromBinary } from '../../../lib/tensors/binary-data.ts'
import { elementsIn, isDatatype, type Tensor } from '../../../lib/tensors/tensor.ts'

/** A message between this process and a worker: two lengths of 4 bytes (little-endian), a head in JSON, a body. */
export type Frame = { readonly head: Readonly<Record<string, unknown>>; readonly body: Buffer }
type TensorHead = { readonly name: string; readonly datatype: string; readonly shape: readonly number[]; readonly bytes: number }

const MOST_FRAME_BYTES = 256 * 1024 * 1024
const LENGTHS_BYTES = 8

/** The pieces of a frame, to be written one after another. Throws RangeError for one that is larger than a frame may be. */
export function frameOf(head: object, parts: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(head))
  const bodyBytes = parts.reduce((total, part) => total + part.length, 0)
  if (text.length + bodyBytes > MOST_FRAME_BYTES)
    throw new RangeError(`the call has ${text.length + bodyBytes} bytes; a worker takes ${MOST_FRAME_BYTES}`)
  const lengths = Buffer.alloc(LENGTHS_BYTES)
  lengths.writeUInt32LE(text.length, 0)
  lengths.writeUInt32LE(bodyBytes, 4)
  return [lengths, text, ...parts]
}

/** Puts the frames of a stream together again. `push` answers those that are whole; throws RangeError for what is no frame. */
export function createFrameReader() {
  let pieces: Buffer[] = []
  let sizeBytes = 0
  let neededBytes = LENGTHS_BYTES

  return {
    push(piece: Buffer): Frame[] {
      pieces.push(piece)
      sizeBytes += piece.length
      const frames: Frame[] = []
      while (sizeBytes >= neededBytes) {
        const all = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
        const headBytes = all.readUInt32LE(0)
        const wholeBytes = LENGTHS_BYTES + headBytes + all.readUInt32LE(4)
        if (wholeBytes - LENGTHS_BYTES > MOST_FRAME_BYTES) throw new RangeError('a frame is larger than a frame may be')
        pieces = [all]
        neededBytes = wholeBytes
        if (sizeBytes < wholeBytes) break
        frames.push({
          head: headFrom(all.subarray(LENGTHS_BYTES, LENGTHS_BYTES + headBytes)),
          body: all.subarray(LENGTHS_BYTES + headBytes, wholeBytes),
        })
        pieces = sizeBytes > wholeBytes ? [all.subarray(wholeBytes)] : []
        sizeBytes -= wholeBytes
        neededBytes = LENGTHS_BYTES
      }
      return frames
    },
  }
}

function headFrom(bytes: Buffer): Frame['head'] {
  try {
    const head: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof head === 'object' && head !== null) return head as Frame['head']
  } catch (cause) {
    throw new RangeError('the head of a frame is no JSON', { cause })
  }
  throw new RangeError('the head of a frame is no object')
}

/** Tensors as heads and the bytes that follow them. */
export function partsOf(tensors: readonly Tensor[]): { readonly heads: readonly TensorHead[]; readonly parts: readonly Uint8Array[] } {
  const parts = tensors.map(({ datatype, data }) => binaryFromData(datatype, data))
  return { heads: tensors.map(({ name, datatype, shape }, i) => ({ name, datatype, shape, bytes: parts[i]!.length })), parts }
}

/** The tensors of a reply. Throws RangeError for a reply that is not what it claims. */
export function tensorsFrom({ head, body }: Frame): Tensor[] {
  let at = 0
  return (head.tensors as readonly TensorHead[]).map(({ name, datatype, shape, bytes }) => {
    if (!isDatatype(datatype)) throw new RangeError(`output ${name} has the unknown datatype ${datatype}`)
    at += bytes
    if (at > body.length) throw new RangeError(`output ${name} is cut off`)
    return { name, datatype, shape, data: dataFromBinary({ name, datatype, elements: elementsIn(shape) }, body.subarray(at - bytes, at)) }
  })
}
