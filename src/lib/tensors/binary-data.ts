import { bytesFromData, type Datatype, dataFromBytes, datatypeBytes, type TensorData } from './tensor.ts'

type Claim = { readonly name: string; readonly datatype: Datatype; readonly elements: number }

/**
 * The elements of a tensor from its binary form: little-endian, row by row, without padding; each element of BYTES after its
 * length in 4 bytes; BOOL as 0 or 1. Shares the memory where it can. Throws RangeError when the bytes are not what the
 * datatype and the shape ask for.
 */
export function dataFromBinary({ name, datatype, elements }: Claim, bytes: Uint8Array): TensorData {
  if (datatype === 'BYTES') return elementsFromBytes(name, elements, bytes)
  const needed = elements * datatypeBytes[datatype]
  if (bytes.length !== needed)
    throw new RangeError(`input ${name}: ${elements} values of ${datatype} take ${needed} bytes; ${bytes.length} were sent`)
  const data = dataFromBytes(datatype, bytes)
  if (datatype === 'BOOL' && (data as Uint8Array).some((value) => value > 1))
    throw new RangeError(`input ${name}: a truth value is a byte of 0 or 1; another was sent`)
  return data
}

function elementsFromBytes(name: string, elements: number, bytes: Uint8Array): Uint8Array[] {
  // Each element takes its 4 bytes of length at least, so that a claimed shape cannot ask for more than was sent.
  if (elements > bytes.length / 4)
    throw new RangeError(`input ${name}: ${elements} values of BYTES take at least ${elements * 4} bytes; ${bytes.length} were sent`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: Uint8Array[] = []
  let at = 0
  while (at < bytes.length) {
    if (at + 4 > bytes.length) throw new RangeError(`input ${name}: the length of value ${found.length} is cut off`)
    const length = view.getUint32(at, true)
    at += 4
    if (at + length > bytes.length)
      throw new RangeError(`input ${name}: value ${found.length} should have ${length} bytes; ${bytes.length - at} are left`)
    found.push(bytes.subarray(at, at + length))
    at += length
  }
  if (found.length !== elements) throw new RangeError(`input ${name}: the shape needs ${elements} values; ${found.length} were sent`)
  return found
}

/** The binary form of elements; shares their memory but for BYTES. */
export function binaryFromData(datatype: Datatype, data: TensorData): Uint8Array {
  if (datatype !== 'BYTES') return bytesFromData(data as Float32Array)
  const elements = data as readonly Uint8Array[]
  const bytes = new Uint8Array(elements.reduce((total, element) => total + 4 + element.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const element of elements) {
    view.setUint32(at, element.length, true)
    bytes.set(element, at + 4)
    at += 4 + element.length
  }
  return bytes
}
