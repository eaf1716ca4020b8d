import { AppError } from '../../contract/errors.ts'
import {
  createWire,
  type Field,
  int64Of,
  integerOf,
  readFields,
  readMessage,
  readVarints,
  textOf,
  type Wire,
} from '../../lib/protobuf/wire-reader.ts'
import { dataFromBinary } from '../../lib/tensors/binary-data.ts'
import { dataFromJson } from '../../lib/tensors/json-data.ts'
import { type Datatype, datatypeBytes, elementsIn, isDatatype, type Tensor } from '../../lib/tensors/tensor.ts'
import { asInvalid, type InferCall, readId, readParameters, refuseUnsupported } from './call.ts'

/** A `ModelInferRequest`, and whether its tensors came as raw bytes: the reply is written in the same form. */
export type GrpcInfer = { readonly model: string; readonly version: string; readonly call: InferCall; readonly isRaw: boolean }

type Place = { readonly start: number; readonly end: number }
type Value = string | number | boolean | bigint
type Input = {
  name: string
  datatype: string
  shape: number[]
  parameters: Record<string, Value>
  /** Where its typed contents lie. */
  contents: Place | undefined
}

/** Bounds the work that one message can ask for; each field takes two bytes at least. */
const MOST_FIELDS = 20_000_000
const MOST_DIMENSIONS = 8

/** Reads a `ModelInferRequest`. Throws `invalid` naming what is wrong, RangeError for what is no protocol buffer. */
export function readGrpcInfer(message: Uint8Array): GrpcInfer {
  const wire = createWire(message, MOST_FIELDS)
  const found = { model: '', version: '', id: '', parameters: {} as Record<string, Value> }
  const inputs: Input[] = []
  const outputs: string[] = []
  const raw: Uint8Array[] = []
  readFields(wire, 0, message.length, (field) => {
    switch (field.number) {
      case 1:
        found.model = textOf(wire, field)
        break
      case 2:
        found.version = textOf(wire, field)
        break
      case 3:
        found.id = textOf(wire, field)
        break
      case 4:
        readParameter(wire, field, found.parameters)
        break
      case 5:
        inputs.push(readInput(wire, field))
        break
      case 6:
        outputs.push(readOutput(wire, field))
        break
      case 7:
        raw.push(bytesOf(wire, field))
        break
    }
  })
  if (inputs.length === 0) throw new AppError('invalid', 'inputs: at least one tensor is needed')
  const isRaw = raw.length > 0
  if (isRaw && raw.length !== inputs.length)
    throw new AppError('invalid', `raw_input_contents: ${raw.length} were sent for ${inputs.length} inputs; all must be raw, or none`)
  if (new Set(outputs).size !== outputs.length) throw new AppError('invalid', 'outputs: one is asked for twice')
  const tensors = inputs.map((input, i) => asInvalid(() => tensorFrom(wire, input, raw[i])))
  const call = { id: readId(found.id), ...readParameters(found.parameters), inputs: tensors, outputs }
  return { model: found.model, version: found.version, call, isRaw }
}

function readInput(wire: Wire, at: Readonly<Field>): Input {
  const input: Input = { name: '', datatype: '', shape: [], parameters: {}, contents: undefined }
  readMessage(wire, at, (field) => {
    switch (field.number) {
      case 1:
        input.name = textOf(wire, field)
        break
      case 2:
        input.datatype = textOf(wire, field)
        break
      case 3:
        readVarints(wire, field, (one) => {
          if (input.shape.length > MOST_DIMENSIONS) throw new RangeError(`a shape has more than ${MOST_DIMENSIONS} dimensions`)
          input.shape.push(integerOf(one))
        })
        break
      case 4:
        readParameter(wire, field, input.parameters)
        break
      case 5:
        bytesOf(wire, field)
        input.contents = { start: field.start, end: field.end }
        break
    }
  })
  return input
}

function readOutput(wire: Wire, at: Readonly<Field>): string {
  let name = ''
  const parameters: Record<string, Value> = {}
  readMessage(wire, at, (field) => {
    if (field.number === 1) name = textOf(wire, field)
    else if (field.number === 2) readParameter(wire, field, parameters)
  })
  refuseUnsupported(`output ${name}`, parameters)
  return name
}

/** One entry of a map of `InferParameter`, with the cases of every dialect: bool, int64, string, double, uint64. */
function readParameter(wire: Wire, at: Readonly<Field>, into: Record<string, Value>): void {
  let key = ''
  let value: Value | undefined
  readMessage(wire, at, (entry) => {
    if (entry.number === 1) key = textOf(wire, entry)
    else if (entry.number === 2)
      readMessage(wire, entry, (field) => {
        if (field.number === 1) value = field.value !== 0
        else if (field.number === 2) value = int64Of(wire, field)
        else if (field.number === 3) value = textOf(wire, field, wire.bytes.length)
        else if (field.number === 4 && field.kind === 'fixed64') value = wire.view.getFloat64(field.start, true)
        else if (field.number === 5) value = unsignedOf(int64Of(wire, field))
      })
  })
  if (value !== undefined) into[key] = value
}

function unsignedOf(value: number | bigint): number | bigint {
  return value < 0 ? BigInt.asUintN(64, BigInt(value)) : value
}

function bytesOf(wire: Wire, field: Readonly<Field>): Uint8Array {
  if (field.kind !== 'bytes') throw new RangeError(`field ${field.number} at byte ${field.start} should be bytes`)
  return wire.bytes.subarray(field.start, field.end)
}

function tensorFrom(wire: Wire, { name, datatype, shape, parameters, contents }: Input, raw: Uint8Array | undefined): Tensor {
  if (!isDatatype(datatype))
    throw new AppError('invalid', `input ${name}: datatype ${datatype} is unknown; use one of ${Object.keys(datatypeBytes).join(', ')}`)
  refuseUnsupported(`input ${name}`, parameters)
  if (shape.length === 0 || shape.length > MOST_DIMENSIONS || shape.some((length) => length < 0))
    throw new AppError('invalid', `input ${name}: the shape must be 1 to ${MOST_DIMENSIONS} whole numbers`)
  const claim = { name, datatype, elements: elementsIn(shape) }
  if (!Number.isSafeInteger(claim.elements)) throw new AppError('invalid', `input ${name}: the shape has more values than can be counted`)
  if (raw) {
    if (contents) throw new AppError('invalid', `input ${name}: contents and raw_input_contents exclude each other`)
    return { name, datatype, shape, data: dataFromBinary(claim, raw) }
  }
  if (datatype === 'BYTES') {
    const elements = contents ? bytesContents(wire, contents) : []
    if (elements.length !== claim.elements)
      throw new AppError('invalid', `input ${name}: the shape needs ${claim.elements} values; ${elements.length} were sent`)
    return { name, datatype, shape, data: elements }
  }
  if (datatype === 'FP16' || datatype === 'BF16')
    throw new AppError('invalid', `input ${name}: ${datatype} has no typed contents; send it as raw_input_contents`)
  return { name, datatype, shape, data: dataFromJson(claim, contents ? numberContents(wire, contents, name, datatype) : []) }
}

const BYTES_FIELD = 8
/** The field of `InferTensorContents` in which the elements of a datatype travel. */
const fieldOf: Readonly<Record<Exclude<Datatype, 'BYTES' | 'FP16' | 'BF16'>, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
}

function bytesContents(wire: Wire, { start, end }: Place): Uint8Array[] {
  const found: Uint8Array[] = []
  readFields(wire, start, end, (field) => {
    if (field.number === BYTES_FIELD) found.push(bytesOf(wire, field))
  })
  return found
}

function numberContents(wire: Wire, { start, end }: Place, name: string, datatype: keyof typeof fieldOf): (number | bigint)[] {
  const wanted = fieldOf[datatype]
  const found: (number | bigint)[] = []
  readFields(wire, start, end, (field) => {
    if (field.number !== wanted)
      throw new AppError(
        'invalid',
        `input ${name}: values of ${datatype} travel in field ${wanted} of its contents, not in ${field.number}`,
      )
    if (wanted === 6) readFixed(field, 4, (at) => found.push(wire.view.getFloat32(at, true)))
    else if (wanted === 7) readFixed(field, 8, (at) => found.push(wire.view.getFloat64(at, true)))
    else readVarints(wire, field, (one) => found.push(wanted === 5 ? unsignedOf(int64Of(wire, one)) : int64Of(wire, one)))
  })
  return found
}

/** Calls `visit` with the place of each number of a fixed size, packed or by itself. */
function readFixed(field: Readonly<Field>, size: 4 | 8, visit: (at: number) => void): void {
  const isOne = field.kind === (size === 4 ? 'fixed32' : 'fixed64')
  if (!isOne && field.kind !== 'bytes') throw new RangeError(`field ${field.number} at byte ${field.start} should be packed numbers`)
  if ((field.end - field.start) % size !== 0) throw new RangeError(`the numbers at byte ${field.start} are cut off`)
  for (let at = field.start; at < field.end; at += size) visit(at)
}

/** The texts and truth values of a small request, by field number. Throws RangeError for what is no protocol buffer. */
export function readSmallRequest(message: Uint8Array): {
  readonly texts: ReadonlyMap<number, string>
  readonly flags: ReadonlySet<number>
} {
  const wire = createWire(message, MOST_FIELDS)
  const texts = new Map<number, string>()
  const flags = new Set<number>()
  readFields(wire, 0, message.length, (field) => {
    if (field.kind === 'varint' && field.value !== 0) flags.add(field.number)
    else if (field.kind === 'bytes' && field.number <= 2) texts.set(field.number, textOf(wire, field))
    else if (field.kind === 'bytes') flags.add(field.number)
  })
  return { texts, flags }
}
