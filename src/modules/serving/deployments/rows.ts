import { AppError } from '../../../contract/errors.ts'
import { floatsFromTensor } from '../../../lib/tensors/rows.ts'
import { elementsIn, type Tensor } from '../../../lib/tensors/tensor.ts'
import type { Live } from './live.ts'

/** What a deployment adds to the outputs of a tabular model, and what its metadata names. */
export const tabularOutputs = ['score', 'prediction', 'version'] as const

export type Rows = { readonly count: number; readonly values: Float32Array }

/**
 * The rows of features in an infer request for a tabular model: one tensor of numbers, [rows, features] or [features]; or one
 * tensor a feature, named by it, [rows] or [rows, 1]. Throws `invalid` naming the tensor, the rule and what was sent.
 */
export function rowsFromTensors({ champion: { features } }: Live, inputs: readonly Tensor[]): Rows {
  if (inputs.length === 1 && !(features.length === 1 && inputs[0]!.shape.length === 1 && inputs[0]!.name === features[0]))
    return rowsFromMatrix(inputs[0]!, features.length)
  return rowsFromColumns(inputs, features)
}

function rowsFromMatrix(input: Tensor, width: number): Rows {
  const { name, shape } = input
  if (shape.at(-1) !== width)
    throw new AppError('invalid', `input ${name}: the last dimension is ${shape.at(-1)}; the model takes ${width} features`, {
      features: width,
    })
  const count = elementsIn(shape.slice(0, -1))
  if (count < 1) throw new AppError('invalid', `input ${name}: shape [${shape.join(', ')}] has no rows`)
  return { count, values: numbersOf(input) }
}

function rowsFromColumns(inputs: readonly Tensor[], features: readonly string[]): Rows {
  const columns = new Map(inputs.map((input) => [input.name, input]))
  const missing = features.filter((name) => !columns.has(name))
  const unknown = inputs.filter(({ name }) => !features.includes(name)).map(({ name }) => name)
  if (missing.length > 0 || unknown.length > 0 || columns.size !== inputs.length)
    throw new AppError(
      'invalid',
      `the model takes one tensor of ${features.length} features, or one a feature; the request has ${inputs.length}${listed('; missing', missing)}${listed('; unknown', unknown)}`,
    )
  const count = elementsIn(inputs[0]!.shape)
  if (count < 1) throw new AppError('invalid', `input ${inputs[0]!.name}: shape [${inputs[0]!.shape.join(', ')}] has no rows`)
  const values = new Float32Array(count * features.length)
  features.forEach((name, column) => {
    const input = columns.get(name)!
    if (elementsIn(input.shape) !== count)
      throw new AppError('invalid', `input ${name}: ${elementsIn(input.shape)} rows were sent; ${inputs[0]!.name} has ${count}`)
    const numbers = numbersOf(input)
    for (let row = 0; row < count; row++) values[row * features.length + column] = numbers[row]!
  })
  return { count, values }
}

function listed(what: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${what} ${names.slice(0, 10).join(', ')}${names.length > 10 ? ' …' : ''}`
}

function numbersOf(input: Tensor): Float32Array {
  const values = floatsFromTensor(input)
  if (!values) throw new AppError('invalid', `input ${input.name}: datatype BYTES is not taken; the model’s features are numbers`)
  return values
}

/** One row from values by feature name. Throws `invalid` naming every feature that is wrong, the rule and what was sent. */
export function rowFromNames(live: Live, given: Readonly<Record<string, unknown>>): Float32Array {
  const { features: names } = live.champion
  const { features: rules } = live.spec
  const problems = Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => `unknown ${name}`)
  const row = new Float32Array(names.length)
  names.forEach((name, column) => {
    const value = given[name]
    const rule = rules[name]
    if (value === undefined && rule?.required !== false) problems.push(`missing ${name}`)
    else if (value !== undefined && value !== null && typeof value !== 'number')
      problems.push(`${name} must be a number or null, not ${JSON.stringify(value)?.slice(0, 60)}`)
    row[column] = (value as number | null | undefined) ?? (value === undefined ? rule?.default : undefined) ?? Number.NaN
  })
  if (problems.length > 0)
    throw new AppError('invalid', `features of ${live.name}: ${problems.join('; ')}; send null for a value that is not known`, { problems })
  return row
}
