import type { GrpcReply } from '../../infra/grpc/method.ts'
import {
  bytesField,
  joined,
  type Message,
  messageField,
  packedDoubles,
  packedFloats,
  packedIntegers,
  textField,
  varintField,
} from '../../lib/protobuf/wire-writer.ts'
import { binaryFromData } from '../../lib/tensors/binary-data.ts'
import type { Datatype, Tensor, TensorSpec } from '../../lib/tensors/tensor.ts'
import type { Live } from '../../modules/serving/deployments/index.ts'
import type { Answer } from './inference.ts'
import { configTypes, metadataOf, portsOf } from './metadata.ts'
import type { IndexEntry } from './repository.ts'
import type { VersionStatistics } from './statistics.ts'

/** A `ModelInferResponse`, its outputs as raw bytes or as typed contents; FP16 and BF16 have only the raw form, and then all go by it. */
export function inferReply({ model, version, id, fallback, outputs }: Answer, isRaw: boolean): GrpcReply {
  const raw = isRaw || outputs.some(({ datatype }) => datatype === 'FP16' || datatype === 'BF16')
  const parts: Message[] = [textField(1, model), textField(2, String(version)), textField(3, id)]
  if (fallback) parts.push(messageField(4, [textField(1, 'fallback'), messageField(2, [varintField(1, 1)])]))
  for (const output of outputs) parts.push(messageField(5, outputFields(output, raw)))
  if (raw) for (const { datatype, data } of outputs) parts.push(bytesField(6, binaryFromData(datatype, data)))
  return parts.flat()
}

function outputFields(output: Tensor, isRaw: boolean): Message[] {
  const { name, datatype, shape } = output
  const fields = [textField(1, name), textField(2, datatype), packedIntegers(3, shape)]
  return isRaw ? fields : [...fields, messageField(5, contentFields(output))]
}

/** The elements in their field of `InferTensorContents`. */
function contentFields({ datatype, data }: Tensor): Message[] {
  switch (datatype) {
    case 'BOOL':
      return [packedIntegers(1, data as Uint8Array)]
    case 'INT8':
    case 'INT16':
    case 'INT32':
      return [packedIntegers(2, data as Int32Array)]
    case 'INT64':
      return [packedIntegers(3, data as BigInt64Array)]
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
      return [packedIntegers(4, data as Uint32Array)]
    case 'UINT64':
      return [packedIntegers(5, data as BigUint64Array)]
    case 'FP32':
      return [packedFloats(6, data as Float32Array)]
    case 'FP64':
      return [packedDoubles(7, data as Float64Array)]
    case 'BYTES':
      return (data as readonly Uint8Array[]).map((element) => bytesField(8, element))
    case 'FP16':
    case 'BF16':
      throw new RangeError(`${datatype} has no typed contents`)
  }
}

/**
 * Answers of tabular models in the raw form. The descriptions of the three outputs are the same for every request of as many
 * rows, and are kept encoded.
 */
export function createRowsReply(): (
  answer: { model: string; id: string; threshold: number; fallback: boolean },
  scored: Scored,
) => GrpcReply {
  const described = new Map<number, Uint8Array>()
  const heads = new Map<string, Uint8Array>()

  function descriptionsOf(rows: number): Uint8Array {
    const known = described.get(rows)
    if (known) return known
    const shape = packedIntegers(3, [rows, 1])
    const output = (name: string, datatype: Datatype) => messageField(5, [textField(1, name), textField(2, datatype), shape])
    const encoded = joined([output('score', 'FP32'), output('prediction', 'INT32'), output('version', 'INT32')])
    if (described.size < MOST_KEPT) described.set(rows, encoded)
    return encoded
  }

  function headOf(model: string, version: number): Uint8Array {
    const key = `${model} ${version}`
    const known = heads.get(key)
    if (known) return known
    const encoded = joined([textField(1, model), textField(2, String(version))])
    if (heads.size < MOST_KEPT) heads.set(key, encoded)
    return encoded
  }

  return ({ model, id, threshold, fallback }, { scores, versions }) => {
    const rows = scores.length
    const parts: Uint8Array[] = [headOf(model, versions[0]!), ...textField(3, id)]
    if (fallback) parts.push(...messageField(4, [textField(1, 'fallback'), messageField(2, [varintField(1, 1)])]))
    parts.push(descriptionsOf(rows))
    if (rows === 1) {
      parts.push(oneRow(scores[0]!, scores[0]! >= threshold ? 1 : 0, versions[0]!))
      return parts
    }
    const predictions = Int32Array.from(scores, (score) => (score >= threshold ? 1 : 0))
    parts.push(...rawField(scores), ...rawField(predictions), ...rawField(Int32Array.from(versions)))
    return parts
  }
}

const ROW_BYTES = 18
const RAW_TAG = 6 * 8 + 2

/** The three raw fields of one row, which is most of what is asked. */
function oneRow(score: number, prediction: number, version: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(ROW_BYTES)
  for (let at = 0; at < ROW_BYTES; at += 6) {
    bytes[at] = RAW_TAG
    bytes[at + 1] = 4
  }
  bytes.writeFloatLE(score, 2)
  bytes.writeInt32LE(prediction, 8)
  bytes.writeInt32LE(version, 14)
  return bytes
}

type Scored = { readonly scores: Float32Array; readonly versions: readonly number[] }
const MOST_KEPT = 1_024

function rawField(data: Float32Array | Int32Array): Message {
  return bytesField(6, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}

export function serverMetadataReply(name: string, version: string, extensions: readonly string[]): GrpcReply {
  return [textField(1, name), textField(2, version), ...extensions.map((extension) => textField(3, extension))].flat()
}

/** A `ModelMetadataResponse`. Field 6 is never written: dialects of the protocol disagree about it. */
export function metadataReply(live: Live): GrpcReply {
  const { name, versions, platform, inputs, outputs } = metadataOf(live)
  const port = (number: number, { name: portName, datatype, shape }: TensorSpec) =>
    messageField(number, [textField(1, portName), textField(2, datatype), packedIntegers(3, shape)])
  return [
    textField(1, name),
    ...versions.map((version) => textField(2, version)),
    textField(3, platform),
    ...inputs.map((input) => port(4, input)),
    ...outputs.map((output) => port(5, output)),
  ].flat()
}

/** Triton’s `ModelConfigResponse`. */
export function configReply(live: Live): GrpcReply {
  const { model } = live.champion
  const { inputs, outputs } = portsOf(live)
  const dims = (shape: readonly number[]) => (model.tabular ? shape.slice(1) : shape)
  const type = ({ datatype }: TensorSpec) => varintField(2, configTypes[datatype as Datatype][1])
  return messageField(1, [
    textField(1, live.name),
    textField(2, model.platform),
    varintField(4, model.tabular ? live.spec.limits.rowsPerRequest : 0),
    ...inputs.map((input) => messageField(5, [textField(1, input.name), type(input), packedIntegers(4, dims(input.shape))])),
    ...outputs.map((output) => messageField(6, [textField(1, output.name), type(output), packedIntegers(3, dims(output.shape))])),
  ])
}

/** Triton’s `ModelStatisticsResponse`; what is not measured is left out. */
export function statisticsReply(all: readonly { readonly name: string; readonly figures: Readonly<VersionStatistics> }[]): GrpcReply {
  const duration = (number: number, { count, ns }: { readonly count: number; readonly ns: number }) =>
    messageField(number, [varintField(1, count), varintField(2, ns)])
  return all.flatMap(({ name, figures: { version, rows, lastMs, success, fail } }) =>
    messageField(1, [
      textField(1, name),
      textField(2, String(version)),
      varintField(3, lastMs),
      varintField(4, rows),
      messageField(6, [duration(1, success), duration(2, fail)]),
    ]),
  )
}

export function indexReply(entries: readonly IndexEntry[]): GrpcReply {
  return entries.flatMap(({ name, version, state, reason }) =>
    messageField(1, [textField(1, name), textField(2, version), textField(3, state), textField(4, reason)]),
  )
}
