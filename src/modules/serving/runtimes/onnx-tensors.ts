import { Tensor as OrtTensor } from 'onnxruntime-node'
import { AppError } from '../../../contract/errors.ts'
import type { Datatype, Tensor, TensorData } from '../../../lib/tensors/tensor.ts'

/** ONNX Runtime’s names of the datatypes of the Open Inference Protocol. */
const ortTypes = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Partial<Record<Datatype, string>>
const datatypes = new Map(Object.entries(ortTypes).map(([datatype, type]) => [type as string, datatype as Datatype]))

export function datatypeFromOrt(type: string): Datatype {
  const datatype = datatypes.get(type)
  if (!datatype) throw new AppError('unsupported', `ONNX Runtime’s type ${type} cannot be served`)
  return datatype
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A tensor as ONNX Runtime takes it; its memory is shared. Throws `invalid` for BF16 and for texts that are not UTF-8. */
export function ortTensorFrom({ name, datatype, shape, data }: Tensor): OrtTensor {
  if (datatype === 'BF16') throw new AppError('invalid', `input ${name}: ONNX Runtime takes no BF16 here; send FP32`)
  if (datatype === 'BYTES') return new OrtTensor('string', (data as readonly Uint8Array[]).map(text(name)), shape)
  // The native side takes the bits of FP16 as 16-bit integers; the class would turn them into an array it cannot read.
  if (datatype === 'FP16') return { type: 'float16', data, dims: shape, location: 'cpu', size: data.length } as unknown as OrtTensor
  return new OrtTensor(ortTypes[datatype], data as never, shape)
}

function text(name: string) {
  return (bytes: Uint8Array, i: number): string => {
    try {
      return utf8.decode(bytes)
    } catch {
      throw new AppError('invalid', `input ${name}: element ${i} is not UTF-8; this model takes texts`)
    }
  }
}

export function tensorFromOrt(name: string, { type, dims, data }: OrtTensor): Tensor {
  const datatype = datatypeFromOrt(type)
  return {
    name,
    datatype,
    shape: dims,
    data: datatype === 'BYTES' ? (data as string[]).map(bytesOf) : bitsOf(data as ArrayBufferView, datatype),
  }
}

const bytesOf = (value: string): Uint8Array => Buffer.from(value, 'utf8')

function bitsOf(data: ArrayBufferView, datatype: Datatype): TensorData {
  return datatype === 'FP16' ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2) : (data as unknown as TensorData)
}
