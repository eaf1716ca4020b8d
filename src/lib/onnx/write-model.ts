import {
  bytesField,
  floatField,
  joined,
  littleEndian,
  type Message,
  messageField,
  packedFloats,
  packedIntegers,
  textField,
  varintField,
} from '../protobuf/wire-writer.ts'

/** An attribute of a node. The kind is stated, since 1 may be an integer or a float. */
export type Attribute =
  | { readonly kind: 'float' | 'integer'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'floats' | 'integers'; readonly value: ArrayLike<number> & Iterable<number> }
  | { readonly kind: 'texts'; readonly value: readonly string[] }

type NodeSpec = {
  readonly operator: string
  /** Empty or left out for the standard operators. */
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** TensorProto.DataType of onnx.proto. */
const elementTypes = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} as const

/** A tensor, of 32-bit floats when nothing else is said: a free dimension is a name. */
type PortSpec = {
  readonly name: string
  readonly shape: readonly (number | string)[]
  readonly datatype?: keyof typeof elementTypes
}

export type ModelSpec = {
  readonly producer: { readonly name: string; readonly version: string }
  readonly opsets: readonly { readonly domain: string; readonly version: number }[]
  readonly graphName: string
  readonly inputs: readonly PortSpec[]
  readonly outputs: readonly PortSpec[]
  readonly nodes: readonly NodeSpec[]
  readonly initializers?: readonly { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array }[]
}

const IR_VERSION = 8

/** The bytes of an ONNX model (onnx.proto, IR version 8) whose weights are floats. Throws RangeError when a weight does not fill its shape. */
export function encodeModel(spec: ModelSpec): Uint8Array {
  return joined([
    varintField(1, IR_VERSION),
    textField(2, spec.producer.name),
    textField(3, spec.producer.version),
    messageField(7, [
      ...spec.nodes.map((node) => messageField(1, nodeFields(node))),
      textField(2, spec.graphName),
      ...(spec.initializers ?? []).map((tensor) => messageField(5, tensorFields(tensor))),
      ...spec.inputs.map((port) => messageField(11, portFields(port))),
      ...spec.outputs.map((port) => messageField(12, portFields(port))),
    ]),
    ...spec.opsets.map(({ domain, version }) => messageField(8, [textField(1, domain), varintField(2, version)])),
  ])
}

function nodeFields(node: NodeSpec): Message[] {
  return [
    ...node.inputs.map((name) => textField(1, name)),
    ...node.outputs.map((name) => textField(2, name)),
    textField(3, node.outputs[0] ?? node.operator),
    textField(4, node.operator),
    ...Object.entries(node.attributes ?? {}).map(([name, attribute]) =>
      messageField(5, [textField(1, name), ...attributeFields(attribute)]),
    ),
    textField(7, node.domain ?? ''),
  ]
}

/** Field 20 is the kind, AttributeProto.AttributeType. */
function attributeFields(attribute: Attribute): Message[] {
  switch (attribute.kind) {
    case 'float':
      return [floatField(2, attribute.value), varintField(20, 1)]
    case 'integer':
      return [varintField(3, attribute.value), varintField(20, 2)]
    case 'text':
      return [textField(4, attribute.value), varintField(20, 3)]
    case 'floats':
      return [packedFloats(7, attribute.value), varintField(20, 6)]
    case 'integers':
      return [packedIntegers(8, attribute.value), varintField(20, 7)]
    case 'texts':
      return [...attribute.value.map((text) => textField(9, text)), varintField(20, 8)]
  }
}

function tensorFields(tensor: { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array }): Message[] {
  const size = tensor.shape.reduce((product, dimension) => product * dimension, 1)
  if (size !== tensor.values.length)
    throw new RangeError(`${tensor.name} of shape [${tensor.shape}] needs ${size} values, not ${tensor.values.length}`)
  return [
    packedIntegers(1, tensor.shape),
    varintField(2, elementTypes.FP32),
    textField(8, tensor.name),
    bytesField(9, littleEndian(tensor.values)),
  ]
}

function portFields(port: PortSpec): Message[] {
  const dimensions = port.shape.map((size) => messageField(1, [typeof size === 'number' ? varintField(1, size) : textField(2, size)]))
  return [
    textField(1, port.name),
    messageField(2, [messageField(1, [varintField(1, elementTypes[port.datatype ?? 'FP32']), messageField(2, dimensions)])]),
  ]
}
