import type { FeatureRule } from '../../../contract/deployments.ts'
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

/** One thing that is wrong with a request: where, what is asked for there, and what was sent. */
export type Problem = { readonly field: string; readonly rule: string; readonly received: unknown }

/** Problems of one request that are listed; the rest are not looked for. */
const MOST_PROBLEMS = 100
const MOST_SHOWN = 60

/**
 * Rows from values by feature name, each object under the field that `fieldOf` names. Reads on after a problem, so that all are
 * known at once; the values are good only where there is none.
 */
export function rowsFromNames(
  { champion: { features: names }, spec: { features: rules } }: Live,
  given: readonly unknown[],
  fieldOf: (row: number) => string,
): { readonly values: Float32Array; readonly problems: readonly Problem[] } {
  const values = new Float32Array(given.length * names.length)
  const problems: Problem[] = []
  for (let row = 0; row < given.length && problems.length < MOST_PROBLEMS; row++) {
    const field = fieldOf(row)
    const one = given[row]
    if (typeof one !== 'object' || one === null || Array.isArray(one)) {
      problems.push({ field, rule: 'an object of values by feature name', received: shown(one) })
      continue
    }
    const features = one as Readonly<Record<string, unknown>>
    names.forEach((name, column) => {
      const value = Object.hasOwn(features, name) ? features[name] : undefined
      const rule = ruleBroken(value, rules[name])
      if (rule) problems.push({ field: `${field}.${name}`, rule, received: shown(value) })
      values[row * names.length + column] = floatFrom(value, rules[name])
    })
    for (const name of Object.keys(features))
      if (!names.includes(name))
        problems.push({ field: `${field}.${name}`, rule: 'no feature of the model', received: shown(features[name]) })
  }
  return { values, problems: problems.slice(0, MOST_PROBLEMS) }
}

function ruleBroken(value: unknown, rule: FeatureRule | undefined): string | undefined {
  if (value === undefined) return rule?.required === false ? undefined : 'required; null where it is not known'
  if (value === null) return rule?.missing === false ? 'a number; null is not taken' : undefined
  if (typeof value !== 'number') return 'a number or null'
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = rule ?? {}
  if (value >= min && value <= max) return undefined
  return max === Number.POSITIVE_INFINITY
    ? `at least ${min}`
    : min === Number.NEGATIVE_INFINITY
      ? `at most ${max}`
      : `from ${min} to ${max}`
}

function floatFrom(value: unknown, rule: FeatureRule | undefined): number {
  if (value === undefined) return rule?.default ?? Number.NaN
  return typeof value === 'number' ? value : Number.NaN
}

/** What was sent, short enough for a reply; absent for what was not sent. */
function shown(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, MOST_SHOWN)
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? 'a list' : 'an object'
}

/** Throws `invalid` with every problem, in words and as details. */
export function refuseProblems(deployment: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const told = problems.slice(0, 10).map(({ field, rule, received }) => {
    const sent = received === undefined ? '' : `, not ${JSON.stringify(received)}`
    return `${field}: ${rule}${sent}`
  })
  const more = problems.length > told.length ? `; and ${problems.length - told.length} more` : ''
  throw new AppError('invalid', `the request to ${deployment} is wrong: ${told.join('; ')}${more}`, { problems })
}
