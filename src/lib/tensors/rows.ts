import { numberFromBf16, numberFromFp16 } from './half.ts'
import type { Tensor } from './tensor.ts'

/** The numbers of a tensor as 32-bit floats, in order; undefined for BYTES. 64-bit integers and doubles lose what a float cannot hold. */
export function floatsFromTensor({ datatype, data }: Tensor): Float32Array | undefined {
  switch (datatype) {
    case 'FP32':
      return data as Float32Array
    case 'BYTES':
      return undefined
    case 'FP16':
      return Float32Array.from(data as Uint16Array, numberFromFp16)
    case 'BF16':
      return Float32Array.from(data as Uint16Array, numberFromBf16)
    case 'INT64':
    case 'UINT64': {
      const wide = data as BigInt64Array
      const floats = new Float32Array(wide.length)
      for (let i = 0; i < wide.length; i++) floats[i] = Number(wide[i])
      return floats
    }
    default:
      return Float32Array.from(data as Float64Array)
  }
}

/** One score of each row of an output: one column is the score itself; of two columns, the second is the positive class. Undefined when it is neither. */
export function scorePerRow(data: Float32Array, rows: number): Float32Array | undefined {
  if (data.length === rows) return data
  if (data.length === rows * 2) return Float32Array.from({ length: rows }, (_, row) => data[row * 2 + 1]!)
  return undefined
}
