import { AppError } from '../../../contract/errors.ts'
import type { Tensor } from '../../../lib/tensors/tensor.ts'
import type { LoadedModel } from './model.ts'

/**
 * Refuses tensors that a model does not take, before it is run: a name that is missing, unknown or given twice, another
 * datatype, another shape; and outputs it does not have. Throws `invalid` naming the tensor, the rule and what was sent.
 */
export function checkInputs(model: Pick<LoadedModel, 'inputs' | 'outputs'>, tensors: readonly Tensor[], outputs: readonly string[]): void {
  const given = new Set(tensors.map(({ name }) => name))
  const names = model.inputs.map(({ name }) => name)
  if (given.size !== tensors.length) throw new AppError('invalid', 'inputs: every tensor must have a name of its own')
  const missing = names.filter((name) => !given.has(name))
  if (missing.length > 0) throw new AppError('invalid', `inputs: ${missing.join(', ')} is missing; the model takes ${names.join(', ')}`)
  for (const { name, datatype, shape } of tensors) {
    const spec = model.inputs.find((input) => input.name === name)
    if (!spec) throw new AppError('invalid', `input ${name} is unknown; the model takes ${names.join(', ')}`)
    if (spec.datatype !== datatype) throw new AppError('invalid', `input ${name}: the model takes ${spec.datatype}; ${datatype} was sent`)
    if (spec.shape.length !== shape.length || spec.shape.some((length, axis) => length !== -1 && length !== shape[axis]))
      throw new AppError('invalid', `input ${name}: the model takes shape [${spec.shape.join(', ')}]; [${shape.join(', ')}] was sent`)
  }
  const unknown = outputs.filter((name) => !model.outputs.some((output) => output.name === name))
  if (unknown.length > 0)
    throw new AppError(
      'invalid',
      `outputs: ${unknown.join(', ')} is unknown; the model gives ${model.outputs.map(({ name }) => name).join(', ')}`,
    )
}
