import { MalformedFile } from './byte-reader.ts'

/** One input or output of a model. `type` is MLflow’s own name of it, such as `double`, `datetime`, `array` or `tensor`. */
export type SignatureField = {
  readonly name: string | null
  readonly type: string
  /** The element type of a tensor or of an array, in the terms of NumPy or of MLflow. */
  readonly elementType: string | null
  /** Of a tensor; -1 where any length is accepted. */
  readonly shape: number[] | null
  readonly required: boolean
}
type SignatureParameter = {
  readonly name: string
  readonly type: string
  readonly default: unknown
  readonly shape: number[] | null
}
export type Signature = {
  readonly inputs: SignatureField[]
  readonly outputs: SignatureField[]
  readonly parameters: SignatureParameter[]
}
/** A tensor as the Open Inference Protocol names it. */
export type ServingTensor = { readonly name: string; readonly datatype: string; readonly shape: number[] }

const MOST_FIELDS = 100_000
const SHOWN = 300

/** Reads the `signature` of an MLmodel file, whose parts are JSON in texts. Throws `MalformedFile`. */
export function readSignature(given: unknown): Signature | null {
  if (given === null || given === undefined) return null
  if (typeof given !== 'object') throw new MalformedFile('the signature is no mapping')
  const { inputs, outputs, params } = given as Record<string, unknown>
  return {
    inputs: partOf(inputs, 'inputs').map(readField),
    outputs: partOf(outputs, 'outputs').map(readField),
    parameters: partOf(params, 'params').map(readParameter),
  }
}

function partOf(text: unknown, name: string): readonly Record<string, unknown>[] {
  if (text === null || text === undefined) return []
  const parsed = typeof text === 'string' ? parseJson(text, name) : text
  if (!Array.isArray(parsed) || parsed.length > MOST_FIELDS || parsed.some((one) => typeof one !== 'object' || one === null))
    throw new MalformedFile(`the ${name} of the signature are no list of at most ${MOST_FIELDS} fields`)
  return parsed
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new MalformedFile(`the ${name} of the signature are no JSON`)
  }
}

function readField(given: Record<string, unknown>): SignatureField {
  const type = textFrom(given.type)
  if (type === null) throw new MalformedFile('a field of the signature has no type')
  const tensor = given['tensor-spec'] as Record<string, unknown> | undefined
  const items = given.items as Record<string, unknown> | undefined
  return {
    name: textFrom(given.name),
    type,
    elementType: textFrom(tensor?.dtype) ?? textFrom(items?.type),
    shape: shapeFrom(tensor?.shape),
    // Older files say `optional`.
    required: given.required === undefined ? given.optional !== true : given.required === true,
  }
}

function readParameter(given: Record<string, unknown>): SignatureParameter {
  const name = textFrom(given.name)
  if (name === null) throw new MalformedFile('a parameter of the signature has no name')
  const type = textFrom(given.type) ?? textFrom(given.dtype) ?? ''
  return { name, type, default: given.default ?? null, shape: shapeFrom(given.shape) }
}

function textFrom(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, SHOWN) : null
}

function shapeFrom(value: unknown): number[] | null {
  return Array.isArray(value) && value.length <= 32 && value.every((size) => Number.isSafeInteger(size) && size >= -1) ? value : null
}

const datatypes: Readonly<Record<string, string>> = {
  bool: 'BOOL',
  boolean: 'BOOL',
  integer: 'INT32',
  long: 'INT64',
  float: 'FP32',
  double: 'FP64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
}

/**
 * The fields of a signature as tensors to serve: a column has one value a row; what has no number type (texts, dates,
 * objects) travels as BYTES. Fields without a name are called `<prefix>-<position>`.
 */
export function servingTensors(fields: readonly SignatureField[], prefix: 'input' | 'output'): ServingTensor[] {
  return fields.map((field, i) => {
    const type = field.type === 'tensor' ? (field.elementType ?? '') : field.type
    return {
      name: field.name ?? `${prefix}-${i}`,
      datatype: (Object.hasOwn(datatypes, type) && datatypes[type]) || 'BYTES',
      shape: field.shape ?? (field.type === 'array' ? [-1, -1] : [-1]),
    }
  })
}
