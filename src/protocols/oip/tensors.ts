import { AppError } from '../../contract/errors.ts'

const FLOATS: ReadonlySet<string> = new Set(['FP32', 'FP64', 'INT8', 'INT16', 'INT32', 'UINT8', 'UINT16', 'UINT32', 'BOOL'])

type Tensor = { readonly name: string; readonly shape: readonly number[]; readonly datatype: string; readonly data: readonly unknown[] }
type InferRequest = { readonly id?: string; readonly parameters?: Readonly<Record<string, unknown>>; readonly inputs: readonly Tensor[] }

export type Rows = {
  readonly id: string | undefined
  readonly count: number
  readonly values: Float32Array
  readonly actor: string
  readonly source: string
  readonly ids: readonly string[] | undefined
}

/**
 * The rows of an infer request in JSON. One input tensor of shape [rows, features] or [features], nested or flat,
 * row by row; `null` is a missing value. `parameters` may carry `actor`, `source` and one `ids` entry a row.
 * Throws `invalid` naming the tensor, the rule and what was sent.
 */
export function rowsFromRequest(body: unknown, features: number): Rows {
  const request = checkedRequest(body)
  const [input, ...others] = request.inputs
  if (!input || others.length > 0)
    throw new AppError('invalid', `the model takes one input tensor; the request has ${request.inputs.length}`)
  if (!FLOATS.has(input.datatype))
    throw new AppError('invalid', `input ${input.name}: datatype ${input.datatype} is not taken; use one of ${[...FLOATS].join(', ')}`)
  const count = rowCount(input.name, input.shape, features)
  // Memory follows what was sent, never what was claimed.
  if (count * features > input.data.length * Math.max(features, 1))
    throw new AppError(
      'invalid',
      `input ${input.name}: shape [${input.shape.join(', ')}] needs ${count * features} values; at most ${input.data.length * features} can be in the data`,
    )
  const values = new Float32Array(count * features)
  const filled = fill(values, 0, input.data, input.name)
  if (filled !== values.length)
    throw new AppError(
      'invalid',
      `input ${input.name}: shape [${input.shape.join(', ')}] needs ${values.length} values; ${filled} were sent`,
    )
  const { actor, source, ids } = request.parameters ?? {}
  return { id: request.id, count, values, actor: text(actor, 'actor'), source: text(source, 'source'), ids: idList(ids, count) }
}

/** The hot path’s own check of the request’s form, worded like every other; unknown fields are ignored, as the protocol asks. */
function checkedRequest(body: unknown): InferRequest {
  const refuse = (what: string): never => {
    throw new AppError('invalid', what)
  }
  if (!isObject(body)) return refuse('the body must be a JSON object')
  const { id, inputs, parameters } = body
  if (id !== undefined && (typeof id !== 'string' || id.length > 128)) refuse('id: a text of at most 128 characters is needed')
  if (parameters !== undefined && !isObject(parameters)) refuse('parameters: an object is needed')
  if (!Array.isArray(inputs) || inputs.length === 0) return refuse('inputs: a list of at least one tensor is needed')
  for (const [i, tensor] of inputs.entries()) {
    if (!isObject(tensor)) return refuse(`inputs.${i}: an object is needed`)
    const { name, shape, datatype, data } = tensor
    if (typeof name !== 'string') refuse(`inputs.${i}.name: a text is needed`)
    if (typeof datatype !== 'string') refuse(`inputs.${i}.datatype: a text is needed`)
    if (
      !Array.isArray(shape) ||
      shape.length === 0 ||
      shape.length > 8 ||
      !shape.every((length) => Number.isSafeInteger(length) && length >= 0)
    )
      refuse(`inputs.${i}.shape: a list of 1 to 8 whole numbers is needed`)
    if (!Array.isArray(data)) refuse(`inputs.${i}.data: a list is needed; binary tensors are not taken yet`)
  }
  return body as InferRequest
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function rowCount(name: string, shape: readonly number[], features: number): number {
  const width = shape.at(-1)!
  const rows = shape.slice(0, -1).reduce((product, length) => product * length, 1)
  if (width !== features)
    throw new AppError('invalid', `input ${name}: the last dimension is ${width}; the model takes ${features} features`, { features })
  if (rows < 1 || !Number.isSafeInteger(rows)) throw new AppError('invalid', `input ${name}: shape [${shape.join(', ')}] has no rows`)
  return rows
}

function fill(values: Float32Array, offset: number, data: readonly unknown[], name: string): number {
  let next = offset
  for (const item of data) {
    if (typeof item === 'number') {
      if (next < values.length) values[next] = item
      next += 1
    } else if (Array.isArray(item)) next = fill(values, next, item, name)
    else if (item === null || typeof item === 'boolean') {
      if (next < values.length) values[next] = item === null ? Number.NaN : Number(item)
      next += 1
    } else throw new AppError('invalid', `input ${name}: value ${next} is ${JSON.stringify(item)}; a number or null is needed`)
  }
  return next
}

function text(value: unknown, name: string): string {
  if (value === undefined) return ''
  if (typeof value === 'string' && value.length <= 128) return value
  throw new AppError('invalid', `parameters.${name} must be a text of at most 128 characters`)
}

function idList(value: unknown, count: number): readonly string[] | undefined {
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.length === count && value.every((id) => typeof id === 'string' && id.length > 0 && id.length <= 128))
    return value
  throw new AppError('invalid', `parameters.ids must be a list of ${count} texts of 1 to 128 characters, one a row`)
}
