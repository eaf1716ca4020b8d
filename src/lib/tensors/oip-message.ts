import { parseWithBigInts } from '../exact-json.ts'
import { binaryFromData, dataFromBinary } from './binary-data.ts'
import { dataFromJson, jsonFromData, someElement } from './json-data.ts'
import { elementsIn, isDatatype, type Tensor } from './tensor.ts'

/** A message of the Open Inference Protocol over HTTP; `headerLength` is that of the JSON in front of binary tensors, undefined where all is JSON. */
export type OipMessage = { readonly body: Uint8Array; readonly headerLength: number | undefined }

const MOST_DIMENSIONS = 8
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** An infer request; with `binary`, tensors follow the JSON as bytes, and are asked to come back so. Throws RangeError for BYTES that JSON cannot hold. */
export function encodeInferRequest(inputs: readonly Tensor[], outputs: readonly string[], binary: boolean): OipMessage {
  const wanted = outputs.length === 0 ? '' : `,"outputs":${JSON.stringify(outputs.map((name) => ({ name })))}`
  if (!binary) {
    const tensors = inputs.map((tensor) => `{${headOf(tensor)},"data":${jsonFromData(tensor.datatype, tensor.data)}}`)
    return { body: Buffer.from(`{"inputs":[${tensors.join(',')}]${wanted}}`), headerLength: undefined }
  }
  const parts = inputs.map(({ datatype, data }) => binaryFromData(datatype, data))
  const tensors = inputs.map((tensor, i) => `{${headOf(tensor)},"parameters":{"binary_data_size":${parts[i]!.length}}}`)
  const header = Buffer.from(`{"inputs":[${tensors.join(',')}]${wanted},"parameters":{"binary_data_output":true}}`)
  return { body: Buffer.concat([header, ...parts]), headerLength: header.length }
}

function headOf({ name, shape, datatype }: Tensor): string {
  return `"name":${JSON.stringify(name)},"shape":[${shape.join(',')}],"datatype":"${datatype}"`
}

/** The outputs of an infer response. Throws RangeError naming what is wrong with it. */
export function decodeInferResponse({ body, headerLength = body.length }: OipMessage): Tensor[] {
  if (headerLength > body.length) throw new RangeError(`the JSON should have ${headerLength} bytes; the answer has ${body.length}`)
  const text = textFrom(body.subarray(0, headerLength))
  const outputs = outputsFrom(text, JSON.parse)
  const exact = outputs.some(hasWideNumbers) ? outputsFrom(text, parseWithBigInts) : outputs
  let at = headerLength
  return exact.map((output): Tensor => {
    const { name, datatype, shape } = output
    if (typeof name !== 'string' || typeof datatype !== 'string' || !isDatatype(datatype))
      throw new RangeError('an output has no name or an unknown datatype')
    if (!isShape(shape)) throw new RangeError(`output ${name}: the shape is no list of at most ${MOST_DIMENSIONS} lengths`)
    const claim = { name, datatype, elements: elementsIn(shape) }
    if (!Number.isSafeInteger(claim.elements)) throw new RangeError(`output ${name}: the shape is too large`)
    const sizeBytes = (output.parameters as { binary_data_size?: unknown } | undefined)?.binary_data_size
    if (sizeBytes === undefined) {
      if (!Array.isArray(output.data)) throw new RangeError(`output ${name} has no data`)
      return { name, datatype, shape, data: dataFromJson(claim, output.data) }
    }
    if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0 || at + (sizeBytes as number) > body.length)
      throw new RangeError(`output ${name}: ${sizeBytes} bytes are announced; ${body.length - at} are left`)
    at += sizeBytes as number
    return { name, datatype, shape, data: dataFromBinary(claim, body.subarray(at - (sizeBytes as number), at)) }
  })
}

type Fields = Readonly<Record<string, unknown>>

function textFrom(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new RangeError('the answer is not UTF-8', { cause })
  }
}

function outputsFrom(text: string, parse: (text: string) => unknown): readonly Fields[] {
  let parsed: unknown
  try {
    parsed = parse(text)
  } catch (cause) {
    throw new RangeError(`the answer is no JSON: ${text.slice(0, 100)}`, { cause })
  }
  const outputs = (parsed as { outputs?: unknown } | null)?.outputs
  if (!Array.isArray(outputs) || outputs.some((one) => typeof one !== 'object' || one === null))
    throw new RangeError('the answer has no list of outputs')
  return outputs
}

function hasWideNumbers({ datatype, data }: Fields): boolean {
  return (
    typeof datatype === 'string' &&
    datatype.endsWith('INT64') &&
    Array.isArray(data) &&
    someElement(data, (value) => typeof value === 'number' && !Number.isSafeInteger(value))
  )
}

function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_DIMENSIONS && value.every((length) => Number.isSafeInteger(length) && length >= 0)
}
