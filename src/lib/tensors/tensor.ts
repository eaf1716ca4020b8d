/** Datatypes of the Open Inference Protocol, version 2, with their size in bytes; 0 where elements differ in length. */
export const datatypeBytes = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const

export type Datatype = keyof typeof datatypeBytes

export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(datatypeBytes, name)
}

/**
 * Elements in row-major order, without loss: 64-bit integers as bigints, BOOL as 0 or 1, FP16 and BF16 as their 16 bits,
 * BYTES as one array an element.
 */
export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly Uint8Array[]

export type Tensor = {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly data: TensorData
}

/** What a model takes or gives; -1 where any length is accepted. */
export type TensorSpec = { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }

/** How many elements a shape has; 1 for a scalar. Not a safe integer when it is too large to count. */
export function elementsIn(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1)
}

const arrays = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const

/** Elements of a fixed size, all zero. */
export function emptyData(datatype: Exclude<Datatype, 'BYTES'>, elements: number): Exclude<TensorData, readonly Uint8Array[]> {
  return new arrays[datatype](elements)
}

/**
 * The little-endian bytes of elements of a fixed size, as elements. Shares the memory where it is aligned, else copies.
 * The length must be a multiple of the element’s size.
 */
export function dataFromBytes(datatype: Exclude<Datatype, 'BYTES'>, bytes: Uint8Array): Exclude<TensorData, readonly Uint8Array[]> {
  const size = datatypeBytes[datatype]
  const from = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new arrays[datatype](from.buffer as ArrayBuffer, from.byteOffset, from.byteLength / size)
}

/** The elements as little-endian bytes, sharing their memory. */
export function bytesFromData(data: Exclude<TensorData, readonly Uint8Array[]>): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
