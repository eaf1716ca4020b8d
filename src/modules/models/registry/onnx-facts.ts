import { AppError, messageFrom } from '../../../contract/errors.ts'
import type { OnnxFacts, Tensor } from '../../../contract/model-record.ts'
import { type Port, readModel } from '../../../lib/onnx/read-model.ts'

/**
 * Reads what a model file says of itself, without running it. Throws `unsafe` with the reason for a file that is not ONNX,
 * is cut off, refers to other files, or needs operators that only a custom library has.
 */
export function factsFromOnnx(bytes: Uint8Array): OnnxFacts {
  const model = parse(bytes)
  if (model.externalFiles.length > 0)
    throw new AppError(
      'unsafe',
      `this ONNX file refers to other files (${model.externalFiles.slice(0, 3).join(', ')}); save it as one file`,
    )
  if (model.customOperators.length > 0)
    throw new AppError(
      'unsafe',
      `this ONNX file needs operators of a custom library: ${model.customOperators.map((operator) => `${operator.domain}.${operator.name}`).join(', ')}`,
    )
  return {
    producer: [model.producer.name, model.producer.version].filter(Boolean).join(' '),
    irVersion: model.irVersion,
    opsets: [...model.opsets],
    operators: Object.fromEntries(model.operators.map((operator) => [operator.name, operator.count])),
    inputs: model.inputs.map(tensorFrom),
    outputs: model.outputs.map(tensorFrom),
    weightBytes: model.initializers.bytes,
  }
}

function parse(bytes: Uint8Array) {
  try {
    return readModel(bytes)
  } catch (error) {
    throw new AppError('unsafe', `this is not a readable ONNX file: ${messageFrom(error)}`, {}, error)
  }
}

function tensorFrom({ name, elementType, shape }: Port): Tensor {
  return {
    name,
    datatype: datatypes[elementType] ?? elementType.toUpperCase(),
    shape: (shape ?? []).map((length) => (typeof length === 'number' ? length : -1)),
  }
}

/** Element types of ONNX under their names in the Open Inference Protocol. */
const datatypes: Readonly<Record<string, string>> = {
  float: 'FP32',
  double: 'FP64',
  float16: 'FP16',
  bfloat16: 'BF16',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  bool: 'BOOL',
  string: 'BYTES',
}
