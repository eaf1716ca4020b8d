import { createWire, type Field, integerOf, readFields, readMessage, textOf, type Wire } from '../protobuf/wire-reader.ts'

/** An input or output. A dimension is a size, or the name of one that is free ('?' where it has none); `null` if the rank is free too. */
export type Port = {
  readonly name: string
  readonly container: 'tensor' | 'sparse' | 'sequence' | 'map' | 'optional' | 'unknown'
  /** 'float', 'int64', 'string', …; of the content for a container. */
  readonly elementType: string
  readonly shape: readonly (number | string)[] | null
}

type Operator = { readonly domain: string; readonly name: string; readonly count: number }

/** What is known of an ONNX file without running it. The domain of the standard operators is written 'ai.onnx'. */
export type ModelSummary = {
  readonly producer: { readonly name: string; readonly version: string }
  readonly irVersion: number
  readonly opsets: readonly { readonly domain: string; readonly version: number }[]
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /** Everything the graph, its subgraphs and its functions use, most used first. */
  readonly operators: readonly Operator[]
  /** Operators outside ONNX's own domains that the file does not define as a function. */
  readonly customOperators: readonly Operator[]
  /** Weights of the graph and its subgraphs; `bytes` as stored in this file. */
  readonly initializers: { readonly count: number; readonly bytes: number }
  /** Other files that the model asks to be read, at most 100 of them; empty is the only safe value for an upload. */
  readonly externalFiles: readonly string[]
  readonly subgraphs: number
  readonly functions: number
}

export type ReadLimits = { readonly maxBytes?: number; readonly maxFields?: number; readonly maxDepth?: number }

const standardDomains: ReadonlySet<string> = new Set(['ai.onnx', 'ai.onnx.ml', 'ai.onnx.training', 'ai.onnx.preview.training'])

/** The fields of TensorProto that hold elements. */
const dataFields: ReadonlySet<number> = new Set([4, 5, 6, 7, 9, 10, 11])

const elementTypes: readonly string[] =
  'undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1'.split(
    ' ',
  )

type Survey = {
  readonly wire: Wire
  readonly maxDepth: number
  readonly inputs: Port[]
  readonly outputs: Port[]
  readonly initializerNames: Set<string>
  readonly operators: Map<string, { domain: string; name: string; count: number }>
  readonly opsets: Map<string, number>
  readonly functions: Set<string>
  readonly externalFiles: Set<string>
  producerName: string
  producerVersion: string
  irVersion: number
  graphs: number
  nestedGraphs: number
  initializers: number
  initializerBytes: number
}

/**
 * Reads the summary of an ONNX file from its protobuf (onnx.proto, IR versions 3 and later). Field numbers are those of
 * onnx.proto; unknown fields are passed over. Throws RangeError, with the reason, for a file that is not a model, is
 * damaged, or is beyond the limits (2 GiB, 50 million fields, graphs nested 16 deep).
 */
export function readModel(bytes: Uint8Array, limits: ReadLimits = {}): ModelSummary {
  const { maxBytes = 2 ** 31 - 1, maxFields = 50_000_000, maxDepth = 16 } = limits
  if (bytes.length === 0) throw new RangeError('not an ONNX model: the file is empty')
  if (bytes.length > maxBytes) throw new RangeError(`the model has ${bytes.length} bytes, the limit is ${maxBytes}`)
  const survey = createSurvey(createWire(bytes, maxFields), maxDepth)
  try {
    readFields(survey.wire, 0, bytes.length, (field) => readModelField(survey, field))
  } catch (cause) {
    if (cause instanceof RangeError) throw new RangeError(`not a readable ONNX model: ${cause.message}`, { cause })
    throw cause
  }
  if (survey.graphs === 0) throw new RangeError('not an ONNX model: it has no graph')
  if (survey.irVersion < 3)
    throw new RangeError(`ONNX IR version ${survey.irVersion} is not supported; export the model with IR version 3 or later`)
  if (survey.opsets.size === 0) throw new RangeError('not an ONNX model: it imports no operator set')
  if (survey.outputs.length === 0) throw new RangeError('the ONNX model has no output')
  return summaryOf(survey)
}

function createSurvey(wire: Wire, maxDepth: number): Survey {
  return {
    wire,
    maxDepth,
    inputs: [],
    outputs: [],
    initializerNames: new Set(),
    operators: new Map(),
    opsets: new Map(),
    functions: new Set(),
    externalFiles: new Set(),
    producerName: '',
    producerVersion: '',
    irVersion: 0,
    graphs: 0,
    nestedGraphs: 0,
    initializers: 0,
    initializerBytes: 0,
  }
}

function summaryOf(survey: Survey): ModelSummary {
  const operators = [...survey.operators.values()].sort((a, b) => b.count - a.count || (keyOf(a) < keyOf(b) ? -1 : 1))
  return {
    producer: { name: survey.producerName, version: survey.producerVersion },
    irVersion: survey.irVersion,
    opsets: Array.from(survey.opsets, ([domain, version]) => ({ domain, version })),
    // A weight may be listed as an input too, as its default: it is not asked of the caller.
    inputs: survey.inputs.filter((port) => !survey.initializerNames.has(port.name)),
    outputs: survey.outputs,
    operators,
    customOperators: operators.filter((one) => !standardDomains.has(one.domain) && !survey.functions.has(keyOf(one))),
    initializers: { count: survey.initializers, bytes: survey.initializerBytes },
    externalFiles: [...survey.externalFiles],
    subgraphs: survey.nestedGraphs,
    functions: survey.functions.size,
  }
}

function keyOf({ domain, name }: { readonly domain: string; readonly name: string }): string {
  return `${domain}\0${name}`
}

function domainOf(text: string): string {
  return text === '' ? 'ai.onnx' : text
}

function readModelField(survey: Survey, field: Readonly<Field>): void {
  switch (field.number) {
    case 1:
      survey.irVersion = integerOf(field)
      break
    case 2:
      survey.producerName = textOf(survey.wire, field)
      break
    case 3:
      survey.producerVersion = textOf(survey.wire, field)
      break
    case 7:
      survey.graphs++
      readGraph(survey, field, 0)
      break
    case 8:
      readOpset(survey, field)
      break
    case 20:
      // TrainingInfoProto: two graphs that prepare and update the weights
      readMessage(survey.wire, field, (part) => {
        if (part.number === 1 || part.number === 2) readGraph(survey, part, 1)
      })
      break
    case 25:
      readFunction(survey, field)
      break
  }
}

function readOpset(survey: Survey, field: Readonly<Field>): void {
  let domain = ''
  let version = 0
  readMessage(survey.wire, field, (part) => {
    if (part.number === 1) domain = textOf(survey.wire, part)
    else if (part.number === 2) version = integerOf(part)
  })
  survey.opsets.set(domainOf(domain), version)
}

function readFunction(survey: Survey, field: Readonly<Field>): void {
  let name = ''
  let domain = ''
  readMessage(survey.wire, field, (part) => {
    if (part.number === 1) name = textOf(survey.wire, part)
    else if (part.number === 7) readNode(survey, part, 1)
    else if (part.number === 10) domain = textOf(survey.wire, part)
    else if (part.number === 11) readAttribute(survey, part, 1)
  })
  survey.functions.add(keyOf({ domain: domainOf(domain), name }))
}

function readGraph(survey: Survey, field: Readonly<Field>, depth: number): void {
  if (depth > survey.maxDepth) throw new RangeError(`graphs are nested more than ${survey.maxDepth} deep`)
  if (depth > 0) survey.nestedGraphs++
  readMessage(survey.wire, field, (part) => {
    if (part.number === 1) readNode(survey, part, depth)
    else if (part.number === 5) addInitializer(survey, readTensor(survey, part), depth)
    else if (part.number === 15) addInitializer(survey, readSparse(survey, part), depth)
    else if (part.number === 11 && depth === 0) survey.inputs.push(readPort(survey.wire, part))
    else if (part.number === 12 && depth === 0) survey.outputs.push(readPort(survey.wire, part))
  })
}

function addInitializer(survey: Survey, tensor: StoredTensor, depth: number): void {
  if (depth === 0) survey.initializerNames.add(tensor.name)
  survey.initializers++
  survey.initializerBytes += tensor.bytes
}

function readNode(survey: Survey, field: Readonly<Field>, depth: number): void {
  let name = ''
  let domain = ''
  readMessage(survey.wire, field, (part) => {
    if (part.number === 4) name = textOf(survey.wire, part)
    else if (part.number === 5) readAttribute(survey, part, depth)
    else if (part.number === 7) domain = textOf(survey.wire, part)
  })
  if (name === '') throw new RangeError(`the node at byte ${field.start} names no operator`)
  const operator = { domain: domainOf(domain), name, count: 0 }
  const known = survey.operators.get(keyOf(operator)) ?? operator
  known.count++
  survey.operators.set(keyOf(operator), known)
}

function readAttribute(survey: Survey, field: Readonly<Field>, depth: number): void {
  readMessage(survey.wire, field, (part) => {
    if (part.number === 5 || part.number === 10) readTensor(survey, part)
    else if (part.number === 6 || part.number === 11) readGraph(survey, part, depth + 1)
    else if (part.number === 22 || part.number === 23) readSparse(survey, part)
  })
}

type StoredTensor = { readonly name: string; readonly bytes: number }

/** A sparse tensor goes by the name of its values. */
function readSparse(survey: Survey, field: Readonly<Field>): StoredTensor {
  let name = ''
  let bytes = 0
  readMessage(survey.wire, field, (part) => {
    if (part.number !== 1 && part.number !== 2) return
    const tensor = readTensor(survey, part)
    bytes += tensor.bytes
    if (part.number === 1) name = tensor.name
  })
  return { name, bytes }
}

function readTensor(survey: Survey, field: Readonly<Field>): StoredTensor {
  let name = ''
  let external = false
  let location = ''
  let bytes = 0
  readMessage(survey.wire, field, (part) => {
    if (part.number === 8) name = textOf(survey.wire, part)
    else if (part.number === 13) {
      external = true
      location = locationIn(survey.wire, part) ?? location
    } else if (part.number === 14) external ||= integerOf(part) === 1
    else if (dataFields.has(part.number)) bytes += part.end - part.start
  })
  if (external && survey.externalFiles.size < 100) survey.externalFiles.add(location || '?')
  return { name, bytes }
}

function locationIn(wire: Wire, field: Readonly<Field>): string | undefined {
  let key = ''
  let value = ''
  readMessage(wire, field, (part) => {
    if (part.number === 1) key = textOf(wire, part)
    else if (part.number === 2) value = textOf(wire, part)
  })
  return key === 'location' ? value : undefined
}

function readPort(wire: Wire, field: Readonly<Field>): Port {
  let name = ''
  let type: Omit<Port, 'name'> = { container: 'unknown', elementType: 'undefined', shape: null }
  readMessage(wire, field, (part) => {
    if (part.number === 1) name = textOf(wire, part)
    else if (part.number === 2) type = readType(wire, part, 0)
  })
  return { name, ...type }
}

const containers: Readonly<Record<number, Port['container']>> = { 1: 'tensor', 4: 'sequence', 5: 'map', 8: 'sparse', 9: 'optional' }

function readType(wire: Wire, field: Readonly<Field>, depth: number): Omit<Port, 'name'> {
  if (depth > 8) throw new RangeError('a type is nested more than 8 deep')
  let type: Omit<Port, 'name'> = { container: 'unknown', elementType: 'undefined', shape: null }
  readMessage(wire, field, (part) => {
    const container = containers[part.number]
    if (container === undefined) return
    type =
      container === 'tensor' || container === 'sparse' ? readTensorType(wire, part, container) : readContainer(wire, part, container, depth)
  })
  return type
}

function readTensorType(wire: Wire, field: Readonly<Field>, container: 'tensor' | 'sparse'): Omit<Port, 'name'> {
  let elementType = 'undefined'
  let shape: (number | string)[] | null = null
  readMessage(wire, field, (part) => {
    if (part.number === 1) elementType = elementTypes[integerOf(part)] ?? `type ${integerOf(part)}`
    else if (part.number === 2) {
      const dimensions: (number | string)[] = shape ?? []
      readMessage(wire, part, (dimension) => {
        if (dimension.number === 1) dimensions.push(readDimension(wire, dimension))
      })
      shape = dimensions
    }
  })
  return { container, elementType, shape }
}

/** A sequence or optional holds one type; a map holds a key type (an integer) and then the type of its values. */
function readContainer(wire: Wire, field: Readonly<Field>, container: Port['container'], depth: number): Omit<Port, 'name'> {
  let content: Omit<Port, 'name'> | undefined
  readMessage(wire, field, (part) => {
    if (part.number === (container === 'map' ? 2 : 1)) content = readType(wire, part, depth + 1)
  })
  return { container, elementType: content?.elementType ?? 'undefined', shape: content?.shape ?? null }
}

function readDimension(wire: Wire, field: Readonly<Field>): number | string {
  let size: number | string = '?'
  readMessage(wire, field, (part) => {
    if (part.number === 1) size = integerOf(part) < 0 ? '?' : integerOf(part)
    else if (part.number === 2) size = textOf(wire, part) || '?'
  })
  return size
}
