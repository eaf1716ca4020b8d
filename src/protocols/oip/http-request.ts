import { AppError, messageFrom } from '../../contract/errors.ts'
import { parseWithBigInts } from '../../lib/exact-json.ts'
import { dataFromBinary } from '../../lib/tensors/binary-data.ts'
import { dataFromJson, someElement } from '../../lib/tensors/json-data.ts'
import { type Datatype, datatypeBytes, elementsIn, isDatatype, type Tensor, type TensorSpec } from '../../lib/tensors/tensor.ts'
import { asInvalid, type InferCall, readId, readParameters, refuseUnsupported } from './call.ts'

/** How the reply is to be written: every output as binary data, or those named; `binary: null` is all as JSON. */
export type ReplyForm = { readonly binaryByDefault: boolean; readonly binary: ReadonlyMap<string, boolean> }
export type HttpCall = { readonly call: InferCall; readonly form: ReplyForm }

export type ReadOptions = {
  /** Length of the JSON in front of binary tensors, from the request’s header; undefined where all is JSON. */
  readonly headerLength: number | undefined
  /** What the model takes, for a body without JSON. */
  readonly inputs: readonly TensorSpec[]
  /** A null among whole numbers is a missing value too: the model reads them all as floats. */
  readonly missingAllowed: boolean
}

type Fields = Readonly<Record<string, unknown>>
const MOST_DIMENSIONS = 8
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * An infer request of the protocol’s JSON, with or without the binary-tensor extension. Unknown fields are passed over, as the
 * protocol asks. Throws `invalid` naming the tensor, the rule and what was sent.
 */
export function readInferRequest(body: Uint8Array, options: ReadOptions): HttpCall {
  const { headerLength = body.length } = options
  if (headerLength > body.length)
    throw new AppError('invalid', `Inference-Header-Content-Length is ${headerLength}; the body has ${body.length} bytes`)
  if (options.headerLength === 0) return rawCall(body, options.inputs)
  const header = body.subarray(0, headerLength)
  const parsed = fieldsFrom(parseText(header, JSON.parse), 'the body')
  const given = hasWideNumbers(parsed) ? fieldsFrom(parseText(header, parseWithBigInts), 'the body') : parsed
  const binary = createBinary(body.subarray(headerLength))
  const { inputs, outputs } = given
  if (!Array.isArray(inputs) || inputs.length === 0)
    throw new AppError('invalid', 'inputs: a list of at least one tensor is needed', { inputs: 0 })
  const parameters = given.parameters === undefined ? {} : fieldsFrom(given.parameters, 'parameters')
  const tensors = inputs.map((tensor, i) => asInvalid(() => readTensor(tensor, i, binary, options.missingAllowed)))
  binary.end()
  const wanted = readOutputs(outputs)
  const call = { id: readId(given.id), ...readParameters(parameters), inputs: tensors, outputs: [...wanted.keys()] }
  const form = { binaryByDefault: flag(parameters.binary_data_output, 'parameters.binary_data_output') ?? false, binary: chosen(wanted) }
  return { call, form }
}

/** A body that is nothing but the bytes of the model’s only input; every output is answered the same way. */
function rawCall(body: Uint8Array, specs: readonly TensorSpec[]): HttpCall {
  const [spec, ...others] = specs
  const refuse = (why: string): never => {
    throw new AppError('invalid', `a body of binary data alone needs a model with one input of at most one free dimension; ${why}`)
  }
  if (!spec || others.length > 0) return refuse(`this one has ${specs.length} inputs`)
  const { name } = spec
  const datatype = spec.datatype as Datatype
  const shape = datatype === 'BYTES' ? spec.shape.map(() => 1) : shapeFromSize(spec, body.length, refuse)
  const tensor: Tensor = {
    name,
    datatype,
    shape,
    data: asInvalid(() => dataFromBinary({ name, datatype, elements: elementsIn(shape) }, body)),
  }
  return {
    call: { id: undefined, ...readParameters({}), inputs: [tensor], outputs: [] },
    form: { binaryByDefault: true, binary: new Map() },
  }
}

function shapeFromSize(spec: TensorSpec, sizeBytes: number, refuse: (why: string) => never): readonly number[] {
  const free = spec.shape.filter((length) => length === -1).length
  if (free > 1) return refuse(`its input ${spec.name} has ${free}`)
  const known = elementsIn(spec.shape.map((length) => (length === -1 ? 1 : length)))
  const length = sizeBytes / datatypeBytes[spec.datatype as Datatype] / known
  if (!Number.isInteger(length)) throw new AppError('invalid', `input ${spec.name}: ${sizeBytes} bytes do not fill its shape`)
  return spec.shape.map((one) => (one === -1 ? length : one))
}

function parseText(bytes: Uint8Array, parse: (text: string) => unknown): unknown {
  if (bytes.length === 0) throw new AppError('invalid', 'the body is empty; an infer request is needed')
  try {
    return parse(utf8.decode(bytes))
  } catch (error) {
    // A text nested too deep for the engine is a RangeError; one that is not UTF-8 a TypeError.
    throw new AppError('invalid', `the body is not JSON: ${messageFrom(error)}`, {}, error)
  }
}

function fieldsFrom(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new AppError('invalid', what === 'the body' ? 'the body must be a JSON object' : `${what}: an object is needed`)
}

/** Whether a tensor of 64-bit integers holds one that a double cannot: the text must then be read once more. */
function hasWideNumbers({ inputs }: Fields): boolean {
  return (
    Array.isArray(inputs) &&
    inputs.some(
      (tensor) =>
        typeof tensor?.datatype === 'string' &&
        tensor.datatype.endsWith('INT64') &&
        Array.isArray(tensor.data) &&
        someElement(tensor.data, (value) => typeof value === 'number' && !Number.isSafeInteger(value)),
    )
  )
}

type Binary = ReturnType<typeof createBinary>

/** The bytes behind the JSON, taken tensor by tensor. */
function createBinary(bytes: Uint8Array) {
  let at = 0
  return {
    take(name: string, sizeBytes: number): Uint8Array {
      const left = bytes.length - at
      if (sizeBytes > left) throw new AppError('invalid', `input ${name}: binary_data_size is ${sizeBytes}; ${left} bytes are left`)
      at += sizeBytes
      return bytes.subarray(at - sizeBytes, at)
    },
    end() {
      if (at < bytes.length) throw new AppError('invalid', `${bytes.length - at} bytes of binary data belong to no input`)
    },
  }
}

function readTensor(value: unknown, i: number, binary: Binary, missingAllowed: boolean): Tensor {
  const fields = fieldsFrom(value, `inputs.${i}`)
  const { name, datatype, data } = fields
  if (typeof name !== 'string') throw new AppError('invalid', `inputs.${i}.name: a text is needed`)
  if (typeof datatype !== 'string') throw new AppError('invalid', `inputs.${i}.datatype: a text is needed`)
  if (!isDatatype(datatype))
    throw new AppError('invalid', `input ${name}: datatype ${datatype} is unknown; use one of ${Object.keys(datatypeBytes).join(', ')}`)
  const parameters = fields.parameters === undefined ? {} : fieldsFrom(fields.parameters, `inputs.${i}.parameters`)
  refuseUnsupported(`input ${name}`, parameters)
  const shape = readShape(fields.shape, `inputs.${i}.shape`)
  const claim = { name, datatype, elements: elementsIn(shape) }
  if (!Number.isSafeInteger(claim.elements))
    throw new AppError('invalid', `input ${name}: shape [${shape.join(', ')}] has more values than can be counted`)
  const sizeBytes = parameters.binary_data_size
  if (sizeBytes !== undefined) {
    if (data !== undefined) throw new AppError('invalid', `input ${name}: data and binary_data_size exclude each other`)
    if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0)
      throw new AppError('invalid', `input ${name}: binary_data_size must be a number of bytes`)
    return { name, datatype, shape, data: dataFromBinary(claim, binary.take(name, sizeBytes as number)) }
  }
  if (!Array.isArray(data)) throw new AppError('invalid', `inputs.${i}.data: a list is needed, or binary_data_size`)
  if (missingAllowed && datatype !== 'BYTES' && datatype !== 'BOOL' && someElement(data, (one) => one === null))
    return { name, datatype: 'FP64', shape, data: doublesFrom(claim, data) }
  return { name, datatype, shape, data: dataFromJson(claim, data) }
}

/** Numbers of which some are missing, each checked as what it was sent as. */
function doublesFrom(claim: { name: string; datatype: Datatype; elements: number }, data: readonly unknown[]): Float64Array {
  const flat = data.flat(MOST_DIMENSIONS)
  const numbers = dataFromJson(
    claim,
    flat.map((value) => value ?? 0),
  )
  return Float64Array.from(flat, (value, i) => (value === null ? Number.NaN : Number(numbers[i])))
}

function readShape(value: unknown, what: string): readonly number[] {
  if (
    !Array.isArray(value) ||
    value.length === 0 ||
    value.length > MOST_DIMENSIONS ||
    !value.every((length) => Number.isSafeInteger(length) && length >= 0)
  )
    throw new AppError('invalid', `${what}: a list of 1 to ${MOST_DIMENSIONS} whole numbers is needed`)
  return value
}

type Wanted = ReadonlyMap<string, boolean | undefined>

/** The wanted outputs by name, each with how it is to be answered. */
function readOutputs(value: unknown): Wanted {
  if (value === undefined) return new Map()
  if (!Array.isArray(value)) throw new AppError('invalid', 'outputs: a list is needed')
  const wanted = new Map<string, boolean | undefined>()
  for (const [i, one] of value.entries()) {
    const { name, parameters } = fieldsFrom(one, `outputs.${i}`)
    if (typeof name !== 'string') throw new AppError('invalid', `outputs.${i}.name: a text is needed`)
    if (wanted.has(name)) throw new AppError('invalid', `outputs: ${name} is asked for twice`)
    const given = parameters === undefined ? {} : fieldsFrom(parameters, `outputs.${i}.parameters`)
    refuseUnsupported(`output ${name}`, given)
    wanted.set(name, flag(given.binary_data, `outputs.${i}.parameters.binary_data`))
  }
  return wanted
}

function chosen(wanted: Wanted): ReadonlyMap<string, boolean> {
  return new Map([...wanted].filter((one): one is [string, boolean] => one[1] !== undefined))
}

function flag(value: unknown, what: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw new AppError('invalid', `${what}: true or false is needed`)
}
